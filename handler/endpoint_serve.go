package handler

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// maxEndpointBody is the default of Endpoint.MaxBody.
	maxEndpointBody = 64 << 10
	// endpointBodyTime is how long a client may take to send the body.
	endpointBodyTime = 10 * time.Second
)

// serveEndpoint answers a request to one of the gateway's own endpoints.
func (h *Handler) serveEndpoint(w http.ResponseWriter, r *http.Request, d *Decision) error {
	d.own = true
	call, blocked, denied := h.admit(r, d)
	d.denied, d.allowed = denied, denied == nil
	took := h.now().Sub(d.now)
	h.tell(r, d)
	hidePath(r, d.hidesPath())
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	h.letRead(w, r)
	h.tellExpiry(w, d)
	defer forgetCredentials(r)
	if d.denied == nil {
		if d.endpoint.Needs == NeedsToken {
			h.app.Used(d.Record.ID, d.Address, r.UserAgent())
		}
		d.denied = h.callEndpoint(w, r, d, call, blocked)
	}
	d.allowed = d.denied == nil
	h.record(r, d, took)
	if d.denied == nil {
		return nil
	}
	if d.endpoint != nil {
		d.denied.format = d.endpoint.Errors
	}
	d.slot.Release()
	d.slot = limits.Slot{}
	return d.denied.write(w, r)
}

// hidePath keeps a request out of the access log, which has its whole URI, or lets it in.
func hidePath(r *http.Request, hidden bool) {
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, hidden)
}

// hidesPath reports whether the path of a request to the gateway itself must not be
// logged: it contains a secret or, if it leads to no endpoint, may be one that does with a
// mistake in it.
func (d *Decision) hidesPath() bool { return d.own && (d.endpoint == nil || d.endpoint.SecretPath) }

// admit finds the endpoint and takes the steps that it needs. blocked is the denial for
// another failure from an address that has failed too often.
func (h *Handler) admit(r *http.Request, d *Decision) (call Call, blocked, denied *denial) {
	match, denied := h.findEndpoint(r)
	if denied != nil {
		return Call{}, nil, denied
	}
	d.endpoint = match.Endpoint
	if blocked, denied = h.meets(r, d, match.Endpoint.Needs); denied != nil {
		return Call{}, nil, denied
	}
	return Call{
		Parameter: match.Parameter, Record: d.Record, Presented: d.presented, Address: d.Address, At: d.now,
		BaseURL: h.publicURL(r), Here: Bounds{h.permitted, h.confinement},
	}, blocked, nil
}

func (h *Handler) findEndpoint(r *http.Request) (EndpointMatch, *denial) {
	if denied := leakedToken(r); denied != nil {
		return EndpointMatch{}, denied
	}
	path, denied := h.endpointPath(r.URL.EscapedPath())
	if denied != nil {
		return EndpointMatch{}, denied
	}
	match := h.app.Endpoints().Find(r.Method, path)
	switch {
	case match.Endpoint != nil:
		return match, nil
	case len(match.Methods) == 0:
		return match, deny(ReasonUnknownEndpoint, "The gateway has no such endpoint. Requests below "+EndpointsPath+" do not reach Jira.")
	}
	allow := strings.Join(match.Methods, ", ")
	denied = deny(ReasonMethodNotAllowed, "The gateway's endpoint does not support this method: use "+strings.Join(match.Methods, " or ")+".")
	denied.allow = allow
	return match, denied
}

// meets takes the steps that an endpoint needs.
func (h *Handler) meets(r *http.Request, d *Decision, needs Need) (blocked, denied *denial) {
	if needs == NeedsNothing {
		blocked = h.tooManyFailures(d)
		if blocked != nil && !h.app.Limits().MayLookUp(d.failingAddress()) {
			return blocked, blocked
		}
		return blocked, nil
	}
	denied = h.authenticate(r, d)
	if d.passThrough { // in front of a whole site, this is not for Jira either
		d.passThrough = false
		denied = deny(ReasonNoCredentials, "This endpoint of the gateway needs an API token: send it as the password of HTTP Basic authentication, with its owner as the user name, or as Bearer.")
	}
	if denied != nil {
		return nil, denied
	}
	d.Access = jira.AccessByMethod(r.Method) // for crossSite
	if needs == NeedsToken {
		for _, step := range tokenSteps() {
			if denied := step.take(h, r, d); denied != nil {
				return nil, denied
			}
		}
	}
	return nil, h.crossSite(r, d)
}

// tokenSteps returns the steps about the token, which come before those about the
// request to Jira.
func tokenSteps() []step {
	return steps[:slices.IndexFunc(steps[:], func(s step) bool { return s.name == "scope" })]
}

// callEndpoint calls the endpoint and returns a denial if it returns an error.
func (h *Handler) callEndpoint(w http.ResponseWriter, r *http.Request, d *Decision, call Call, blocked *denial) *denial {
	most := d.endpoint.MaxBody
	if most == 0 {
		most = maxEndpointBody
	}
	if hasBody(r) {
		// HTTP/2 and HTTP/3 have no such deadline, but a slow stream costs little there.
		control := http.NewResponseController(w)
		if control.SetReadDeadline(time.Now().Add(endpointBodyTime)) == nil {
			defer func() { _ = control.SetReadDeadline(time.Time{}) }()
		}
	}
	body := r.Body
	if body != nil {
		r.Body = http.MaxBytesReader(nil, body, most)
		defer func() { r.Body = body }() // a denial reads the rest
	}
	err := d.endpoint.Serve(w, r, call)
	if err == nil {
		return nil
	}
	failed, ok := errors.AsType[*EndpointError](err)
	switch {
	case !ok && errors.Is(err, token.ErrUnavailable):
		return storeUnavailable(err)
	case !ok:
		denied := deny(ReasonInternalError, "The gateway could not do this. Nothing is wrong with the request: tell an administrator.")
		denied.cause = err
		return denied
	case failed.Guess && blocked != nil:
		return blocked
	case failed.Guess:
		h.countFailure(d)
	}
	return &denial{reason: failed.Reason, message: failed.Message, code: failed.Code, page: failed.Page, retryAfter: failed.RetryAfter, cause: failed.Cause}
}

// explainEndpoint explains what the gateway does with a request to its own endpoints.
func (h *Handler) explainEndpoint(r *http.Request, d *Decision, e *Explanation) {
	match, denied := h.findEndpoint(r)
	if denied != nil {
		e.denied("endpoint", d, denied)
		return
	}
	d.endpoint = match.Endpoint
	d.Access = jira.AccessByMethod(r.Method)
	e.Endpoint = d.endpoint.Method + " " + EndpointsPath + d.endpoint.Path
	var taken []step
	if d.endpoint.Needs == NeedsToken {
		taken = tokenSteps()
	} else {
		e.AnyAddress = true
	}
	if !h.explainSteps(r, d, taken, e) {
		return
	}
	needs := map[Need]string{
		NeedsNothing: "no token is needed",
		NeedsSecret:  "the token may be in any state and come from anywhere",
		NeedsToken:   "whatever the token's scope",
	}[d.endpoint.Needs]
	e.passed("endpoint", "the gateway itself answers and "+d.endpoint.Does+", "+needs+"; Jira gets nothing")
	e.Allowed = true
}
