package redact

// queryAnswers are those about queries. The errors of a query name what exists outside, and are dropped.
var queryAnswers = map[string]*shape{
	"count":   objectOf(scalars("count")),
	"matches": objectOf(object{"matches": arrayOf(objectOf(object{"matchedIssues": arrayOf(scalar)}))}),
	"parsed":  objectOf(object{"queries": arrayOf(objectOf(kept("query", "structure")))}),
}
