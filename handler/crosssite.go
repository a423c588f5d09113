package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// crossSite is the step that refuses changes that a browser sends on behalf of a
// page of another site. Browsers remember Basic credentials, and the headers by
// which Jira would notice such a request (Origin, Referer) do not reach it. Only
// browsers send Sec-Fetch-Site.
func (*Handler) crossSite(r *http.Request, _ *Decision) *denial {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		if jira.AccessByMethod(r.Method) != jira.AccessRead {
			return deny(ReasonPathDenied, "Cross-site requests that change data are not accepted.")
		}
	}
	return nil
}

func foundCrossSite(*Handler, *http.Request, *Decision) string {
	return "it is not a change that another site's page asks for"
}
