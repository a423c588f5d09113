package handler

import (
	"net/url"
	"strings"
)

// The values of Attachments.
const (
	attachmentsProxy    = "proxy"
	attachmentsRedirect = "redirect"
)

// isAttachment tells whether a path is one where Jira Cloud answers with a
// redirect to a signed URL on its media host, unless asked not to.
func isAttachment(path string) bool {
	return strings.Contains(path, "/attachment/content/") || strings.Contains(path, "/attachment/thumbnail/")
}

// withoutRedirect asks Jira Cloud for the bytes themselves. Whatever the query
// said of it is taken out first: servers differ in which of two values counts.
func withoutRedirect(query string) string {
	kept := make([]string, 0, 4)
	for parameter := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if parameter != "" && !strings.EqualFold(name, "redirect") {
			kept = append(kept, parameter)
		}
	}
	return strings.Join(append(kept, "redirect=false"), "&")
}
