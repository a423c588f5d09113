package handler

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The values of Outcome.Decision.
const (
	decisionAllowed = "allowed"
	decisionDenied  = "denied"
	decisionPassed  = "passed"
)

// tell adds the decision to the access log and the placeholders.
func (h *Handler) tell(r *http.Request, d *Decision) {
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok && hasAccessLog(r) {
		extra.Add(zap.Inline(d)) // one field is cheaper than several
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(d.placeholder)
	}
}

// hasAccessLog reports whether the request's server writes an access log for any
// of its sites.
func hasAccessLog(r *http.Request) bool {
	server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return server != nil && server.Logs != nil
}

// MarshalLogObject adds the decision's fields to the access log. Zap calls it when
// it writes the line, so it includes failures to forward.
func (d *Decision) MarshalLogObject(line zapcore.ObjectEncoder) error {
	if d.Record != nil {
		line.AddString("jira_token_id", d.Record.ID)
		line.AddString("jira_token_owner", d.Record.Owner)
	}
	line.AddString("jira_decision", d.String())
	return nil
}

// String returns "allowed", "passed" or the reason of the denial.
func (d *Decision) String() string {
	switch {
	case d.denied != nil:
		return string(d.denied.reason)
	case d.passThrough:
		return decisionPassed
	}
	return decisionAllowed
}

// placeholder returns the value of one of the handler's placeholders.
func (d *Decision) placeholder(key string) (any, bool) {
	if key == "http.jira_token.reason" {
		if d.denied == nil {
			return "", true
		}
		return string(d.denied.reason), true
	}
	if d.Record == nil {
		return nil, false
	}
	switch key {
	case "http.auth.user.id":
		return d.Record.Owner, d.allowed
	case "http.auth.candidate.id": // as Caddy's own authentication sets it
		return d.Record.Owner, !d.allowed
	case "http.jira_token.owner":
		return d.Record.Owner, true
	case "http.jira_token.id":
		return d.Record.ID, true
	case "http.jira_token.scope":
		return d.Record.Scope.String(), true
	case "http.jira_token.account":
		return d.Record.Account, true
	}
	return nil, false
}
