package redact

// worklog is work logged on an issue.
var worklog = objectOf(with(
	kept("self", "id", "issueId", "author", "updateAuthor", "comment", "created", "updated", "visibility", "started",
		"timeSpent", "timeSpentSeconds"),
	object{"properties": arrayOf(property)}))

var worklogAnswers = map[string]*shape{
	"worklog":  worklog,
	"worklogs": page(worklog, "worklogs"),
}
