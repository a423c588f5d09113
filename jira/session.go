package jira

import "regexp"

var (
	// sessionParameter matches the session that Tomcat puts into a path for
	// clients without cookies.
	sessionParameter = regexp.MustCompile(`(?i)(;|%3b)jsessionid(=|%3d)?[^/?#;,<>"\s]*`)

	// userInfo matches the username and password in a URL, at the start of a
	// header or of a target in a Link header. Browsers read a backslash as a slash.
	userInfo = regexp.MustCompile(`(^|<)(\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})[^/\\?#<>"\s]*@`)
)

// WithoutSecrets returns the value of a Location, Content-Location or Link header
// without the account's session and without username and password.
func WithoutSecrets(header string) string {
	return userInfo.ReplaceAllString(sessionParameter.ReplaceAllString(header, ""), "$1$2")
}
