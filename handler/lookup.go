package handler

import (
	"errors"
	"net/http"
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
	case errors.Is(err, token.ErrRotated):
		return rotated(record, d)
	case err != nil:
		if errors.Is(err, token.ErrDamaged) {
			h.countFailure(d) // nobody can prove to hold this token
		}
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

// rotated is for the token that a rotation replaced. Its holder may know that, and
// guesses nothing.
func rotated(record *token.Record, d *Decision) *denial {
	if d.hasOwner && !record.OwnedBy(d.owner) {
		return invalidToken()
	}
	reason := ReasonInvalidToken
	if record.RotatedWithOverlap() {
		reason = ReasonTokenRotated
	}
	denied := deny(reason, "This API token was replaced on "+moment(record.RotatedAt)+". Use the new one, or ask an administrator for it.")
	denied.innocent = true
	return denied
}
