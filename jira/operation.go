package jira

import (
	"fmt"
	"strings"
)

// Operation is an operation of Jira's, or a family of them.
type Operation struct {
	// Method is GET, POST, PUT, PATCH, DELETE, or "*" for every method without an
	// operation of its own at this path. HEAD counts as GET; OPTIONS follows a
	// rule of its own.
	Method string
	// Path is a template: a {name} or * segment stands for one segment, and a
	// final ** (or *, in an operation that is added) for any number of them,
	// including none.
	Path string
	// Access is what the operation needs.
	Access Access
	// Addressing says what the operation acts on, and Locator where the request
	// names it. Both are empty for operations from the configuration.
	Addressing Addressing
	Locator    Locator
	// Confinement says how a token that sees only a part of Jira is confined here;
	// nil if the table does not say.
	Confinement *Confinement
	// Source says where the operation is documented: dc, cloud-v3, reads, ….
	Source string
	// Reason says why, where this differs from Atlassian's lists.
	Reason string

	// fixed is the number of segments before a final **.
	fixed int
}

// SourceReads is the source of operations added with [Operations.With].
const SourceReads = "reads"

// SourceMethod is the source of a [Match] if only the method decided, not an
// operation.
const SourceMethod = "by method"

// String returns the operation in the syntax of the option `reads`.
func (op Operation) String() string { return op.Method + " " + op.Path }

// ParseOperation parses an operation for the option `reads`, such as
//
//	reads POST /rest/tempo-timesheets/4/worklogs/search
//
// A * or {name} segment stands for one segment; a final * or ** for the rest, if
// any.
func ParseOperation(method, path string) (Operation, error) {
	if _, ok := methodIndex(method); !ok || method == "HEAD" {
		return Operation{}, fmt.Errorf("method %q: must be GET, POST, PUT, PATCH or DELETE (HEAD goes with GET)", method)
	}
	if !strings.HasPrefix(path, "/") {
		return Operation{}, fmt.Errorf("path %q: must start with a slash, such as /rest/tempo-timesheets/4/worklogs/search", path)
	}
	if path != "/" && strings.HasSuffix(path, "/") {
		return Operation{}, fmt.Errorf("path %q: remove the trailing slash: requests match with or without one", path)
	}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		wildcard := segment == "*" || isParameter(segment) || segment == "**"
		switch {
		case segment == "**" && i < len(segments)-1:
			return Operation{}, fmt.Errorf("path %q: ** stands for the rest of the path and must be the last segment", path)
		case !wildcard && strings.ContainsAny(segment, "*{}"):
			return Operation{}, fmt.Errorf("path %q: * and {name} must be whole segments", path)
		}
	}
	op := Operation{Method: method, Path: path, Access: AccessRead, Source: SourceReads}
	if err := CheckPath(op.example("x")); err != nil {
		return Operation{}, fmt.Errorf("path %q cannot match any request: %w", path, err)
	}
	if len(segments) > maxTemplateSegments {
		return Operation{}, fmt.Errorf("path %q has more than %d segments", path, maxTemplateSegments)
	}
	for _, segment := range segments {
		if len(segment) >= longestLiteral || strings.Contains(segment, "%") {
			return Operation{}, fmt.Errorf("path %q: use * for a segment that is percent-encoded or longer than %d bytes", path, longestLiteral-1)
		}
	}
	return op, nil
}

func isParameter(segment string) bool {
	return len(segment) > 2 && segment[0] == '{' && segment[len(segment)-1] == '}' &&
		!strings.ContainsAny(segment[1:len(segment)-1], "{}*")
}

// example returns a path that matches the operation's template, with value in
// every wildcard segment and as the rest.
func (op Operation) example(value string) string {
	segments := strings.Split(op.Path, "/")
	for i, segment := range segments {
		if segment == "*" || segment == "**" || isParameter(segment) {
			segments[i] = value
		}
	}
	return strings.Join(segments, "/")
}

// template is a parsed path. An empty segment is a wildcard.
type template struct {
	segments []string
	rest     bool
}

// maxTemplateSegments is the limit set by the bits of hit.mask.
const maxTemplateSegments = 30

// templateOf parses an operation's path. In the versioned APIs, the third segment
// is a version: it becomes a wildcard, since Jira serves an API under "latest" and
// older versions too.
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

// isVersion reports whether a segment looks like an API version: 2, 1.0,
// 2.0.alpha1, latest.
func isVersion(segment string) bool {
	return segment != "" && segment[0] >= '0' && segment[0] <= '9' || strings.EqualFold(segment, "latest")
}

// overlaps reports whether some path matches both templates.
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

// covers reports whether every path that matches u matches t.
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
