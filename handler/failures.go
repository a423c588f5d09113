package handler

import (
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/limits"
)

// tooManyFailures denies the request if its address or owner had too many requests
// without a valid token.
func (h *Handler) tooManyFailures(d *Decision) *denial {
	exceeded := h.app.Limits().Blocked(d.failingAddress(), d.owner)
	if exceeded == nil {
		return nil
	}
	message := "Too many requests from address " + d.failingAddress().String() + " had no valid API token."
	if exceeded.Bound == limits.OwnerFailures {
		message = "Too many requests for this owner had no valid API token, including one from address " + d.failingAddress().String() + "."
	}
	return tooMany(ReasonTooManyFailures, exceeded, message)
}

// mayLookUp reports whether to look up a token although its address or owner is
// blocked: always if it is in the cache, otherwise now and then.
func (h *Handler) mayLookUp(d *Decision) bool {
	return h.app.Known(d.presented) || h.app.Limits().MayLookUp(d.failingAddress())
}

// countFailure records a request without a valid token. It logs a line when that
// reaches the limit, rather than for each request denied from then on, and leaves
// out the user name: it may be a password in the wrong field.
func (h *Handler) countFailure(d *Decision) {
	reached := h.app.Limits().Failed(d.failingAddress(), d.owner)
	if reached == 0 {
		return
	}
	message := "too many requests from a client network had no valid API token: it gets 429 too_many_failures for a period. If this is a load balancer's address, set trusted_proxies"
	if reached == limits.OwnerFailures {
		message = "too many requests for one owner, from several networks, had no valid API token: these networks get 429 too_many_failures for this owner for a period"
	}
	most := h.app.Limits().Failures
	h.logger.Warn(message, zap.Stringer("client_ip", d.failingAddress()), zap.Int("failures", most.Requests), zap.Duration("period", most.Period))
}
