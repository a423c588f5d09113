package jira

import (
	"path"
	"strings"
)

// maxPathDecodings bounds how often a path is decoded. Nobody encodes one more often by
// mistake.
const maxPathDecodings = 8

// PlainPath returns an escaped path as the most lenient server would read it: decoded as
// often as possible, with backslashes as slashes, and without parameters and dot
// segments. It is for recognizing paths that must not be forwarded.
func PlainPath(escaped string) string {
	for range maxPathDecodings {
		decoded := unescapeLeniently(escaped)
		if decoded == escaped {
			break
		}
		escaped = decoded
	}
	segments := strings.Split(strings.ReplaceAll(escaped, `\`, "/"), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return path.Clean("/" + strings.Join(segments, "/"))
}
