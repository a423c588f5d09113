package redact

import "bytes"

// richText is how Jira Cloud's API of version 3 writes texts: {"type":"doc","version":1,"content":[…]}.
const richText = "doc"

// appendUnknown appends a value of unknown kind, without the issues and projects outside that it refers to. Text that
// mentions one stays, but a string of nothing but issues' keys refers to them, as in the field Epic Link. So a text that
// only looks like a key, such as UTF-8, is lost.
func appendUnknown(in *view, to []byte, v value) ([]byte, bool) {
	switch v.kind() {
	case '"':
		if mayBeKeys(v.raw()) && !refersInside(in, v.text()) {
			return to, false
		}
	case '[':
		return appendArray(in, to, v, unknown, nil), true
	case '{':
		if isRichText(v) {
			return append(to, v.raw()...), true
		}
		r := refer(v)
		switch {
		case !r.inside(in):
			return to, false
		case r.person:
			return appendObject(in, to, v, person)
		}
		return appendObject(in, to, v, unknownMembers)
	}
	return append(to, v.raw()...), true
}

// isRichText reports whether an object is a text.
func isRichText(object value) bool {
	return string(object.find("type").text()) == richText && object.find("content").isArray() && object.find("version").exists()
}

// mayBeKeys reports whether a string, in quotes, may be nothing but issues' keys. It rules out most of them by their first
// word.
func mayBeKeys(quoted []byte) bool {
	word := quoted[1 : len(quoted)-1]
	word = word[:keyLength(word)]
	return isIssueKey(word) || bytes.IndexByte(word, '\\') >= 0
}

// refersInside decides about a string: if it is nothing but issues' keys, they must all be inside.
func refersInside(in *view, s []byte) bool {
	if !isIssueKeys(s) {
		return true
	}
	for key := range issueKeys(s) {
		if !in.Issue("", string(key)) {
			return false
		}
	}
	return true
}
