package handler

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// storeRetryAfter is when a client should try again while the store is away.
const storeRetryAfter = 5 * time.Second

// lookup is the step that finds the presented token's record.
func (h *Handler) lookup(r *http.Request, d *Decision) *denial {
	record, err := h.app.Lookup(r.Context(), d.presented)
	switch {
	case errors.Is(err, token.ErrNotFound):
		return invalidToken()
	case err != nil:
		return &denial{
			reason:     ReasonStoreUnavailable,
			message:    "The gateway cannot check API tokens at the moment. Nothing is wrong with the request: try again in some seconds.",
			retryAfter: storeRetryAfter,
			cause:      err,
		}
	case d.hasOwner && !record.OwnedBy(d.owner):
		return invalidToken()
	}
	d.Record = record
	return nil
}

// active is the step that asks whether the token works now. Only who presented
// the right secret gets here.
func (*Handler) active(_ *http.Request, d *Decision) *denial {
	record := d.Record
	switch record.State(d.now) {
	case token.StateActive:
		return nil
	case token.StateExpired:
		return deny(ReasonTokenExpired, "This API token expired on "+moment(record.ExpiresAt)+". Ask for a new one.")
	case token.StateDisabled:
		return deny(ReasonTokenDisabled, "This API token is disabled. Ask an administrator to enable it.")
	case token.StateNotYetValid:
		return deny(ReasonTokenNotYetValid, "This API token is not valid before "+moment(record.NotBefore)+".")
	}
	return deny(ReasonTokenRevoked, "This API token was revoked. Ask for a new one.")
}

func moment(t time.Time) string {
	return strings.Replace(t.UTC().Format("2006-01-02 15:04:05 UTC"), ":00 UTC", " UTC", 1)
}
