package manager

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
)

// nobody answers a request if it is not known who sends it.
func (h *Handler) nobody(w http.ResponseWriter, r *http.Request, err error) {
	over := ""
	if refused(err) {
		h.sessions.Clear(w, mounted(r).cookies())
	}
	if errors.Is(err, session.ErrOver) {
		over, err = "&over=1", nil
	}
	_, unasked := errors.AsType[identity.AskError](err)
	switch {
	case unasked && r.Method == http.MethodGet && h.mayOverrule(len(h.identities)):
		h.signInAgain(w, r, page.SignIn{Next: next(r)}, err)
	case err != nil:
		h.failed(w, r, err)
	case r.Method == http.MethodGet:
		http.Redirect(w, r, mounted(r).base+"signin?next="+url.QueryEscape(h.landing(next(r)))+over, http.StatusSeeOther) //nolint:gosec // the base is a path of this site
	default:
		h.signInFirst(w, r)
	}
}

// refused reports whether a session, if there is one, will not be accepted later either.
func refused(err error) bool {
	return errors.Is(err, session.ErrOver) || errors.As(err, new(identity.DeniedError))
}

// signInAgain shows the ways to sign in to somebody of whom is not known who it is, and says why.
func (h *Handler) signInAgain(w http.ResponseWriter, r *http.Request, content page.SignIn, err error) {
	if refused(err) {
		h.sessions.Clear(w, mounted(r).cookies())
	}
	switch {
	case errors.Is(err, session.ErrOver) || err == nil && r.URL.Query().Has("over"):
		h.showSignInBefore(w, r, http.StatusOK, len(h.identities), content, &page.Notice{Tone: page.ToneWarn, Text: h.say("signin.over")})
	case err != nil:
		status, text := h.answerTo(r, err)
		h.showSignIn(w, r, status, content, text)
	default:
		h.showSignIn(w, r, http.StatusOK, content, "")
	}
}
