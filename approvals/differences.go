package approvals

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Difference is what a request would change, in one field.
type Difference struct {
	// Field is the field's name, ID its ID in Jira if that is another.
	Field string `json:"field"`
	ID    string `json:"id,omitempty"`
	// Old is what Jira has now and New what the request sets, as JSON; Old is empty
	// for what is added, New for what is deleted.
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
}

// Comparison compares a held request with what Jira has now.
type Comparison struct {
	// Does says what the request would do, in words.
	Does        string       `json:"does"`
	Differences []Difference `json:"differences,omitempty"`
	// Error says what the comparison lacks: why Jira could not be asked, or that the
	// request's body was not kept.
	Error string `json:"error,omitempty"`
}

// notKept is the Comparison of a request whose body was not kept.
func notKept(request Request, path string) Comparison {
	return Comparison{
		Does: request.Method + " " + path,
		Error: fmt.Sprintf("What the request changes cannot be shown: its body was not kept (%d bytes of %q, %s). Approve it only if you know what it contains",
			request.Size, request.ContentType, request.Digest),
	}
}

// Reader reads JSON in Jira as the holder of the token would see it. The URI is relative
// to Jira's base URL.
type Reader func(ctx context.Context, uri string) (status int, answer []byte, err error)

// issuePath matches the paths of issues, below Jira's base URL.
var issuePath = regexp.MustCompile(`^/rest/api/(2|3|latest)/issue(?:/([^/]+)(?:/(.+))?)?$`)

// Compare compares a request to a path below Jira's base URL with what Jira has now. Of
// requests that it does not know, it only says method and path. body is what was kept of
// the request's body.
func Compare(ctx context.Context, read Reader, request Request, path string, body []byte) Comparison {
	if request.Size != len(body) {
		return notKept(request, path)
	}
	method := request.Method
	c := comparing{ctx: ctx, read: read, Comparison: Comparison{Does: method + " " + path}}
	match := issuePath.FindStringSubmatch(path)
	if match == nil {
		return c.Comparison
	}
	c.api, c.key = "/rest/api/"+match[1], match[2]
	var sent map[string]json.RawMessage
	if len(body) > 0 && json.Unmarshal(body, &sent) != nil {
		return c.Comparison
	}
	if err := c.compare(method, match[3], sent); err != nil {
		c.Error = "Jira cannot be asked what it has now: " + err.Error()
	}
	return c.Comparison
}

// comparing builds a Comparison.
type comparing struct {
	Comparison
	ctx      context.Context
	read     Reader
	api, key string
}

func (c *comparing) compare(method, below string, sent map[string]json.RawMessage) error {
	operation := method + " " + below
	switch {
	case c.key == "" && method == http.MethodPost:
		c.Does = "Creates an issue"
		return c.fields(sent, nil)
	case c.key == "" || c.key == "bulk":
		return nil
	case operation == "PUT ":
		c.Does = "Changes " + c.issue()
		return c.changed(sent)
	case operation == "DELETE ":
		c.Does = "Deletes " + c.issue()
		return c.changed(nil)
	case operation == "POST comment":
		c.Does = "Adds a comment to " + c.issue()
		c.add("comment", "", nil, sent["body"])
		c.rest(sent, "body")
	case operation == "POST transitions":
		return c.transition(sent)
	case operation == "PUT assignee":
		c.Does = "Assigns " + c.issue()
		issue, err := c.issueFields("assignee")
		c.add("assignee", "", issue["assignee"], encoded(sent))
		return err
	case strings.HasPrefix(below, "comment/") && !strings.Contains(strings.TrimPrefix(below, "comment/"), "/"):
		return c.comment(method, below, sent)
	}
	return nil
}

// issue names the issue in words.
func (c *comparing) issue() string {
	key, err := url.PathUnescape(c.key)
	if err != nil {
		return c.key
	}
	return key
}

// changed compares the fields that a request sets with what the issue has.
func (c *comparing) changed(sent map[string]json.RawMessage) error {
	ids := []string{"summary"}
	for _, part := range []string{"fields", "update"} {
		for id := range members(sent[part]) {
			ids = append(ids, id)
		}
	}
	has, err := c.issueFields(ids...)
	if sent == nil {
		c.add("summary", "", has["summary"], nil)
		return err
	}
	if err != nil {
		_ = c.fields(sent, nil) // what is set is known anyway
		return err
	}
	return c.fields(sent, has)
}

// fields adds the fields that a request sets.
func (c *comparing) fields(sent, has map[string]json.RawMessage) error {
	names, err := c.names(sent)
	set := members(sent["fields"])
	for _, id := range sorted(set) {
		c.add(names[id], id, has[id], set[id])
	}
	updates := members(sent["update"])
	for _, id := range sorted(updates) {
		c.add(names[id], id, has[id], updates[id])
	}
	c.rest(sent, "fields", "update")
	return err
}

// rest adds the members of a body that are not shown otherwise.
func (c *comparing) rest(sent map[string]json.RawMessage, shown ...string) {
	for _, name := range sorted(sent) {
		if !slices.Contains(shown, name) {
			c.add(name, "", nil, sent[name])
		}
	}
}

// transition names the transition and the status that the issue gets.
func (c *comparing) transition(sent map[string]json.RawMessage) error {
	c.Does = "Changes the status of " + c.issue()
	// A struct would take "ID" for "id", which Jira does not.
	wanted := members(sent["transition"])
	id := strings.Trim(string(wanted["id"]), `"`)
	has, err := c.issueFields("status")
	var list struct {
		Transitions []struct {
			ID   string          `json:"id"`
			Name string          `json:"name"`
			To   json.RawMessage `json:"to"`
		} `json:"transitions"`
	}
	if err == nil {
		err = c.get("/issue/"+c.key+"/transitions", &list)
	}
	found := false
	for _, t := range list.Transitions {
		if t.ID == id {
			found = len(wanted) == 1
			c.Does += ": " + t.Name
			c.add("status", "", nameOfValue(has["status"]), nameOfValue(t.To))
		}
	}
	if !found {
		c.add("transition", "", nameOfValue(has["status"]), sent["transition"])
	}
	rest := make(map[string]json.RawMessage)
	for name, value := range sent {
		if name != "transition" {
			rest[name] = value
		}
	}
	if failed := c.fields(rest, nil); err == nil && len(rest) > 0 {
		err = failed
	}
	return err
}

// comment compares a comment with what it becomes.
func (c *comparing) comment(method, below string, sent map[string]json.RawMessage) error {
	switch method {
	case http.MethodPut:
		c.Does = "Changes a comment of " + c.issue()
	case http.MethodDelete:
		c.Does = "Deletes a comment of " + c.issue()
	default:
		return nil
	}
	var has struct {
		Body json.RawMessage `json:"body"`
	}
	err := c.get("/issue/"+c.key+"/"+below, &has)
	c.add("comment", "", has.Body, sent["body"])
	c.rest(sent, "body")
	return err
}

func (c *comparing) issueFields(ids ...string) (map[string]json.RawMessage, error) {
	var issue struct {
		Fields map[string]json.RawMessage `json:"fields"`
	}
	err := c.get("/issue/"+c.key+"?fields="+url.QueryEscape(strings.Join(ids, ",")), &issue)
	return issue.Fields, err
}

// names returns the names of the fields that a request sets, by their IDs. Fields that
// Jira does not name keep their ID.
func (c *comparing) names(sent map[string]json.RawMessage) (map[string]string, error) {
	names, custom := make(map[string]string), false
	for _, part := range []string{"fields", "update"} {
		for id := range members(sent[part]) {
			names[id] = id
			custom = custom || strings.HasPrefix(id, "customfield_")
		}
	}
	if !custom {
		return names, nil
	}
	var fields []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	err := c.get("/field", &fields)
	for _, field := range fields {
		if _, ok := names[field.ID]; ok && field.Name != "" {
			names[field.ID] = field.Name
		}
	}
	return names, err
}

func (c *comparing) get(uri string, into any) error {
	status, answer, err := c.read(c.ctx, c.api+uri)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("it answers HTTP %d", status)
	}
	return json.Unmarshal(answer, into)
}

func (c *comparing) add(name, id string, old, new json.RawMessage) {
	if id == name {
		id = ""
	}
	if string(old) == "null" {
		old = nil
	}
	c.Differences = append(c.Differences, Difference{name, id, old, new})
}

// members returns the members of a JSON object; nil for anything else.
func members(object json.RawMessage) (m map[string]json.RawMessage) {
	if json.Unmarshal(object, &m) != nil {
		return nil
	}
	return m
}

func sorted(m map[string]json.RawMessage) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nameOfValue returns the name in a value such as a status, or the value.
func nameOfValue(value json.RawMessage) json.RawMessage {
	var named struct {
		Name json.RawMessage `json:"name"`
	}
	if json.Unmarshal(value, &named) == nil && named.Name != nil {
		return named.Name
	}
	return value
}

func encoded(value any) json.RawMessage {
	var text bytes.Buffer
	if json.NewEncoder(&text).Encode(value) != nil {
		return nil // cannot happen: it was JSON
	}
	return bytes.TrimSpace(text.Bytes())
}
