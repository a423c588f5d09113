package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// leakedToken denies any request with a token in its URL: URLs end up in the logs of
// every proxy on the way and of Jira, in browser histories and in Referer.
func leakedToken(r *http.Request) *denial {
	part := "query"
	if !token.HeldBy(r.URL.RawQuery) {
		if part = "path"; !token.HeldBy(r.URL.EscapedPath()) {
			return nil
		}
	}
	return deny(ReasonAmbiguousRequest, "The request's "+part+" contains an API token. URLs are logged along the way, so consider this token leaked: "+
		"revoke or rotate it, and only send the new one in the Authorization header.")
}

// query is the step that removes parameters that must not reach Jira.
func (*Handler) query(r *http.Request, d *Decision) *denial {
	clean, err := jira.CleanQuery(r.URL.RawQuery, !d.Record.Scope.Changes())
	if err != nil {
		return deny(ReasonAmbiguousRequest, "The request's query could be read in more than one way: "+err.Error()+".")
	}
	d.cleanQuery = clean
	return nil
}

func foundQuery(_ *Handler, r *http.Request, d *Decision) string {
	if d.cleanQuery != r.URL.RawQuery {
		return "parameters that must not reach Jira are removed"
	}
	return "it is forwarded as it is"
}
