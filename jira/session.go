package jira

import "regexp"

var (
	// sessionParameter is how Tomcat puts the session into a path, for clients
	// without cookies.
	sessionParameter = regexp.MustCompile(`(?i)(;|%3b)jsessionid(=|%3d)?[^/?#;,<>"\s]*`)

	// userInfo is the user and password of a URL, at the beginning of a header or
	// of a target in a Link header. Browsers read a backslash as a slash.
	userInfo = regexp.MustCompile(`(^|<)(\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})[^/\\?#<>"\s]*@`)
)

// WithoutSecrets returns the value of a Location, Content-Location or Link header
// without the account's session and without user and password.
func WithoutSecrets(header string) string {
	return userInfo.ReplaceAllString(sessionParameter.ReplaceAllString(header, ""), "$1$2")
}
