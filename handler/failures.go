package handler

import "net/http"

// authenticate finds the record of the token that a request presents. Who fails
// to present a valid one too often is told so before anything is looked up or
// hashed.
func (h *Handler) authenticate(r *http.Request, d *Decision) *denial {
	why := h.credentials(r, d)
	if d.passThrough || why != nil && why.reason != ReasonInvalidToken {
		return why
	}
	if tooMany := h.tooManyFailures(d); tooMany != nil {
		return tooMany
	}
	if why == nil {
		why = h.lookup(r, d)
	}
	if why != nil && why.reason == ReasonInvalidToken {
		h.app.Limits().Failed(d.Address, d.owner)
	}
	return why
}

func (h *Handler) tooManyFailures(d *Decision) *denial {
	excess := h.app.Limits().Blocked(d.Address, d.owner)
	if excess == nil {
		return nil
	}
	return exceeded(ReasonTooManyFailures, excess, "Too many requests from the address "+d.Address.String()+" had no valid API token.")
}
