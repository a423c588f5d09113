package redact

// insideIssueID decides about an issue that is named by its ID alone.
func insideIssueID(in *view, id value) bool { return in.Issue(string(id.text()), "") }

// queryAnswers are about queries. Errors of a query are dropped: they reveal what exists outside.
var queryAnswers = map[string]*shape{
	"count":   objectOf(scalars("count")),
	"matches": objectOf(object{"matches": arrayOf(objectOf(object{"matchedIssues": arrayOf(judged(scalar, insideIssueID))}))}),
	"parsed":  objectOf(object{"queries": arrayOf(objectOf(kept("query", "structure")))}),
}
