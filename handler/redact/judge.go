package redact

import (
	"bytes"
	"iter"
)

// reference is what identifies the issue, project or other thing that an object is.
type reference struct {
	id, key, self         []byte
	issueID, issueKey     []byte
	projectID, projectKey []byte
	projectType, scope    value
	person                bool
}

// refer reads the reference of an object.
func refer(object value) (r reference) {
	issue := false
	for name, v := range object.members() {
		switch string(name.name()) {
		case "id":
			r.id = v.text()
		case "key":
			r.key = v.text()
		case "self":
			r.self = v.text()
		case "projectId":
			r.projectID = v.text()
		case "projectKey":
			r.projectKey = v.text()
		case "issueId":
			r.issueID = v.text()
		case "issueKey":
			r.issueKey = v.text()
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

// inside decides about an object of unknown kind, such as the value of a custom field. Everything that it names must be
// inside.
func (r *reference) inside(in *view) bool {
	isIssue := isIssueKey(r.key) && !r.person || len(r.key) == 0 && bytes.Contains(r.self, []byte("/issue/"))
	isProject := r.projectType.exists() || len(r.key) > 0 && bytes.Contains(r.self, []byte("/project/"))
	switch {
	case isIssue && !in.Issue(string(r.id), string(r.key)),
		isProject && !isIssue && !in.Project(string(r.id), string(r.key)),
		len(r.issueID)+len(r.issueKey) > 0 && !in.Issue(string(r.issueID), string(r.issueKey)),
		len(r.projectID)+len(r.projectKey) > 0 && !in.Project(string(r.projectID), string(r.projectKey)):
		return false
	}
	return scopeInside(in, r.scope)
}

// isIssueKeys reports whether s is one or more issues' keys and nothing else.
func isIssueKeys(s []byte) bool {
	if len(s) == 0 || !isLetter(s[0]) {
		return false
	}
	for len(s) > 0 {
		word := s[:keyLength(s)]
		if len(word) > 0 && !isIssueKey(word) {
			return false
		}
		s = s[min(len(word)+1, len(s)):]
	}
	return true
}

// keyLength returns the length of what comes before a character that separates keys.
func keyLength(s []byte) int {
	for i, c := range s {
		if c == ',' || c == ';' || c <= ' ' {
			return i
		}
	}
	return len(s)
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

// issueKeys yields everything in a text that looks like an issue's key.
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
