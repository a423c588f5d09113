package jira

import (
	"net/url"
	"path"
	"strings"
)

// LogsIn reports whether a request logs a user in by password through the REST
// API, however a lenient server might read its path: path parameters left out,
// escapes decoded, dots and slashes resolved, without case. The log-in forms of
// Jira's own pages (login.jsp, /rest/tsv, the login gadget) are not meant: by
// them people begin their sessions.
func LogsIn(method, rawPath string) bool {
	return method == "POST" && strings.Contains(lenientPath(rawPath)+"/", "/rest/auth/")
}

// TakesFormCredentials reports whether Data Center takes credentials from a form
// that is sent to this path of the REST API, however a lenient server might read
// the path. By the login gadget, which is left out, people begin their sessions.
func TakesFormCredentials(rawPath string) bool {
	lenient := lenientPath(rawPath)
	if !strings.Contains(lenient, "/rest/") {
		return false
	}
	asWritten := strings.EqualFold(lenient, rawPath)
	return !asWritten || !strings.HasSuffix(lenient, "/rest/gadget/1.0/login")
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

// siteCredentials are the parameters that are a password or a bearer token to
// Jira: Seraph takes the first three, and access_token is how RFC 6750 puts a
// bearer token in a query. Those of browsers' sessions are not among them: jwt
// (of the iframes of Connect apps) and oauth_* (of application links and their
// consent pages) sign one request, and a session needs atl_token and token.
var siteCredentials = []string{"os_username", "os_password", "os_cookie", "access_token"}

// QueryHasCredentials reports whether a query, or a form, carries a password or
// a bearer token for Jira, whether servers split it at "&" or at ";".
func QueryHasCredentials(rawQuery string) bool {
	for parameter := range strings.FieldsFuncSeq(rawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		for _, credential := range siteCredentials {
			if strings.EqualFold(name, credential) {
				return true
			}
		}
	}
	return false
}
