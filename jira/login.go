package jira

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// LogsIn reports whether a request logs a user in by password through the REST
// API, however a lenient server might read its path: without path parameters,
// with escapes decoded and dots and slashes resolved, ignoring case. The login
// forms of Jira's own pages (login.jsp, /rest/tsv, the login gadget) do not count:
// people use them to start their sessions.
func LogsIn(method, rawPath string) bool {
	return method == "POST" && strings.Contains(lenientPath(rawPath)+"/", "/rest/auth/")
}

// TakesFormCredentials reports whether Data Center reads credentials from a form
// sent to this REST path, however a lenient server might read the path. The login
// gadget is excluded: people use it to start their sessions.
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

// siteCredentials are the parameters that Jira accepts as a password or a bearer
// token: the first three for Seraph, and access_token, which RFC 6750 defines for
// queries. Parameters that browser sessions need are excluded: jwt (Connect app
// iframes) and oauth_* (application links and their consent pages) sign a single
// request, and sessions use atl_token and token.
var siteCredentials = []string{"os_username", "os_password", "os_cookie", "access_token"}

// QueryHasCredentials reports whether a query or a form carries a password or a
// bearer token for Jira, no matter if servers split it at "&" or at ";".
func QueryHasCredentials(rawQuery string) bool {
	for parameter := range strings.FieldsFuncSeq(rawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if slices.Contains(siteCredentials, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// formCredentials are the names of parts that a multipart body must not have. Unlike
// in queries, which Jira's own feeds have it in, nothing needs os_authType there.
var formCredentials = append([]string{"os_authtype"}, siteCredentials...)

// IsFormCredential reports whether a part of a multipart body with this name is a
// password or a bearer token for Jira, or chooses how to log in by one.
func IsFormCredential(name string) bool {
	return slices.Contains(formCredentials, strings.ToLower(name))
}

// MentionsFormCredential reports whether such a name is anywhere in text.
func MentionsFormCredential(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(formCredentials, func(name string) bool { return strings.Contains(text, name) })
}
