package fakejira

import (
	"errors"
	"net/url"
	"strings"
)

// errBadPath is Tomcat's refusal of a path.
var errBadPath = errors.New("bad path")

// tomcatSegments reads a raw path as Tomcat does: parameters (";…") leave each
// segment, encoded slashes and backslashes are refused, the rest is decoded,
// and then "//", "/./" and "/../" are resolved. Reading it so, and not as
// net/http does, is the point: a gateway that lets "/x/..;/y" through must be
// found out here.
func tomcatSegments(raw string) ([]string, error) {
	if !strings.HasPrefix(raw, "/") || strings.Contains(raw, `\`) {
		return nil, errBadPath
	}
	var out []string
	for segment := range strings.SplitSeq(raw[1:], "/") {
		segment, _, _ = strings.Cut(segment, ";")
		lower := strings.ToLower(segment)
		if strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") || strings.Contains(lower, "%00") {
			return nil, errBadPath
		}
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, errBadPath
		}
		switch decoded {
		case "", ".":
			// An empty segment is a doubled or trailing slash, and means nothing.
		case "..":
			if len(out) == 0 {
				return nil, errBadPath
			}
			out = out[:len(out)-1]
		default:
			out = append(out, decoded)
		}
	}
	return out, nil
}

// restExtensions are the endings that Data Center takes off a REST path.
var restExtensions = []string{".json", ".xml", ".txt", ".html", ".htm", ".atom"}

// stripExtension takes such an ending off the last segment of a REST path.
func stripExtension(segments []string) []string {
	if len(segments) < 2 || segments[0] != "rest" {
		return segments
	}
	last := segments[len(segments)-1]
	for _, extension := range restExtensions {
		if rest, found := strings.CutSuffix(last, extension); found && rest != "" {
			return append(append([]string(nil), segments[:len(segments)-1]...), rest)
		}
	}
	return segments
}
