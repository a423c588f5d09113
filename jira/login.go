package jira

import (
	"net/url"
	"path"
	"strings"
)

// LogsIn tells whether a request to this path could log a user in by password
// through the REST API, however a lenient server might read the path: path
// parameters left out, escapes decoded, dots and slashes resolved, without
// case.
func LogsIn(rawPath string) bool {
	for _, login := range []string{"/rest/auth/", "/rest/gadget/1.0/login", "/rest/gadget/latest/login", "/rest/usermanagement/", "/rest/pat/"} {
		if strings.Contains(lenientPath(rawPath)+"/", login) {
			return true
		}
	}
	return false
}

func lenientPath(rawPath string) string {
	segments := strings.Split(strings.ReplaceAll(rawPath, `\`, "/"), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	lenient := strings.Join(segments, "/")
	if decoded, err := url.PathUnescape(lenient); err == nil {
		lenient = strings.ReplaceAll(decoded, `\`, "/")
	}
	return strings.ToLower(path.Clean(lenient))
}

// QueryHasCredentials tells whether a query carries credentials that Data
// Center would take.
func QueryHasCredentials(rawQuery string) bool {
	clean, err := CleanQuery(rawQuery, false)
	return err != nil || clean != rawQuery
}
