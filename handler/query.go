package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// query is the step that takes out of the query string what must not reach Jira.
func (*Handler) query(r *http.Request, d *Decision) *denial {
	clean, err := jira.CleanQuery(r.URL.RawQuery, d.Record.Scope == token.ScopeRead)
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
