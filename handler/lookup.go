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
