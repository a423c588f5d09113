package redact

// issue is an issue, known to be inside.
//
// Dropped are renderedFields, where Jira writes the titles of mentioned issues into HTML, operations, which are links to
// Jira's pages, and versionedRepresentations, which repeat all fields.
var issue = objectOf(object{
	"expand":      scalar,
	"id":          scalar,
	"key":         scalar,
	"self":        scalar,
	"fields":      fields,
	"names":       fieldNames,
	"schema":      byField(keep),
	"changelog":   changelogPage(change, "histories"),
	"transitions": arrayOf(transition),
	"editmeta":    editMeta,
	"properties":  mapOf(unknown),
})

// linkedIssue is an issue that another one refers to.
var linkedIssue = judged(objectOf(object{
	"id":     scalar,
	"key":    scalar,
	"self":   scalar,
	"fields": linkedFields,
}), insideIssue)

// created is Jira's answer when it has created an issue. If the transition that was asked for failed, its error is dropped:
// it names fields and values, which may be outside.
var created = objectOf(object{
	"id":         scalar,
	"key":        scalar,
	"self":       scalar,
	"transition": objectOf(object{"status": scalar}),
})

var issueAnswers = map[string]*shape{
	"issue":   issue,
	"created": created,
	"created-issues": objectOf(object{
		"issues": arrayOf(created),
		"errors": arrayOf(objectOf(object{
			"status": scalar, "failedElementNumber": scalar, "elementErrors": objectOf(object{"status": scalar}),
		})),
	}),
	"issues": objectOf(with(
		scalars("expand", "startAt", "maxResults", "total", "isLast", "nextPageToken"),
		object{"issues": arrayOf(issue), "names": fieldNames, "schema": byField(keep)})),
}
