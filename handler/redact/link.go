package redact

// link is a link of an issue. It is judged by both ends, one of which is missing if it is that issue itself.
var link = judged(objectOf(object{
	"id":           scalar,
	"self":         scalar,
	"type":         keep,
	"inwardIssue":  linkedIssue,
	"outwardIssue": linkedIssue,
}), insideLink)

func insideLink(in *view, v value) bool {
	if !v.isObject() {
		return false
	}
	ends := 0
	for _, name := range [...]string{"inwardIssue", "outwardIssue"} {
		end := v.find(name)
		if !end.exists() || end.isNull() {
			continue
		}
		if ends++; !insideIssue(in, end) {
			return false
		}
	}
	return ends > 0
}

// remoteLink is a link of an issue to something elsewhere. It is the issue's own.
var remoteLink = objectOf(kept("id", "self", "globalId", "application", "relationship", "object"))

var linkAnswers = map[string]*shape{
	"link":               link,
	"subtasks":           arrayOf(linkedIssue),
	"remotelink":         remoteLink,
	"remotelinks":        either(remoteLink, arrayOf(remoteLink)), // a single one if the request gave its global ID
	"remotelink-created": objectOf(scalars("id", "self")),
}
