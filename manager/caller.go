package manager

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// caller is who calls an endpoint of the JSON API, or why that is not known.
type caller struct {
	visitor *admin.Visitor
	err     error
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerIn returns the caller in the context of a request.
func callerIn(r *http.Request) (*admin.Visitor, error) {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c.visitor, c.err
}

// serveAPI serves the JSON API.
func (h *Handler) serveAPI(w http.ResponseWriter, r *http.Request) {
	var c caller
	v, err := h.callerOf(w, r)
	denied, isDenied := errors.AsType[identity.DeniedError](err)
	switch {
	case err == nil && v != nil:
		c.visitor = v.visitor()
	case err == nil:
		h.challenge(w, r) // the endpoints say to sign in
	case isDenied && denied.RetryAfter > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(denied.RetryAfter.Seconds()))))
		c.err = caddy.APIError{HTTPStatus: http.StatusTooManyRequests, Err: denied}
	case isDenied:
		h.challenge(w, r)
		c.err = caddy.APIError{HTTPStatus: http.StatusUnauthorized, Err: denied}
	case errors.Is(err, handler.ErrSeveralCredentials):
		c.err = caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	case errors.Is(err, token.ErrUnavailable):
		c.err = err
	default:
		status, text := h.answerTo(r, err)
		c.err = caddy.APIError{HTTPStatus: status, Err: errors.New(text)}
	}
	h.answerAPI(w, r, c)
}

// answerAPI answers a request to the JSON API whose caller is known. There is no endpoint at
// apiBase itself, nor at a path that would have to be tidied up first.
func (h *Handler) answerAPI(w http.ResponseWriter, r *http.Request, c caller) {
	r = r.WithContext(withCaller(r.Context(), c))
	below := *r.URL
	if escaped := r.URL.EscapedPath(); escaped == cleaned(escaped) {
		below.Path, below.RawPath = cmp.Or(strings.TrimPrefix(r.URL.Path, apiBase), "/"), strings.TrimPrefix(r.URL.RawPath, apiBase)
	} else {
		below.Path, below.RawPath = "/", ""
	}
	r.URL = &below
	h.endpoints.ServeHTTP(w, r)
}

// challenge asks a program for a token, as the gateway does. Browsers ask their users for a
// password then, so those of the page's own scripts, and those with a session, are not asked.
func (h *Handler) challenge(w http.ResponseWriter, r *http.Request) {
	_, noSession := r.Cookie(session.CookieName)
	ofPage := r.Header.Get("Sec-Fetch-Mode") != "" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
	accepted := slices.ContainsFunc(h.identities, func(i identity.Identity) bool { _, ok := i.(identity.Checker); return ok })
	if accepted && !ofPage && noSession != nil {
		w.Header().Set("Www-Authenticate", `Basic realm="Jira API tokens", charset="UTF-8"`)
	}
}

// callerOf returns who calls the JSON API, or nil if that is not known. Programs need no
// session: they send a token, as they do to Jira. Other credentials may be those that
// something in front of the manager has asked for.
func (h *Handler) callerOf(w http.ResponseWriter, r *http.Request) (*visit, error) {
	presented, sent, err := handler.PresentedBy(r)
	if err != nil {
		return nil, err
	}
	if !sent || !token.HeldBy(presented.Secret) {
		v, err := h.visitOf(w, r)
		if errors.Is(err, session.ErrOver) {
			err = nil // the page says so when it is opened
		}
		if v != nil || err != nil || !sent {
			return v, err
		}
	}
	via, person, err := h.check(r, identity.Credential{Owner: presented.Owner, Secret: presented.Secret, Bearer: presented.Bearer})
	if err != nil {
		return nil, err
	}
	v, err := h.visit(r, person.Name, nameOf(via), nil)
	if err == nil {
		v.looksOnly = person.LooksOnly
	}
	return v, err
}
