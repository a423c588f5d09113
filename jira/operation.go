package jira

import (
	"fmt"
	"strings"
)

// Operation describes one operation, or a family of them.
type Operation struct {
	// Method is GET, POST, PUT, PATCH, DELETE or "*" for all that have no
	// operation of their own at this path. HEAD is GET; OPTIONS has a rule of its
	// own.
	Method string
	// Path is a template: a segment {name} or * stands for one segment; a last
	// segment ** (or *, where an operation is added) for any number of them,
	// none included.
	Path string
	// Access is what the operation asks.
	Access Access
	// Addressing says what the operation is about, Locator where the request says
	// so. Both are empty for operations from the configuration.
	Addressing Addressing
	Locator    Locator
	// Confinement says how a token that sees only a part of Jira is confined here;
	// nil if the table does not say.
	Confinement *Confinement
	// Source says where this is known from: dc, cloud-v3, reads …
	Source string
	// Reason says why, where this is not as Atlassian's lists have it.
	Reason string

	// fixed is the number of the path's segments before a last **.
	fixed int
}

// SourceReads is the source of operations that were added with [Operations.With].
const SourceReads = "reads"

// SourceMethod is the source of a [Match] where no operation decided, only the
// method.
const SourceMethod = "by method"

// String returns the operation as the option `reads` takes it.
func (op Operation) String() string { return op.Method + " " + op.Path }

// ParseOperation parses an operation that only reads, as in
//
//	reads POST /rest/tempo-timesheets/4/worklogs/search
//
// A segment * or {name} stands for one segment; a last segment * or ** for the
// rest, if any.
func ParseOperation(method, path string) (Operation, error) {
	if _, ok := methodIndex(method); !ok || method == "HEAD" {
		return Operation{}, fmt.Errorf("method %q: must be GET, POST, PUT, PATCH or DELETE (HEAD goes with GET)", method)
	}
	if !strings.HasPrefix(path, "/") {
		return Operation{}, fmt.Errorf("path %q: must start with a slash, as /rest/tempo-timesheets/4/worklogs/search", path)
	}
	if path != "/" && strings.HasSuffix(path, "/") {
		return Operation{}, fmt.Errorf("path %q: leave the slash at its end away, it makes no difference in a request", path)
	}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		wildcard := segment == "*" || isParameter(segment) || segment == "**"
		switch {
		case segment == "**" && i < len(segments)-1:
			return Operation{}, fmt.Errorf("path %q: ** stands for the rest and must be the last segment", path)
		case !wildcard && strings.ContainsAny(segment, "*{}"):
			return Operation{}, fmt.Errorf("path %q: * and {name} must be whole segments", path)
		}
	}
	op := Operation{Method: method, Path: path, Access: AccessRead, Source: SourceReads}
	if err := CheckPath(op.example("x")); err != nil {
		return Operation{}, fmt.Errorf("path %q would match no request: %w", path, err)
	}
	if len(segments) > maxTemplateSegments {
		return Operation{}, fmt.Errorf("path %q: has more than %d segments", path, maxTemplateSegments)
	}
	for _, segment := range segments {
		if len(segment) >= longestLiteral || strings.Contains(segment, "%") {
			return Operation{}, fmt.Errorf("path %q: use * for a segment that is percent-encoded or has more than %d bytes", path, longestLiteral-1)
		}
	}
	return op, nil
}

func isParameter(segment string) bool {
	return len(segment) > 2 && segment[0] == '{' && segment[len(segment)-1] == '}' &&
		!strings.ContainsAny(segment[1:len(segment)-1], "{}*")
}

// example is a path that the operation's template matches: every segment that
// is free is filled with value; the rest, if the template ends in one, too.
func (op Operation) example(value string) string {
	segments := strings.Split(op.Path, "/")
	for i, segment := range segments {
		if segment == "*" || segment == "**" || isParameter(segment) {
			segments[i] = value
		}
	}
	return strings.Join(segments, "/")
}

// template is an operation's path, taken apart. An empty segment is free.
type template struct {
	segments []string
	rest     bool
}

// maxTemplateSegments is what fits a match's mask.
const maxTemplateSegments = 30

// templateOf takes an operation's path apart. versioned are the APIs whose
// third segment is a version: it is free in their templates, since Jira serves
// an API under latest and under older versions too.
func templateOf(op Operation, versioned map[string]bool) template {
	segments := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
	t := template{segments: segments}
	last := len(segments) - 1
	if segments[last] == "**" {
		t.segments, t.rest = segments[:last], true
	}
	for i, segment := range t.segments {
		switch {
		case segment == "*" || isParameter(segment):
			t.segments[i] = ""
		case i == 2 && t.segments[0] == "rest" && versioned[t.segments[1]] && isVersion(segment):
			t.segments[i] = ""
		}
	}
	return t
}

// isVersion reports whether a segment looks like the version of an API: 2, 1.0,
// 2.0.alpha1, latest.
func isVersion(segment string) bool {
	return segment != "" && segment[0] >= '0' && segment[0] <= '9' || strings.EqualFold(segment, "latest")
}

// overlaps reports whether some path fits both templates.
func (t template) overlaps(u template) bool {
	for i := range max(len(t.segments), len(u.segments)) {
		if i == len(t.segments) {
			return t.rest
		}
		if i == len(u.segments) {
			return u.rest
		}
		a, b := t.segments[i], u.segments[i]
		if a != "" && b != "" && !strings.EqualFold(a, b) {
			return false
		}
	}
	return true
}

// covers reports whether every path that fits u fits t.
func (t template) covers(u template) bool {
	if len(t.segments) > len(u.segments) || !t.rest && (u.rest || len(t.segments) < len(u.segments)) {
		return false
	}
	for i, a := range t.segments {
		if a != "" && !strings.EqualFold(a, u.segments[i]) {
			return false
		}
	}
	return true
}
