package leaktest

import (
	"maps"
	"slices"
)

// Marker is in every text of the outside project.
const Marker = "LEAK"

// issue is an issue of the stand-in. former is a key that it had before
// it was moved.
type issue struct {
	id, key, former, project string
}

var issues = []issue{
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
	return Marker + " " + word
}

func projectBody(id string) object {
	key := map[string]string{"10000": "ABC", "20000": "OUT"}[id]
	return object{
		"id": id, "key": key, "name": worded(id, "project"), "projectTypeKey": "software", "self": "https://jira.test/rest/api/2/project/" + id,
		"description": worded(id, "description"), "lead": object{"displayName": worded(id, "lead")},
		"versions": []any{object{"id": "101", "name": worded(id, "version")}}, "insight": object{"totalIssueCount": 3},
	}
}

// fields are the fields of the stand-in. One is hidden, and one belongs to the project
// outside.
var fields = []any{
	object{"id": "summary", "name": "Summary", "custom": false, "schema": object{"type": "string", "system": "summary"}},
	object{"id": "customfield_10010", "name": "Margin", "description": Marker, "custom": true, "schema": object{"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield", "customId": 10010}},
	object{"id": "customfield_10014", "name": "Epic Link", "custom": true, "schema": object{"type": "any", "custom": "com.pyxis.greenhopper.jira:gh-epic-link", "customId": 10014}},
	object{"id": "customfield_10099", "name": Marker, "custom": true, "schema": object{"type": "string", "custom": "x", "customId": 10099}, "scope": object{"type": "PROJECT", "project": object{"id": "20000"}}},
}

// body returns the issue as Jira does with everything expanded.
func (i issue) body() object {
	outside, ownComment := issues[2], worded(i.project, "comment")
	reference := func(of issue) object {
		return object{"id": of.id, "key": of.key, "self": "https://jira.test/rest/api/2/issue/" + of.id, "fields": object{"summary": worded(of.project, "summary"), "status": object{"name": worded(of.project, "status")}}}
	}
	links := []any{
		object{"id": "401", "type": object{"name": "Blocks"}, "outwardIssue": reference(issues[1])},
		object{"id": "402", "type": object{"name": "Blocks"}, "inwardIssue": reference(outside)},
	}
	options := object{
		"project":     object{"name": "Project", "schema": object{"type": "project", "system": "project"}, "allowedValues": []any{projectBody("10000"), projectBody("20000")}},
		"fixVersions": object{"name": "Fix versions", "schema": object{"type": "array", "items": "version", "system": "fixVersions"}, "allowedValues": []any{object{"id": "102", "name": Marker, "projectId": 20000}}},
		"parent":      object{"name": "Parent", "schema": object{"type": "issuelink", "system": "parent"}, "allowedValues": []any{reference(outside)}},
	}
	return object{
		"id": i.id, "key": i.key, "self": "https://jira.test/rest/api/2/issue/" + i.id, "expand": "renderedFields",
		"fields": object{
			"summary": worded(i.project, "summary"), "project": projectBody(i.project), "parent": reference(outside), "issuelinks": links,
			"subtasks": []any{reference(issues[1]), reference(outside)}, "customfield_10014": "OUT-1", "customfield_10018": reference(outside),
			"customfield_10030": []any{reference(outside)}, "customfield_10031": []any{"OUT-1", "ABC-2"}, "customfield_10032": projectBody("20000"),
			"customfield_10010": Marker, "comment": object{"comments": []any{object{"id": "1", "body": ownComment, "renderedBody": Marker}, object{"id": "2", "body": Marker, "jsdPublic": false}}, "total": 2},
			"epic":    object{"id": 20001, "key": "OUT-1", "name": Marker, "summary": Marker},
			"worklog": object{"worklogs": []any{object{"id": "1", "issueId": i.id, "comment": ownComment}}},
		},
		"renderedFields": object{"description": Marker}, "versionedRepresentations": object{"description": Marker},
		"names": object{"customfield_10010": Marker, "customfield_10099": Marker, "summary": "Summary"}, "schema": object{"customfield_10010": object{"custom": Marker}},
		"changelog": object{"total": 2, "histories": []any{
			object{"id": "1", "items": []any{object{"field": "Link", "to": "OUT-1", "toString": "This issue blocks OUT-1 " + Marker}, object{"field": "status", "fromString": "Open", "toString": "Done"}}},
			object{"id": "2", "items": []any{object{"field": "Epic Link", "fieldId": "customfield_10014", "to": "20001", "toString": "OUT-1"}, object{"field": "project", "from": "20000", "fromString": Marker, "to": "10000", "toString": "project"}, object{"field": "Key", "fromString": "OUT-7", "toString": i.key}}},
			object{"id": "3", "items": []any{object{"field": "Margin", "fieldId": "customfield_10010", "toString": Marker}}},
		}},
		"editmeta": object{"fields": options}, "transitions": []any{object{"id": "1", "name": "Done", "fields": options}}, "operations": object{"linkGroups": []any{Marker}},
	}
}

// part returns the part of an issue that an answer holds; nil if there is no part of
// that name.
func (i issue) part(answer string) any {
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
		return object{"values": []any{object{"id": "1", "body": "comment", "public": true}, object{"id": "2", "body": Marker, "public": false}}, "size": 2, "isLastPage": true}
	}
	return nil
}

// meta answers what can be created, with outside values in it.
func meta(answer string) any {
	options := issues[0].body()["editmeta"].(object)["fields"].(object)
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
		return []any{object{"id": "201", "name": "component", "project": "ABC"}, object{"id": "202", "name": Marker, "project": "OUT", "projectId": 20000}}
	case "versions":
		return []any{object{"id": "101", "name": "version", "projectId": 10000}, object{"id": "102", "name": Marker, "projectId": 20000}}
	case "project-statuses":
		return []any{object{"id": "1", "name": "Task", "statuses": []any{object{"id": "1", "name": "Open"}}}}
	case "issuetype", "status":
		return types("10000")[0]
	case "statuses":
		return object{"values": append(types("20000"), types("10000")...), "total": 2}
	case "matches":
		return object{"matches": []any{object{"matchedIssues": []any{10001}, "errors": []any{Marker}}}}
	}
	return nil
}

// sink is the answer to whatever the stand-in does not know: everything that any
// answer may hold, outside.
func sink() object {
	issues := []any{issues[0].body(), issues[2].body()}
	projects := []any{projectBody("10000"), projectBody("20000")}
	out := object{
		"id": "20001", "key": "OUT-1", "name": Marker, "projectId": 20000, "project": projectBody("20000"), "projectKey": "OUT", "projectIds": []any{20000},
		"location": object{"projectId": 20000, "projectKey": "OUT", "displayName": Marker}, "issueId": "20001", "issueKey": "OUT-1", "scope": object{"type": "PROJECT", "project": object{"id": "20000", "key": "OUT", "name": Marker}},
		"summary": Marker, "self": "https://jira.test/rest/api/2/issue/20001", "description": Marker + " by scope", "fields": object{"summary": Marker},
		"serviceDeskId": "2", "requestTypeId": Marker, "untranslatedName": Marker,
	}
	all := object{"expand": "x", "errorMessages": []any{Marker}, "warningMessages": []any{Marker}, "unknown": Marker, "jsdPublic": true, "public": true, "webLinks": []any{Marker}}
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
func (j *Jira) own() any {
	one := object{"id": "1", "name": "Blocker"}
	switch j.shape {
	case "users", "remotelinks", "related-works", "pinned-comments":
		return []any{one}
	case "approval":
		return one
	}
	return object{"values": []any{one}, "size": 1, "isLastPage": true}
}
