package manager

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// goesOn returns the visit of somebody who has signed in. If the person has left meanwhile, or
// the token that it began with would no longer begin it, the session ends for good: it does
// not come back with the person or the token.
func (h *Handler) goesOn(r *http.Request, signedIn *session.Session) (*visit, error) {
	works, err := h.tokenWorks(r, signedIn)
	if err != nil {
		return nil, err
	}
	if !works {
		h.stop(r, signedIn)
		return nil, session.ErrOver
	}
	v, err := h.visit(r, signedIn.Person, signedIn.Via, signedIn)
	if err != nil {
		h.stop(r, signedIn)
		return nil, err
	}
	if v.desk.ReturnedAt().After(signedIn.Began) { // nobody has looked while the person was away
		h.stop(r, signedIn)
		return nil, session.ErrOver
	}
	return v, nil
}

// stop ends a session that is refused. If the store cannot be reached, the session is refused
// all the same, and ends when it is refused again.
func (h *Handler) stop(r *http.Request, refused *session.Session) {
	if err := h.sessions.End(r.Context(), refused, session.ActionEnd, storage.Actor{Kind: storage.ActorSystem}); err != nil {
		h.logger.Warn("cannot end a session that is refused", zap.String("person", refused.Person), zap.Error(err))
	}
}

// tokenWorks reports whether the token of a session, if it began with one, would still
// begin it: it works, was not replaced, and neither it nor its owner was limited since.
func (h *Handler) tokenWorks(r *http.Request, signedIn *session.Session) (bool, error) {
	if signedIn.TokenID == "" {
		return true, nil
	}
	record, err := h.app.Registry().Show(r.Context(), signedIn.TokenID)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return false, err
	case err != nil:
		return false, nil //nolint:nilerr // it was deleted, or is damaged
	}
	address, _ := handler.ClientAddress(r)
	if !record.OwnedBy(signedIn.Person) || record.RotatedAt.After(signedIn.Began) || identity.LooksOnly(record) && !signedIn.LooksOnly {
		return false, nil
	}
	return identity.Admits(h.app, record, address) == nil, nil
}

// signOut ends the sessions that the browser has cookies of, whether they would still be
// accepted or not, and removes the cookie in any case.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) {
	h.sessions.Clear(w, mounted(r).cookies())
	if err := h.endNamed(r); err != nil {
		h.logger.Error("cannot end a session whose person has signed out", zap.Error(err))
		h.showSignIn(w, r, http.StatusServiceUnavailable, page.SignIn{}, h.say("signout.open"))
		return
	}
	if err := h.sessions.Sweep(r.Context()); err != nil {
		h.logger.Warn("cannot delete ended sessions", zap.Error(err))
	}
	http.Redirect(w, r, mounted(r).base+"signin", http.StatusSeeOther)
}

func (h *Handler) endNamed(r *http.Request) error {
	named, err := h.sessions.Named(r.Context(), r)
	for _, ending := range named {
		err = errors.Join(err, h.sessions.End(r.Context(), ending, session.ActionSignOut, actorOf(r, ending.Person)))
	}
	return err
}
