package handler

import (
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// storeRetryAfter is the Retry-After while the store is unavailable.
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
			h.countFailure(d) // nobody can prove they hold this token
		}
		return storeUnavailable(err)
	case d.hasOwner && !record.OwnedBy(d.owner):
		return invalidToken()
	}
	d.Record = record
	return nil
}

// storeUnavailable denies a request for which the store would have to be asked.
func storeUnavailable(err error) *denial {
	return &denial{
		reason:     ReasonStoreUnavailable,
		message:    "The gateway cannot check API tokens at the moment. Nothing is wrong with the request: try again in a few seconds.",
		retryAfter: storeRetryAfter,
		cause:      err,
	}
}

// rotated denies a token that a rotation replaced. Its holder may learn that, and
// does not count as guessing.
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
