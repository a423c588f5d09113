package handler

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// tell lets the access log and placeholders know what was decided.
func (h *Handler) tell(r *http.Request, d *Decision, why *denial) {
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		if d.Record != nil {
			extra.Set(zap.String("jira_token_id", d.Record.ID))
			extra.Set(zap.String("jira_token_owner", d.Record.Owner))
		}
		extra.Set(zap.String("jira_decision", decisionName(why)))
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(placeholders(d, why))
	}
}

// placeholders returns the values of the handler's placeholders.
func placeholders(d *Decision, why *denial) caddy.ReplacerFunc {
	return func(key string) (any, bool) {
		if key == "http.jira_token.reason" {
			return string(why.reasonOrNone()), true
		}
		if d.Record == nil {
			return nil, false
		}
		switch key {
		case "http.auth.user.id", "http.jira_token.owner":
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
}

func decisionName(why *denial) string {
	if why == nil {
		return "allowed"
	}
	return string(why.reason)
}

// reasonOrNone returns the reason of a denial; none for nil.
func (why *denial) reasonOrNone() Reason {
	if why == nil {
		return ""
	}
	return why.reason
}

// accessOrNone returns what the operation does, if that was found out.
func (d *Decision) accessOrNone() string {
	if !d.classified {
		return ""
	}
	return d.Access.String()
}
