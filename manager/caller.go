package manager

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/admin"
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
	case isDenied && denied.RetryAfter > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(denied.RetryAfter.Seconds()))))
		c.err = caddy.APIError{HTTPStatus: http.StatusTooManyRequests, Err: denied}
	case isDenied:
		// Only for programs: a browser would ask its user for a password.
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("Www-Authenticate", `Basic realm="Jira API tokens", charset="UTF-8"`)
		}
		c.err = caddy.APIError{HTTPStatus: http.StatusUnauthorized, Err: denied}
	case errors.Is(err, token.ErrUnavailable):
		c.err = err
	case err != nil:
		status, text := h.answerTo(r, err)
		c.err = caddy.APIError{HTTPStatus: status, Err: errors.New(text)}
	}
	h.endpoints.ServeHTTP(w, r.WithContext(withCaller(r.Context(), c)))
}

// callerOf returns who calls the JSON API, or nil if that is not known. Programs need no
// session: they send an owner and a token, as they do to Jira. Other credentials may be
// those that something in front of the manager has asked for.
func (h *Handler) callerOf(w http.ResponseWriter, r *http.Request) (*visit, error) {
	owner, secret, sent := r.BasicAuth()
	if !sent || !token.HeldBy(secret) {
		v, err := h.visitOf(w, r)
		if errors.Is(err, session.ErrOver) {
			err = nil // the page says so when it is opened
		}
		if v != nil || err != nil || !sent {
			return v, err
		}
	}
	via, person, err := h.check(r, owner, secret)
	if err != nil {
		return nil, err
	}
	v, err := h.visit(r, person.Name, nameOf(via), nil)
	if err == nil {
		v.looksOnly = person.LooksOnly
	}
	return v, err
}
