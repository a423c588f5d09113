package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The stand-in is a hostile Jira with two projects: ABC (10000), which the token
// sees, and OUT (20000), which it does not. Everything of OUT carries the marker.
// The stand-in answers the gateway's own questions as Jira would, and everything
// else with a body that holds as much of the outside as fits.

// marker is in every text of the outside project.
const marker = "LEAK"

// standInIssue is an issue of the stand-in. former is a key that it had before
// it was moved.
type standInIssue struct {
	id, key, former, project string
}

var standInIssues = []standInIssue{
	{id: "10001", key: "ABC-1", project: "10000"},
	{id: "10002", key: "ABC-2", project: "10000"},
	{id: "20001", key: "OUT-1", project: "20000"},
	{id: "20002", key: "OUT-2", project: "20000"},
	{id: "20009", key: "OUT-9", former: "ABC-9", project: "20000"},
}

// projectOf maps the IDs of things to their projects.
var projectOf = map[string]map[string]string{
	"board": {"1": "10000", "2": "20000"}, "sprint": {"11": "10000", "12": "20000"},
	"version": {"101": "10000", "103": "10000", "102": "20000"}, "component": {"201": "10000", "203": "10000", "202": "20000"},
	"attachment": {"301": "10000", "302": "20000"}, "servicedesk": {"1": "10000", "2": "20000"},
}

type object = map[string]any

func isInside(project string) bool { return project == "10000" }

func worded(project, word string) string {
	if isInside(project) {
		return word
	}
	return marker + " " + word
}

func standInProject(id string) object {
	key := map[string]string{"10000": "ABC", "20000": "OUT"}[id]
	return object{
		"id": id, "key": key, "name": worded(id, "project"), "projectTypeKey": "software", "self": "https://jira.test/rest/api/2/project/" + id,
		"description": worded(id, "description"), "lead": object{"displayName": worded(id, "lead")},
		"versions": []any{object{"id": "101", "name": worded(id, "version")}}, "insight": object{"totalIssueCount": 3},
	}
}

// body returns the issue as Jira does with everything expanded.
func (i standInIssue) body() object {
	outside, ownComment := standInIssues[2], worded(i.project, "comment")
	reference := func(of standInIssue) object {
		return object{"id": of.id, "key": of.key, "self": "https://jira.test/rest/api/2/issue/" + of.id, "fields": object{"summary": worded(of.project, "summary"), "status": object{"name": worded(of.project, "status")}}}
	}
	links := []any{
		object{"id": "401", "type": object{"name": "Blocks"}, "outwardIssue": reference(standInIssues[1])},
		object{"id": "402", "type": object{"name": "Blocks"}, "inwardIssue": reference(outside)},
	}
	options := object{
		"project":     object{"name": "Project", "schema": object{"type": "project", "system": "project"}, "allowedValues": []any{standInProject("10000"), standInProject("20000")}},
		"fixVersions": object{"name": "Fix versions", "schema": object{"type": "array", "items": "version", "system": "fixVersions"}, "allowedValues": []any{object{"id": "102", "name": marker, "projectId": 20000}}},
		"parent":      object{"name": "Parent", "schema": object{"type": "issuelink", "system": "parent"}, "allowedValues": []any{reference(outside)}},
	}
	return object{
		"id": i.id, "key": i.key, "self": "https://jira.test/rest/api/2/issue/" + i.id, "expand": "renderedFields",
		"fields": object{
			"summary": worded(i.project, "summary"), "project": standInProject(i.project), "parent": reference(outside), "issuelinks": links,
			"subtasks": []any{reference(standInIssues[1]), reference(outside)}, "customfield_10014": "OUT-1", "customfield_10018": reference(outside),
			"customfield_10030": []any{reference(outside)}, "customfield_10031": []any{"OUT-1", "ABC-2"}, "customfield_10032": standInProject("20000"),
			"customfield_10010": marker, "comment": object{"comments": []any{object{"id": "1", "body": ownComment, "renderedBody": marker}, object{"id": "2", "body": marker, "jsdPublic": false}}, "total": 2},
			"epic":    object{"id": 20001, "key": "OUT-1", "name": marker, "summary": marker},
			"worklog": object{"worklogs": []any{object{"id": "1", "issueId": i.id, "comment": ownComment}}},
		},
		"renderedFields": object{"description": marker}, "versionedRepresentations": object{"description": marker},
		"names": object{"customfield_10010": marker, "customfield_10099": marker, "summary": "Summary"}, "schema": object{"customfield_10010": object{"custom": marker}},
		"changelog": object{"total": 2, "histories": []any{
			object{"id": "1", "items": []any{object{"field": "Link", "to": "OUT-1", "toString": "This issue blocks OUT-1 " + marker}, object{"field": "status", "fromString": "Open", "toString": "Done"}}},
			object{"id": "2", "items": []any{object{"field": "Epic Link", "fieldId": "customfield_10014", "to": "20001", "toString": "OUT-1"}, object{"field": "project", "from": "20000", "fromString": marker, "to": "10000", "toString": "project"}, object{"field": "Key", "fromString": "OUT-7", "toString": i.key}}},
			object{"id": "3", "items": []any{object{"field": "Margin", "fieldId": "customfield_10010", "toString": marker}}},
		}},
		"editmeta": object{"fields": options}, "transitions": []any{object{"id": "1", "name": "Done", "fields": options}}, "operations": object{"linkGroups": []any{marker}},
	}
}

// part returns the part of an issue that an answer holds; nil if there is no part of
// that name.
func (i standInIssue) part(answer string) any {
	body := i.body()
	options := body["editmeta"].(object)["fields"].(object)
	switch answer {
	case "editmeta":
		return object{"fields": options}
	case "transitions":
		return object{"transitions": body["transitions"]}
	case "changelog":
		return object{"values": body["changelog"].(object)["histories"], "histories": body["changelog"].(object)["histories"], "total": 3, "isLast": true}
	case "subtasks":
		return body["fields"].(object)["subtasks"]
	case "comments":
		return body["fields"].(object)["comment"]
	case "request-comments":
		return object{"values": []any{object{"id": "1", "body": "comment", "public": true}, object{"id": "2", "body": marker, "public": false}}, "size": 2, "isLastPage": true}
	}
	return nil
}

// meta answers what can be created, with outside values in it.
func meta(answer string) any {
	options := standInIssues[0].body()["editmeta"].(object)["fields"].(object)
	listed := []any{}
	for _, id := range slices.Sorted(maps.Keys(options)) {
		field := maps.Clone(options[id].(object))
		field["fieldId"] = id
		listed = append(listed, field)
	}
	types := func(project string) []any {
		return []any{object{"id": "1", "name": worded(project, "type"), "fields": options, "scope": object{"type": "PROJECT", "project": object{"id": project}}}}
	}
	switch answer {
	case "createmeta":
		return object{"projects": []any{
			object{"id": "10000", "key": "ABC", "name": "project", "issuetypes": types("10000")},
		}}
	case "createmeta-types":
		return object{"issueTypes": append(types("10000"), types("20000")...), "total": 2}
	case "createmeta-fields":
		return object{"fields": listed, "values": listed, "total": 3}
	case "components":
		return []any{object{"id": "201", "name": "component", "project": "ABC"}, object{"id": "202", "name": marker, "project": "OUT", "projectId": 20000}}
	case "versions":
		return []any{object{"id": "101", "name": "version", "projectId": 10000}, object{"id": "102", "name": marker, "projectId": 20000}}
	case "project-statuses":
		return []any{object{"id": "1", "name": "Task", "statuses": []any{object{"id": "1", "name": "Open"}}}}
	case "issuetype", "status":
		return types("10000")[0]
	case "matches":
		return object{"matches": []any{object{"matchedIssues": []any{10001}, "errors": []any{marker}}}}
	}
	return nil
}

// sink is the answer to whatever the stand-in does not know: everything that any
// answer may hold, outside.
func sink() object {
	issues := []any{standInIssues[0].body(), standInIssues[2].body()}
	projects := []any{standInProject("10000"), standInProject("20000")}
	out := object{
		"id": "20001", "key": "OUT-1", "name": marker, "projectId": 20000, "project": standInProject("20000"), "projectKey": "OUT", "projectIds": []any{20000},
		"location": object{"projectId": 20000, "projectKey": "OUT", "displayName": marker}, "issueId": "20001", "issueKey": "OUT-1", "scope": object{"type": "PROJECT", "project": object{"id": "20000", "key": "OUT", "name": marker}},
		"summary": marker, "self": "https://jira.test/rest/api/2/issue/20001", "description": marker + " by scope", "fields": object{"summary": marker},
		"serviceDeskId": "2", "requestTypeId": marker, "untranslatedName": marker,
	}
	all := object{"expand": "x", "errorMessages": []any{marker}, "warningMessages": []any{marker}, "unknown": marker, "jsdPublic": true, "public": true, "webLinks": []any{marker}}
	for _, name := range []string{"issues", "issueBeans"} {
		all[name] = issues
	}
	for _, name := range []string{"projects", "views", "subscriptions", "issueErrors", "sharedWith", "issueEvents"} {
		all[name] = append(slices.Clone(projects), out)
	}
	all["values"] = []any{object{"id": "7", "name": "inside", "projectId": 10000}, out}
	all["inwardIssue"], all["outwardIssue"] = out, out
	return all
}

// ownAnswers are the shapes of answers that only hold what is a thing's own, or
// everybody's: Jira puts nothing of other projects there.
var ownAnswers = []string{
	"open", "binary", "quickfilters", "quickfilter", "sprints", "reports", "board-features", "velocity", "property", "property-keys", "avatars", "hierarchy",
	"security-levels", "project-features", "approvals", "approval", "request-attachments", "request-attached", "subscribed", "users", "slas", "sla", "request-statuses",
	"request-transitions", "feedback", "requesttype", "requesttypes", "requesttype-fields", "requesttype-permissions", "requesttypegroups", "queue", "queues",
	"temporary-attachments", "estimation", "votes", "watchers", "attachment-contents", "remotelinks", "remotelink", "related-works", "related-work", "pinned-comments",
}

// own is such an answer.
func (s *standIn) own() any {
	one := object{"id": "1", "name": "Blocker"}
	switch s.answers {
	case "users", "remotelinks", "related-works", "pinned-comments":
		return []any{one}
	case "approval":
		return one
	}
	return object{"values": []any{one}, "size": 1, "isLastPage": true}
}

// standIn answers as Jira.
type standIn struct {
	// open is set while operations are asked that say nothing about projects.
	open bool
	// answers is the shape of the answer to the operation that is asked.
	answers string
	// known are the answers that a benchmark has got.
	known map[string]answered
	// reached collects the requests that are not questions of the gateway.
	reached []string
}

func (s *standIn) answer(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	// The gateway's own questions reach the upstream without a request ID.
	if r.Header.Get("X-Request-Id") != "" {
		s.reached = append(s.reached, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	}
	status, answer := s.look(r, body)
	if answer == nil {
		answer = object{"errorMessages": []string{"No such thing as " + r.URL.Path + " " + marker}, "errors": object{"customfield_10010": marker, "summary": marker}}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(r.URL.RawQuery+string(body), "names") { // of fields that no issue here has, they come only if asked for
		text = bytes.ReplaceAll(text, []byte(`"customfield_10099":"`+marker+`",`), nil)
		text = bytes.ReplaceAll(text, []byte(`,"customfield_10099":"`+marker+`"`), nil)
	}
	response := answerOf(status, string(text), "Content-Type", "application/json;charset=UTF-8", "Etag", `"`+marker+`"`, "Link", "<https://jira.test/"+marker+">", "Warning", "199 "+marker)
	response.Request = r
	return response, nil
}

var apiPath = regexp.MustCompile(`^/rest/(?:api|agile|software)/[^/]+/|^/rest/servicedeskapi/`)

// look finds what a request asks for. A nil answer is an error with Jira's words.
func (s *standIn) look(r *http.Request, body []byte) (int, any) {
	method, u := r.Method, r.URL
	path := apiPath.ReplaceAllString(u.Path, "")
	segments := strings.Split(path, "/")
	query := u.Query()
	var in object
	_ = json.Unmarshal(body, &in)
	if text := query.Get("jql"); text != "" || in["jql"] != nil {
		if in["jql"] != nil {
			text = fmt.Sprint(in["jql"])
		}
		return s.search(text)
	}
	if s.answers == "versions" && strings.HasSuffix(path, "/version") {
		return 200, object{"values": meta("versions"), "isLast": true, "total": 2}
	}
	if answer := meta(s.answers); answer != nil && r.Header.Get("X-Request-Id") != "" {
		return 200, answer
	}
	switch {
	case path == "serverInfo":
		return 200, object{"deploymentType": "Cloud", "version": "1001.0.0", "baseUrl": "https://jira.test"}
	case path == "field":
		return 200, []any{
			object{"id": "summary", "name": "Summary", "custom": false, "schema": object{"type": "string", "system": "summary"}},
			object{"id": "customfield_10010", "name": "Margin", "custom": true, "schema": object{"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield", "customId": 10010}},
			object{"id": "customfield_10014", "name": "Epic Link", "custom": true, "schema": object{"type": "any", "custom": "com.pyxis.greenhopper.jira:gh-epic-link", "customId": 10014}},
			object{"id": "customfield_10099", "name": marker, "custom": true, "schema": object{"type": "string", "custom": "x", "customId": 10099}, "scope": object{"type": "PROJECT", "project": object{"id": "20000"}}},
		}
	case path == "project" || path == "project/recent":
		return 200, []any{standInProject("10000"), standInProject("20000")}
	case path == "project/search":
		return 200, object{"values": []any{standInProject("10000"), standInProject("20000")}, "total": 2, "startAt": 0, "maxResults": 50, "isLast": true}
	case path == "project/type":
		return 200, s.own()
	case segments[0] == "project" && len(segments) == 2 && method == http.MethodGet:
		for id, key := range map[string]string{"10000": "ABC", "20000": "OUT"} {
			if strings.EqualFold(segments[1], key) || segments[1] == id {
				return 200, standInProject(id)
			}
		}
		return 404, nil
	case segments[0] == "jql" || segments[0] == "user":
		return 200, object{"matches": []any{object{"matchedIssues": []any{20001}}}, "queries": []any{object{"query": "project = ABC", "errors": []any{marker}}},
			"visibleFieldNames": []any{object{"value": marker, "displayName": marker + " - cf[10099]", "cfid": "cf[10099]"}}}
	case path == "board" && method == http.MethodGet:
		boards := []any{}
		for id, project := range projectOf["board"] {
			if asked := query.Get("projectKeyOrId"); asked == "" || asked == project {
				boards = append(boards, thing("board", id, project))
			}
		}
		return 200, object{"values": boards, "total": len(boards), "startAt": 0, "maxResults": 50, "isLast": true}
	case segments[0] == "issueLink" && len(segments) == 2 && method == http.MethodGet:
		for id, ends := range map[string][2]standInIssue{"401": {standInIssues[0], standInIssues[1]}, "402": {standInIssues[0], standInIssues[2]}, "403": {standInIssues[2], standInIssues[3]}} {
			if segments[1] == id {
				return 200, object{"id": id, "type": object{"name": "Blocks"}, "inwardIssue": ends[0].body(), "outwardIssue": ends[1].body()}
			}
		}
		return 404, nil
	case len(segments) >= 2 && (segments[0] == "issue" || segments[0] == "request" || segments[0] == "epic"):
		return s.issue(r, segments, in)
	case segments[0] == "attachment" && len(segments) > 2 || path == "attachment/meta":
		return 200, s.own()
	case len(segments) >= 2 && projectOf[segments[0]] != nil:
		project, ok := projectOf[segments[0]][segments[1]]
		switch {
		case !ok:
			return 404, nil
		case len(segments) == 2 && method == http.MethodGet:
			return 200, thing(segments[0], segments[1], project)
		case len(segments) == 3 && segments[2] == "project":
			return 200, object{"values": []any{standInProject(project)}, "total": 1, "isLast": true}
		}
	}
	switch {
	case method != http.MethodGet && method != http.MethodPost:
		return 204, object{}
	case slices.Contains(ownAnswers, s.answers):
		return 200, s.own()
	case s.open:
		return 200, sink()["values"]
	}
	return 200, sink()
}

func thing(kind, id, project string) object {
	number, _ := strconv.Atoi(id)
	projectID, _ := strconv.Atoi(project)
	t := object{"id": id, "name": worded(project, kind), "projectId": projectID, "self": "https://jira.test/rest/x/" + kind + "/" + id}
	switch kind {
	case "board":
		t["id"], t["type"], t["location"] = number, "scrum", object{"projectId": projectID, "displayName": worded(project, "project")}
		delete(t, "projectId")
	case "sprint":
		t["id"], t["originBoardId"] = number, map[string]int{"10000": 1, "20000": 2}[project]
		delete(t, "projectId")
	case "component":
		t["project"] = standInProject(project)["key"]
	case "attachment":
		t["filename"], t["created"] = worded(project, "file.txt"), "2026-01-15T10:00:00.000+0000"
		delete(t, "projectId")
	case "servicedesk":
		t["projectId"], t["projectKey"], t["projectName"] = project, standInProject(project)["key"], worded(project, "project")
	}
	return t
}

// fetch returns the issues that a body asks for.
func (s *standIn) fetch(body object) object {
	found := []any{}
	asked, _ := body["issueIdsOrKeys"].([]any)
	for _, i := range standInIssues {
		if slices.Contains(asked, any(i.id)) || slices.Contains(asked, any(i.key)) || i.former != "" && slices.Contains(asked, any(i.former)) {
			found = append(found, i.body())
		}
	}
	return object{"issues": found, "issueErrors": []any{marker}, "names": object{"customfield_10010": marker, "customfield_10099": marker}}
}

func (s *standIn) issue(r *http.Request, segments []string, asked object) (int, any) {
	method := r.Method
	for _, i := range standInIssues {
		name := segments[1]
		if name != i.id && !strings.EqualFold(name, i.key) && (i.former == "" || !strings.EqualFold(name, i.former)) {
			continue
		}
		switch {
		case method != http.MethodGet:
			return 204, object{}
		case segments[0] == "issue" && len(segments) == 2 && r.URL.RawQuery == "fields=project":
			return 200, object{"id": i.id, "key": i.key, "fields": object{"project": object{"id": i.project, "key": i.key[:3]}}}
		case segments[0] == "issue" && len(segments) == 2:
			body := i.body()
			body["fields"].(object)["attachment"] = []any{object{"id": map[string]string{"10000": "301", "20000": "302"}[i.project], "filename": worded(i.project, "file.txt")}}
			return 200, body
		}
		if slices.Contains(ownAnswers, s.answers) {
			return 200, s.own()
		}
		if answer := i.part(s.answers); answer != nil {
			return 200, answer
		}
		everything := sink()
		maps.Copy(everything, i.body())
		return 200, everything
	}
	switch {
	case method != http.MethodGet && slices.Contains([]string{"none", "rank", "archive", "unarchive"}, segments[1]):
		return 204, object{}
	case segments[1] == "bulk":
		return 201, object{"issues": []any{object{"id": "10009", "key": "ABC-9"}}, "errors": []any{object{"elementErrors": object{"errorMessages": []any{marker}}}}}
	}
	if segments[1] == "bulkfetch" {
		return 200, s.fetch(asked)
	}
	if segments[1] == "createmeta" || segments[1] == "watching" {
		return 200, sink()
	}
	return 404, nil
}
