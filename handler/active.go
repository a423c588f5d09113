package handler

import (
	"net/http"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// active is the step that checks that the token is valid now. Only
// clients that presented the right secret get this far.
func (*Handler) active(_ *http.Request, d *Decision) *denial {
	record := d.Record
	switch record.State(d.now) {
	case token.StateActive:
		return nil
	case token.StateExpired:
		return deny(ReasonTokenExpired, "This API token expired on "+moment(record.ExpiresAt)+". Ask for a new one.")
	case token.StateDisabled:
		return deny(ReasonTokenDisabled, "This API token is disabled. Ask an administrator to enable it.")
	case token.StatePending:
		return deny(ReasonTokenPending, "This API token is pending: it works once an administrator has approved it.")
	case token.StateNotYetValid:
		return deny(ReasonTokenNotYetValid, "This API token is not valid before "+moment(record.NotBefore)+".")
	}
	return deny(ReasonTokenRevoked, "This API token was revoked. Ask for a new one.")
}

func moment(t time.Time) string {
	return strings.Replace(t.UTC().Format("2006-01-02 15:04:05 UTC"), ":00 UTC", " UTC", 1)
}

func foundActive(*Handler, *http.Request, *Decision) string { return "it is active" }
