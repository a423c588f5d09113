package handler

import (
	"net/http"
	"regexp"
)

// shownPath returns the request's path for the log and the audit trail, without secrets
// of links to the gateway's own endpoints.
func (d *Decision) shownPath(r *http.Request) string {
	switch {
	case d.endpoint == nil:
		return withoutLink(r.URL.Path)
	case d.endpoint.SecretPath:
		return EndpointsPath + d.endpoint.Path
	}
	return r.URL.Path
}

// ownPath matches a path to the gateway's own endpoints, and in it the words that can
// belong to an endpoint's name.
var ownPath = regexp.MustCompile(`(?i)^(.*?/jira-tokens(?:/(?:[0-9]{1,2}|[a-z_]{1,12}))*)(/.*)?$`)

// withoutLink cuts what may be the secret of a link from the path to an endpoint that
// does not exist: somebody may have misspelled a link, or used another method.
func withoutLink(path string) string {
	if !containsFold(path, "/jira-tokens/") {
		return path
	}
	if found := ownPath.FindStringSubmatch(path); found != nil && found[2] != "" {
		return found[1] + "/…"
	}
	return path
}
