package handler

import (
	"net/http"
)

// step is one step of the way that a request with a token takes.
type step struct {
	name string
	// take asks the step's question. It leaves what it finds on the Decision, and
	// returns why the request is denied, or nil.
	take func(*Handler, *http.Request, *Decision) *denial
	// found says, for Explain, what take left on the Decision.
	found func(*Handler, *http.Request, *Decision) string
	// unasked says what Explain tells instead of taking the step, where asking
	// would use something up or lacks an answer; "" takes it. It may be nil.
	unasked func(*Handler, *Decision) string
}

// steps are those that follow once the token's record was found, in their
// order. Each is in the file of its name.
var steps = [...]step{
	{"token", (*Handler).active, foundActive, nil},
	{"networks", (*Handler).networks, foundNetworks, (*Handler).unaskedNetworks},
	{"limits", (*Handler).limits, nil, (*Handler).unaskedLimits},
	{"scope", (*Handler).scope, foundScope, nil},
	{"cross_site", (*Handler).crossSite, foundCrossSite, nil},
	{"query", (*Handler).query, foundQuery, nil},
	{"form", (*Handler).form, foundForm, nil},
	{"account", (*Handler).account, foundAccount, nil},
}

// decide takes the steps in their order. The first denial ends it.
func (h *Handler) decide(r *http.Request, d *Decision) *denial {
	if r.URL.Opaque != "" {
		// "x:http://host/path" has no path to judge, but is sent as it is.
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

// authenticate finds the record of the token that a request presents, and counts
// those who present no valid one. Whoever shares an address with one of them goes
// on with a token that is known here.
func (h *Handler) authenticate(r *http.Request, d *Decision) *denial {
	denied := h.credentials(r, d)
	if d.passThrough || denied != nil && denied.reason != ReasonInvalidToken {
		return denied
	}
	blocked := h.tooManyFailures(d)
	if blocked != nil && (denied != nil || !h.app.Known(d.presented)) {
		return blocked // before anything is looked up
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
