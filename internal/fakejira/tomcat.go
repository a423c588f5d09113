package fakejira

import (
	"errors"
	"net/url"
	"strings"
)

// errBadPath is the error for a path that Tomcat rejects.
var errBadPath = errors.New("bad path")

// tomcatSegments parses a raw path the way Tomcat does: it strips parameters
// (";…") from each segment, rejects encoded slashes and backslashes, decodes the
// rest, and then resolves "//", "/./" and "/../". Parsing it like Tomcat, not like
// net/http, exposes a gateway that lets "/x/..;/y" through.
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
			// An empty segment, from a doubled or trailing slash, is ignored.
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

// restExtensions are the extensions that Data Center strips from REST paths.
var restExtensions = []string{".json", ".xml", ".txt", ".html", ".htm", ".atom"}

// stripExtension strips such an extension from the last segment of a REST path.
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
