package redact

// fields are the fields of an issue, by ID. Of the system fields, those named here pass; custom fields are judged by their
// value. What belongs to the issue, such as its versions, sprints and people, is inside with it.
var fields = &shape{
	fields: true, custom: customField, members: with(
		kept("summary", "description", "environment", "issuetype", "project", "status", "statusCategory", "resolution",
			"priority", "security", "assignee", "reporter", "creator", "labels", "created", "updated", "duedate",
			"resolutiondate", "statuscategorychangedate", "lastViewed", "archivedby", "archiveddate", "issuerestriction",
			"fixVersions", "versions", "components", "timetracking", "timeestimate", "timeoriginalestimate", "timespent",
			"aggregatetimeestimate", "aggregatetimeoriginalestimate", "aggregatetimespent", "aggregateprogress", "progress",
			"workratio", "votes", "watches", "thumbnail", "attachment", "flagged", "sprint", "closedSprints"),
		object{
			"parent":     linkedIssue,
			"epic":       epicReference,
			"subtasks":   arrayOf(linkedIssue),
			"issuelinks": arrayOf(link),
			"comment":    comments,
			"worklog":    page(worklog, "worklogs"),
		}),
}

// customField is a custom field's value. One that refers to something outside becomes null, as an empty field is.
var customField = &shape{unknown: true, nulled: true}

// linkedFields are the fields that Jira shows of an issue that another one refers to.
var linkedFields = &shape{fields: true, members: kept("summary", "status", "statusCategory", "priority", "issuetype",
	"resolution", "assignee")}

// epicReference is the epic of an issue, as Jira Software names it.
var epicReference = judged(&shape{fields: true, members: with(scalars("id", "key", "self", "name", "summary", "done"),
	object{"color": keep})}, insideIssue)

// fieldNames are the names of fields, by ID.
var fieldNames = byField(judged(scalar, isFieldShown))

// isFieldShown decides about the name of a field.
func isFieldShown(in *view, name value) bool { return !in.Hides(name.text()) }
