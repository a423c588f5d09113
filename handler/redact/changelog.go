package redact

import "bytes"

// change is a set of changes that were made to an issue together. It is dropped if none of its items passes. Its metadata
// is dropped: it names what caused the change, such as another issue.
var change = judged(objectOf(with(
	kept("id", "author", "created"),
	object{"items": arrayOf(changeItem)})), hasItems)

// changeItem is the change of one field.
var changeItem = judged(objectOf(kept("field", "fieldtype", "fieldId", "from", "fromString", "to", "toString",
	"tmpFromAccountId", "tmpToAccountId")), isItemShown)

var changelogAnswers = map[string]*shape{
	"changelog": countedPage(change, "values", "histories"),
	"changelogs": objectOf(object{
		"nextPageToken":   scalar,
		"issueChangeLogs": arrayOf(objectOf(object{"issueId": scalar, "changeHistories": arrayOf(change)})),
	}),
}

// hasItems decides about a change.
func hasItems(in *view, change value) bool {
	items := change.find("items")
	if !items.isArray() {
		return false
	}
	for item := range items.elements() {
		if isItemShown(in, item) {
			return true
		}
	}
	return false
}

// isItemShown decides about an item. Items of references pass only if everything that they name is inside; an item of
// another field is the issue's own.
func isItemShown(in *view, item value) bool {
	if !item.isObject() {
		return false
	}
	id, name := item.find("fieldId").text(), item.find("field").text()
	if in.hides(id) || in.hides(name) {
		return false
	}
	if bytes.EqualFold(name, []byte("comment")) && in.HidesInternalComments() {
		return false // it holds the text of a comment that was changed or deleted, and does not say which
	}
	values := [...][]byte{
		item.find("from").text(), item.find("fromString").text(), item.find("to").text(), item.find("toString").text(),
	}
	switch {
	case isProjectField(id, name):
		return in.Project(string(values[0]), "") && in.Project(string(values[2]), "")
	case isIssueField(id, name):
		return issuesInside(in, values[:], true)
	}
	return issuesInside(in, values[:], false)
}

func isProjectField(id, name []byte) bool {
	return bytes.EqualFold(id, []byte("project")) || len(id) == 0 && bytes.EqualFold(name, []byte("project"))
}

// isIssueField reports whether a change is one of a reference to another issue. Names are those of the default language;
// changes of Jira itself, which are no custom fields, are not translated.
func isIssueField(id, name []byte) bool {
	for _, field := range [...]string{
		"Link", "issuelinks", "Parent", "Parent Issue", "Parent Link", "IssueParentAssociation", "Epic Link", "Epic Child",
		"Key", "Sub-task", "Subtasks",
	} {
		if bytes.EqualFold(id, []byte(field)) || bytes.EqualFold(name, []byte(field)) {
			return true
		}
	}
	return false
}

// issuesInside decides about the values of a change. Every key that they hold must be inside if they refer to issues, and
// there must be one: an ID alone says too little. Otherwise a value must not be the key of an issue outside.
func issuesInside(in *view, values [][]byte, refer bool) bool {
	found := 0
	for _, v := range values {
		if !refersInside(in, v) {
			return false
		}
		if !refer {
			continue
		}
		for key := range issueKeys(v) {
			if found++; !in.Issue("", string(key)) {
				return false
			}
		}
	}
	return !refer || found > 0
}
