package redact

// worklog is work logged on an issue.
var worklog = objectOf(with(
	keepAll("self", "id", "issueId", "author", "updateAuthor", "comment", "created", "updated", "visibility", "started",
		"timeSpent", "timeSpentSeconds"),
	object{"properties": arrayOf(property)}))

var worklogAnswers = map[string]*shape{
	"worklog":  worklog,
	"worklogs": page("worklogs", worklog),
}
