package jira

import (
	"errors"
	"fmt"
	"strings"
)

// PathPattern is a pattern of the option `paths`: a path in which "*" stands for
// one whole segment or, at the end, for all the rest including slashes. /rest/* is
// everything below /rest/.
type PathPattern struct {
	segments []string
	rest     bool // the last segment was "*"
}

// ParsePathPattern parses a pattern of the option `paths`.
func ParsePathPattern(pattern string) (PathPattern, error) {
	if !strings.HasPrefix(pattern, "/") {
		return PathPattern{}, fmt.Errorf("path pattern %q: must start with a slash, such as /rest/*", pattern)
	}
	segments := strings.Split(pattern[1:], "/")
	for _, segment := range segments {
		if segment != "*" && strings.Contains(segment, "*") {
			return PathPattern{}, fmt.Errorf("path pattern %q: * must be a whole segment, as in /rest/* or /rest/*/latest", pattern)
		}
	}
	if err := CheckPath(pattern); err != nil {
		return PathPattern{}, fmt.Errorf("path pattern %q cannot match any request: %w", pattern, err)
	}
	last := len(segments) - 1
	if segments[last] == "*" {
		return PathPattern{segments[:last], true}, nil
	}
	return PathPattern{segments, false}, nil
}

// Match reports whether rawPath, as sent, matches the pattern. Case matters, and so
// does a trailing slash.
func (p PathPattern) Match(rawPath string) bool {
	for _, want := range p.segments {
		if rawPath == "" || rawPath[0] != '/' {
			return false
		}
		rawPath = rawPath[1:]
		end := strings.IndexByte(rawPath, '/')
		if end < 0 {
			end = len(rawPath)
		}
		segment := rawPath[:end]
		if want == "*" && segment == "" || want != "*" && want != segment {
			return false
		}
		rawPath = rawPath[end:]
	}
	if p.rest {
		return rawPath != ""
	}
	return rawPath == ""
}

// String returns the pattern as written.
func (p PathPattern) String() string {
	text := ""
	if len(p.segments) > 0 {
		text = "/" + strings.Join(p.segments, "/")
	}
	if p.rest {
		text += "/*"
	}
	return text
}

// Paths are the paths that tokens can reach. The zero value matches none.
type Paths struct {
	patterns []PathPattern
}

// ParsePaths parses the patterns of the option `paths`, of which there must be at
// least one.
func ParsePaths(patterns []string) (Paths, error) {
	if len(patterns) == 0 {
		return Paths{}, errors.New("no path patterns: give at least one, such as /rest/*")
	}
	parsed := make([]PathPattern, 0, len(patterns))
	for _, pattern := range patterns {
		p, err := ParsePathPattern(pattern)
		if err != nil {
			return Paths{}, err
		}
		parsed = append(parsed, p)
	}
	return Paths{parsed}, nil
}

// DefaultPaths are Jira's REST APIs, its downloads and its activity stream.
func DefaultPaths() Paths {
	return Paths{[]PathPattern{
		{segments: []string{"rest"}, rest: true},
		{segments: []string{"secure", "attachment"}, rest: true},
		{segments: []string{"secure", "attachmentzip"}, rest: true},
		{segments: []string{"secure", "thumbnail"}, rest: true},
		{segments: []string{"secure", "projectavatar"}},
		{segments: []string{"secure", "viewavatar"}},
		{segments: []string{"secure", "useravatar"}},
		{segments: []string{"activity"}},
	}}
}

// Match reports whether any of the patterns matches rawPath.
func (p Paths) Match(rawPath string) bool {
	for _, pattern := range p.patterns {
		if pattern.Match(rawPath) {
			return true
		}
	}
	return false
}

// Strings returns the patterns as written.
func (p Paths) Strings() []string {
	texts := make([]string, len(p.patterns))
	for i, pattern := range p.patterns {
		texts[i] = pattern.String()
	}
	return texts
}
