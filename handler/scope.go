package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// scope is the step that finds out what the request would do in Jira, and asks
// whether the token may.
func (h *Handler) scope(r *http.Request, d *Decision) *denial {
	path := h.inContext(r.URL.EscapedPath())
	if err := jira.CheckPath(path); err != nil {
		return deny(ReasonAmbiguousRequest, "The request's path could be read in more than one way: "+err.Error()+".")
	}
	if !h.reachable.Match(path) {
		return deny(ReasonPathDenied, "API tokens do not reach this path.")
	}
	d.Access, d.classified = h.access(r.Method, path), true
	if d.Access == jira.AccessNever {
		return deny(ReasonPathDenied, "No API token can do this, whatever its scope.")
	}
	if needed := scopeFor(d.Access); !d.Record.Scope.Includes(needed) {
		return deny(ReasonScopeInsufficient, "This API token has scope "+d.Record.Scope.String()+
			", this request needs scope "+needed.String()+".")
	}
	if crossSite(r) {
		return deny(ReasonPathDenied, "Changes that another web page asks for are not accepted.")
	}
	return h.cleanRequest(r, d)
}

// crossSite tells whether a browser sends a change on behalf of a page of
// another site. It remembers Basic credentials, and what Jira would know such a
// request by (Origin, Referer) does not reach it. Only browsers send this header.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return jira.AccessByMethod(r.Method) != jira.AccessRead
	}
	return false
}

// access classifies an operation by the table or by its method, as configured.
func (h *Handler) access(method, path string) jira.Access {
	access, match := h.operations.Access(method, path)
	if h.ScopeBy == scopeByMethod && access != jira.AccessNever && match.Source != jira.SourceReads {
		return jira.AccessByMethod(method)
	}
	return access
}

// scopeFor returns the scope that an access needs.
func scopeFor(access jira.Access) token.Scope {
	switch access {
	case jira.AccessRead:
		return token.ScopeRead
	case jira.AccessWrite:
		return token.ScopeWrite
	}
	return token.ScopeAdmin
}

// reachablePaths reads the option paths; none given are the default ones.
func reachablePaths(patterns []string) (jira.Paths, error) {
	if len(patterns) == 0 {
		return jira.DefaultPaths(), nil
	}
	return jira.ParsePaths(patterns)
}
