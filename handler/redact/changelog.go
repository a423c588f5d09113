package redact

// change is a set of changes made to an issue together. It is dropped if none of its items passes. Its metadata is always
// dropped: it names what caused the change, such as another issue.
var change = &shape{filled: "items", members: with(kept("id", "author", "created"), object{"items": arrayOf(changeItem)})}

// changeItem is the change of one field.
var changeItem = judged(objectOf(kept("field", "fieldtype", "fieldId", "from", "fromString", "to", "toString",
	"tmpFromAccountId", "tmpToAccountId")), isItemShown)

var changelogAnswers = map[string]*shape{
	"changelog": changelogPage(change, "values", "histories"),
	"changelogs": objectOf(object{
		"nextPageToken":   scalar,
		"issueChangeLogs": arrayOf(objectOf(object{"issueId": scalar, "changeHistories": arrayOf(change)})),
	}),
}

// isItemShown decides about an item. An item that refers to something passes only if everything that it names is inside.
// Items of other fields belong to the issue itself.
func isItemShown(in *view, item value) bool {
	if !item.isObject() {
		return false
	}
	var id, name, from, to []byte
	var values [4][]byte
	for member, v := range item.members() {
		switch string(member.name()) {
		case "fieldId":
			id = v.text()
		case "field":
			name = v.text()
		case "from":
			from = v.text()
			values[0] = from
		case "fromString":
			values[1] = v.text()
		case "to":
			to = v.text()
			values[2] = to
		case "toString":
			values[3] = v.text()
		}
	}
	kind := itemKinds[string(id)] | itemKinds[string(name)]
	switch {
	case in.Hides(id) || in.Hides(name):
		return false
	case kind&ofComment != 0 && in.HidesInternalComments():
		return false // it holds the text of a comment that was changed or deleted, which may be internal
	case kind&ofProject != 0:
		return in.Project(string(from), "") && in.Project(string(to), "")
	}
	return issuesInside(in, values[:], kind&ofIssue != 0)
}

// The kinds of items that are not about a field of the issue alone.
const (
	ofIssue = 1 << iota
	ofProject
	ofComment
)

// itemKinds are these kinds by the name or ID of the field. The names are in English: in changes, Jira translates only those
// of custom fields, whose values issuesInside checks anyway.
var itemKinds = map[string]int{
	"Link": ofIssue, "issuelinks": ofIssue, "Parent": ofIssue, "parent": ofIssue, "Parent Issue": ofIssue, "Parent Link": ofIssue,
	"IssueParentAssociation": ofIssue, "Epic Link": ofIssue, "Epic Child": ofIssue, "Key": ofIssue, "key": ofIssue,
	"issuekey": ofIssue, "Sub-task": ofIssue, "Subtask": ofIssue, "subtasks": ofIssue,
	"project": ofProject, "Project": ofProject, "Comment": ofComment, "comment": ofComment,
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
