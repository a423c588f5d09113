package redact

// insideMention decides about a string that may be the key of an issue.
func insideMention(in *view, v value) bool {
	key := v.text()
	return !isIssueKey(key) || in.Issue("", string(key))
}

// notDone are the issues for which an operation failed. Jira's message is dropped.
var notDone = objectOf(object{"count": scalar, "issueIdsOrKeys": arrayOf(judged(scalar, insideMention))})

var bulkAnswers = map[string]*shape{
	"task":     objectOf(scalars("taskId")),
	"archived": objectOf(object{"numberOfIssuesUpdated": scalar, "errors": mapOf(notDone)}),
}
