package fakejira

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apply sets the fields of an issue from a request and collects the errors by
// field, as Jira does.
func (c *call) apply(i *issue, values, update map[string]any) error {
	problems := map[string]string{}
	for name, value := range values {
		if problem := c.set(i, name, value); problem != "" {
			problems[name] = problem
		}
	}
	for name, operations := range update {
		list, isList := operations.([]any)
		if !isList {
			problems[name] = "The operations must be a list."
			continue
		}
		for _, entry := range list {
			operation, _ := entry.(map[string]any)
			for verb, value := range operation {
				if problem := c.updateField(i, name, verb, value); problem != "" {
					problems[name] = problem
				}
			}
		}
	}
	if len(problems) > 0 {
		return &failure{status: http.StatusBadRequest, fields: problems}
	}
	return nil
}

// set sets a field. It returns an error message if the value is invalid.
func (c *call) set(i *issue, name string, value any) string {
	site := c.server.site
	switch name {
	case "summary":
		text, isText := value.(string)
		switch {
		case !isText || strings.TrimSpace(text) == "":
			return "You must specify a summary of the issue."
		case len(text) > 255:
			return "Summary must be less than 255 characters."
		case strings.ContainsAny(text, "\r\n"):
			return "The summary is invalid because it contains newline characters."
		}
		i.summary = text
	case "description":
		document, valid := parseDocument(value, c.version)
		if !valid {
			if c.version == 3 {
				return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
			}
			return "Operation value must be a string"
		}
		i.description = document
	case "issuetype":
		kind, found := site.typeBy(referred(value, "id", "name"))
		if !found {
			return "The issue type selected is invalid."
		}
		i.kind = kind
	case "priority":
		priority, found := site.priorityBy(referred(value, "id", "name"))
		if !found {
			return "The priority selected is invalid."
		}
		i.priority = priority
	case "assignee", "reporter":
		u, problem := c.userRef(value)
		if problem != "" {
			return problem
		}
		if name == "assignee" {
			i.assignee = u
		} else if u != nil {
			i.reporter = u
		}
	case "labels":
		list, isList := value.([]any)
		if !isList && value != nil {
			return "data was not an array"
		}
		i.labels = nil
		for _, entry := range list {
			text, isText := entry.(string)
			if !isText {
				return "string expected at index 0"
			}
			if strings.ContainsAny(text, " \t\n") {
				return "The label '" + text + "' contains spaces which is invalid."
			}
			i.labels = append(i.labels, text)
		}
	case "duedate":
		text, isText := value.(string)
		if value == nil || isText && text == "" {
			i.due = ""
			return ""
		}
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return "Error parsing date string: " + text
		}
		i.due = text
	case "parent":
		if name := referred(value, "key", "id", "set"); value == nil || name == "" || strings.EqualFold(name, "none") {
			// jira-cli sends an empty reference with every edit.
			i.parent = nil
			return ""
		}
		ref, found := site.refBy(referred(value, "key", "id"))
		if !found || site.issueAt(ref) == nil {
			return "Could not find issue by id or key."
		}
		i.parent = &ref
	case "customfield_10016":
		points, isNumber := value.(float64)
		if !isNumber && value != nil {
			return "Operation value must be a number"
		}
		i.points = points
	case "project":
		if site.projectBy(referred(value, "key", "id")) != i.project {
			return "Changing the project of an issue is not possible here."
		}
	case "components", "fixVersions", "versions", "environment":
		// Clients send these empty, and the sample data has no values for them.
		if list, isList := value.([]any); value != nil && (!isList || len(list) > 0) {
			return "Field '" + name + "' has no values here."
		}
	default:
		return "Field '" + name + "' cannot be set. It is not on the appropriate screen, or unknown."
	}
	return ""
}

// updateField applies one operation of an update.
func (c *call) updateField(i *issue, name, verb string, value any) string {
	switch {
	case verb == "set":
		return c.set(i, name, value)
	case name == "labels" && (verb == "add" || verb == "remove"):
		text, isText := value.(string)
		if !isText || strings.ContainsAny(text, " \t\n") {
			return "The label contains spaces which is invalid."
		}
		i.labels = slices.DeleteFunc(slices.Clone(i.labels), func(l string) bool { return l == text })
		if verb == "add" {
			i.labels = append(i.labels, text)
		}
		return ""
	case name == "comment" && verb == "add":
		fields, _ := value.(map[string]any)
		body, valid := parseDocument(fields["body"], c.version)
		if !valid || body.empty() {
			return "Comment body is not valid!"
		}
		c.addComment(i, body)
		return ""
	}
	return "Field '" + name + "' does not support operation '" + verb + "' Supported operation(s) are: 'set'"
}

// referred parses a reference such as {"key": "DEMO"} or {"id": 10000}.
func referred(value any, names ...string) string {
	fields, _ := value.(map[string]any)
	for _, name := range names {
		switch v := fields[name].(type) {
		case string:
			return v
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// userRef parses a user reference in a request body: by accountId on Cloud, by
// name on Data Center. A nil user means unassigned.
func (c *call) userRef(value any) (*user, string) {
	if value == nil {
		return nil, ""
	}
	fields, isObject := value.(map[string]any)
	if !isObject {
		return nil, "data was not an object"
	}
	names := []string{"name", "key"}
	if c.cloud() {
		names = []string{"accountId", "id"}
	}
	name := ""
	for _, n := range names {
		if text, isText := fields[n].(string); isText {
			name = text
			break
		}
	}
	switch name {
	case "":
		for _, n := range names {
			if v, there := fields[n]; there && v == nil || there && v == "" {
				return nil, ""
			}
		}
		if c.cloud() {
			return nil, "'accountId' must be the only user identifying query parameter"
		}
		return nil, "expected Object containing a 'name' property"
	case "-1":
		return nil, ""
	}
	u := c.server.site.userBy(name)
	if u == nil || c.cloud() && u.accountID != name || !c.cloud() && u.accountID == name {
		return nil, "User '" + name + "' does not exist."
	}
	return u, ""
}
