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

// isAttachment reports whether Jira Cloud answers this path with a redirect to a
// signed URL on its media host by default.
func isAttachment(path string) bool {
	return strings.Contains(path, "/attachment/content/") || strings.Contains(path, "/attachment/thumbnail/")
}

// withoutRedirect makes Jira Cloud send the bytes themselves. It drops redirect
// parameters from the query first: servers differ in which of two values counts.
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
