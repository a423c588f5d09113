package redact

import (
	"bytes"
	"iter"
)

// reference is what an object says about which issue, project or other thing it is.
type reference struct {
	id, key, self, projectID []byte
	projectType, scope       value
	person                   bool
}

// refer reads the reference of an object.
func refer(object value) (r reference) {
	issue := false
	for name, v := range object.members() {
		switch string(name.text()) {
		case "id":
			r.id = v.text()
		case "key":
			r.key = v.text()
		case "self":
			r.self = v.text()
		case "projectId":
			r.projectID = v.text()
		case "projectTypeKey":
			r.projectType = v
		case "scope":
			r.scope = v
		case "displayName", "accountId":
			r.person = true
		case "fields", "summary":
			issue = true
		}
	}
	r.person = r.person && !issue
	return r
}

// insideIssue decides about an object that is an issue.
func insideIssue(in *view, v value) bool {
	if !v.isObject() {
		return false
	}
	r := refer(v)
	return (len(r.id) > 0 || len(r.key) > 0) && in.Issue(string(r.id), string(r.key))
}

// insideProject decides about an object that is a project.
func insideProject(in *view, v value) bool {
	if !v.isObject() {
		return false
	}
	r := refer(v)
	return (len(r.id) > 0 || len(r.key) > 0) && in.Project(string(r.id), string(r.key))
}

// insideScope decides about an object that may belong to one project, such as a status of a team-managed project.
func insideScope(in *view, v value) bool {
	return !v.isObject() || scopeInside(in, v.find("scope"))
}

// scopeInside decides about a scope: {"type":"PROJECT","project":{"id":"10000"}}.
func scopeInside(in *view, scope value) bool {
	project := scope.find("project")
	return !project.exists() || project.isNull() || insideProject(in, project)
}

// inside decides about an object whose kind nobody knows, such as in the value of a custom field.
func (r *reference) inside(in *view) bool {
	switch {
	case isIssueKey(r.key) && !r.person:
		return in.Issue(string(r.id), string(r.key))
	case r.projectType.exists(), len(r.key) > 0 && bytes.Contains(r.self, []byte("/project/")):
		return in.Project(string(r.id), string(r.key))
	case len(r.projectID) > 0 && !in.Project(string(r.projectID), ""):
		return false
	}
	return scopeInside(in, r.scope)
}

// appendUnknown appends a value whose kind nobody knows, without the issues and projects outside that it names. Text that
// mentions one is somebody's text and stays; a string that is an issue's key and nothing else is a reference to it, as in the
// field Epic Link.
func appendUnknown(in *view, to []byte, v value) ([]byte, bool) {
	switch v.kind() {
	case '"':
		if key := v.text(); isIssueKey(key) && !in.Issue("", string(key)) {
			return to, false
		}
	case '[':
		return appendArray(in, to, v, unknown), true
	case '{':
		r := refer(v)
		switch {
		case !r.inside(in):
			return to, false
		case r.person:
			return appendObject(in, to, v, person), true
		}
		return appendObject(in, to, v, unknownMembers), true
	}
	return append(to, v.raw()...), true
}

// isIssueKey reports whether s is an issue's key and nothing else.
func isIssueKey(s []byte) bool {
	dash := bytes.LastIndexByte(s, '-')
	if dash < 1 || dash+1 == len(s) || !isLetter(s[0]) {
		return false
	}
	for _, c := range s[:dash] {
		if !isLetter(c) && !isDigit(c) && c != '_' {
			return false
		}
	}
	for _, c := range s[dash+1:] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// issueKeys yields what looks like an issue's key in a text.
func issueKeys(s []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := 0; i < len(s); i++ {
			begin := i
			for i < len(s) && (isLetter(s[i]) || isDigit(s[i]) || s[i] == '_' || s[i] == '-') {
				i++
			}
			if isIssueKey(s[begin:i]) && !yield(s[begin:i]) {
				return
			}
		}
	}
}
