package handler

import (
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/limits"
)

// tooManyFailures refuses those who have failed to present a valid token too
// often.
func (h *Handler) tooManyFailures(d *Decision) *denial {
	exceeded := h.app.Limits().Blocked(d.failingAddress(), d.owner)
	if exceeded == nil {
		return nil
	}
	message := "Too many requests from the address " + d.failingAddress().String() + " had no valid API token."
	if exceeded.Bound == limits.OwnerFailures {
		message = "Too many requests for this owner had no valid API token, one from the address " + d.failingAddress().String() + " among them."
	}
	return tooMany(ReasonTooManyFailures, exceeded, message)
}

// countFailure counts who presents no valid token. The log has a line when that
// is too often, and none for each request that is refused from then on. What
// was sent as the owner is not in it: it may be a password in the wrong place.
func (h *Handler) countFailure(d *Decision) {
	reached := h.app.Limits().Failed(d.failingAddress(), d.owner)
	if reached == 0 {
		return
	}
	message := "too many requests of a client network had no valid API token: it gets 429 too_many_failures for the period. If this is a load balancer's address, set trusted_proxies"
	if reached == limits.OwnerFailures {
		message = "too many requests for one owner, from several networks, had no valid API token: networks of which some came get 429 too_many_failures for this owner for the period"
	}
	most := h.app.Limits().Failures
	h.logger.Warn(message, zap.Stringer("client_ip", d.failingAddress()), zap.Int("failures", most.Requests), zap.Duration("period", most.Period))
}
