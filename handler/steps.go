package handler

import (
	"net/http"
)

// step is a step that a request with a token goes through.
type step struct {
	name string
	// take performs the step. It stores what it finds on the Decision and returns
	// a denial, or nil.
	take func(*Handler, *http.Request, *Decision) *denial
	// found describes for Explain what take stored on the Decision.
	found func(*Handler, *http.Request, *Decision) string
	// unasked describes for Explain a step that it does not take, because taking
	// it would use something up or needs what the question lacks. If unasked is
	// nil or returns "", Explain takes the step.
	unasked func(*Handler, *Decision) string
}

// steps are the steps after the lookup of the token's record, in order.
var steps = [...]step{
	{"token", (*Handler).active, foundActive, nil},
	{"policy", (*Handler).policy, foundPolicy, nil},
	{"networks", (*Handler).networks, foundNetworks, (*Handler).unaskedNetworks},
	{"limits", (*Handler).limits, nil, (*Handler).unaskedLimits},
	{"scope", (*Handler).scope, foundScope, nil},
	{"cross_site", (*Handler).crossSite, foundCrossSite, nil},
	{"query", (*Handler).query, foundQuery, nil},
	{"form", (*Handler).form, foundForm, nil},
	{"hold", (*Handler).hold, foundHold, nil},
	{"account", (*Handler).account, foundAccount, nil},
	{"confine", (*Handler).confine, foundConfine, nil},
}

// decide takes the steps in order, up to the first denial.
func (h *Handler) decide(r *http.Request, d *Decision) *denial {
	if r.URL.Opaque != "" {
		// "x:http://host/path" has no path to check, but would be forwarded as it is.
		return deny(ReasonAmbiguousRequest, "The request's target is not a path.")
	}
	if denied := leakedToken(r); denied != nil {
		return denied
	}
	if denied := h.authenticate(r, d); denied != nil || d.passThrough {
		return denied
	}
	for i := range steps {
		if denied := steps[i].take(h, r, d); denied != nil {
			return denied
		}
	}
	return nil
}

// authenticate looks up the token that the request presents and counts requests
// without a valid one. Too many of them block an address or owner, except for
// tokens that are already known and, now and then, others that prove valid.
func (h *Handler) authenticate(r *http.Request, d *Decision) *denial {
	denied := h.credentials(r, d)
	if d.passThrough || denied != nil && denied.reason != ReasonInvalidToken {
		return denied
	}
	blocked := h.tooManyFailures(d)
	if blocked != nil && (denied != nil || !h.mayLookUp(d)) {
		return blocked // without a lookup
	}
	if denied == nil {
		denied = h.lookup(r, d)
	}
	switch {
	case denied == nil || denied.reason != ReasonInvalidToken || denied.innocent:
		return denied
	case blocked != nil:
		return blocked
	}
	h.countFailure(d)
	return denied
}
