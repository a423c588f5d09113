package handler

import (
	"net/http"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// scope is the step that classifies what the request does in Jira and checks whether
// the token may do it.
func (h *Handler) scope(r *http.Request, d *Decision) *denial {
	path := h.inContext(r.URL.EscapedPath())
	if err := jira.CheckPath(path); err != nil {
		return ambiguousPath(err)
	}
	access, operation := h.operations.Access(r.Method, path)
	if !h.reachable.Match(path) {
		message := "API tokens cannot reach this path."
		if access != jira.AccessNever {
			message += " A gateway administrator can add it with the option paths."
		}
		return deny(ReasonPathDenied, message)
	}
	d.Access, d.operation, d.changes = access, operation, access.Changes()
	d.match = d.operation
	if h.ScopeBy == scopeByMethod && d.Access != jira.AccessNever && d.match.Source != jira.SourceReads {
		d.Access, d.match = jira.AccessByMethod(r.Method), jira.Match{Source: jira.SourceMethod}
	}
	d.classified = true
	if d.Access == jira.AccessNever {
		return deny(ReasonPathDenied, "No API token may do this, whatever its scope.")
	}
	if needed := scopeFor(d.Access); !d.Record.Scope.Includes(needed) {
		return deny(ReasonScopeInsufficient, "This API token has scope "+d.Record.Scope.String()+
			", this request needs scope "+needed.String()+".")
	}
	return nil
}

// ambiguousPath denies a path that jira.CheckPath rejects.
func ambiguousPath(err error) *denial {
	return deny(ReasonAmbiguousRequest, "The request's path could be read in more than one way: "+strings.TrimPrefix(err.Error(), "ambiguous path: ")+".")
}

func foundScope(_ *Handler, _ *http.Request, d *Decision) string {
	return "it counts as " + d.Access.String() + ", which scope " + d.Record.Scope.String() + " allows; rule: " + d.rule()
}

// rule describes the rule that classified the request.
func (d *Decision) rule() string { return strings.TrimPrefix(d.match.String(), "by ") }

// scopeFor returns the scope that an access needs.
func scopeFor(access jira.Access) token.Scope {
	switch access {
	case jira.AccessRead:
		return token.ScopeRead
	case jira.AccessReadAll:
		return token.ScopeReadAll
	case jira.AccessWrite:
		return token.ScopeWrite
	}
	return token.ScopeAdmin
}

// reachablePaths parses the option paths, or returns the defaults if it is empty.
func reachablePaths(patterns []string) (jira.Paths, error) {
	if len(patterns) == 0 {
		return jira.DefaultPaths(), nil
	}
	return jira.ParsePaths(patterns)
}
