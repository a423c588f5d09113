package manager

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
)

func (h *Handler) signInPage(w http.ResponseWriter, r *http.Request) {
	if v, err := h.visitOf(w, r); err == nil && v != nil {
		http.Redirect(w, r, mounted(r).base+safeNext(r.URL.Query().Get("next")), http.StatusSeeOther) //nolint:gosec // see safeNext
		return
	}
	h.showSignIn(w, r, http.StatusOK, page.SignIn{Next: r.URL.Query().Get("next")}, "")
}

// showSignIn shows the ways to sign in. Nobody can if every request must say who it is
// from.
func (h *Handler) showSignIn(w http.ResponseWriter, r *http.Request, status int, content page.SignIn, problem string) {
	content.Next = safeNext(content.Next)
	for i, candidate := range h.identities {
		switch candidate := candidate.(type) {
		case identity.Redirector:
			content.Ways = append(content.Ways, page.Hint{
				Text: h.say("signin.elsewhere", candidate.Title()),
				URL:  mounted(r).base + "signin/" + strconv.Itoa(i) + "?next=" + url.QueryEscape(content.Next),
			})
		case identity.Checker:
			content.WithToken = true
		}
	}
	frame := page.Frame{Title: h.say("signin.title"), Content: content}
	if problem != "" {
		frame.Notice = &page.Notice{Tone: page.ToneBad, Text: problem}
	} else if len(content.Ways) == 0 && !content.WithToken {
		status = http.StatusUnauthorized
		frame.Notice = &page.Notice{Tone: page.ToneWarn, Text: h.say("signin.none")}
	}
	h.render(w, r, status, "signin", nil, frame)
}

func (h *Handler) signInWithCredential(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4*maxForm) // a form that was kept is in it, encoded twice
	if r.ContentLength != 0 && !isForm(r) {
		h.problem(w, r, http.StatusUnsupportedMediaType, "problem.encoding")
		return
	}
	content := page.SignIn{Owner: page.Field{Value: r.PostFormValue("owner")}, Next: r.PostFormValue("next"), Kept: h.carried(r)}
	via, person, err := h.check(r, content.Owner.Value, r.PostFormValue("token"))
	if denied, ok := errors.AsType[identity.DeniedError](err); ok {
		h.showSignIn(w, r, http.StatusForbidden, content, denied.Why)
		return
	}
	if err != nil {
		h.failed(w, r, err)
		return
	}
	if h.begin(w, r, via, person) {
		h.goOn(w, r, content)
	}
}

// goOn leads somebody who has just signed in to the page that was asked for, or back to the
// form that was sent before.
func (h *Handler) goOn(w http.ResponseWriter, r *http.Request, content page.SignIn) {
	if content.Kept == nil {
		http.Redirect(w, r, mounted(r).base+safeNext(content.Next), http.StatusSeeOther) //nolint:gosec // see safeNext
		return
	}
	h.render(w, r, http.StatusOK, "error", nil, page.Frame{Title: h.say("kept.signedin"), Content: page.Problem{Kept: content.Kept}})
}

// check returns whose credential it is, and the identity that says so.
func (h *Handler) check(r *http.Request, owner, secret string) (identity.Identity, *identity.Person, error) {
	address, _ := handler.ClientAddress(r)
	for _, candidate := range h.identities {
		if checker, ok := candidate.(identity.Checker); ok {
			person, err := checker.Check(r.Context(), identity.Credential{Owner: owner, Secret: secret, Address: address, UserAgent: r.UserAgent()})
			return candidate, person, err
		}
	}
	return nil, nil, identity.DeniedError{Why: h.say("signin.no_tokens")}
}

// redirector returns the identity that the path names.
func (h *Handler) redirector(r *http.Request) (identity.Identity, identity.Redirector) {
	i, err := strconv.Atoi(r.PathValue("way"))
	if err != nil || i < 0 || i >= len(h.identities) {
		return nil, nil
	}
	found, _ := h.identities[i].(identity.Redirector)
	return h.identities[i], found
}

func (h *Handler) callback(r *http.Request) string {
	return mounted(r).url("signin/" + r.PathValue("way") + "/callback")
}

func (h *Handler) signInElsewhere(w http.ResponseWriter, r *http.Request) {
	_, way := h.redirector(r)
	if way == nil {
		h.problem(w, r, http.StatusNotFound, "problem.none")
		return
	}
	to, flow, err := way.Begin(r.Context(), h.callback(r))
	if err != nil {
		h.logger.Error("cannot begin a sign-in", zap.Error(err))
		h.showSignIn(w, r, http.StatusBadGateway, page.SignIn{Next: r.URL.Query().Get("next")}, h.say("signin.away", way.Title()))
		return
	}
	if err := h.sessions.Remember(r.Context(), w, mounted(r).cookies(), session.Flow{
		State: flow.State, Nonce: flow.Nonce, Verifier: flow.Verifier, Way: r.PathValue("way"), Next: safeNext(r.URL.Query().Get("next")),
	}); err != nil {
		h.failed(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (h *Handler) backFromElsewhere(w http.ResponseWriter, r *http.Request) {
	candidate, way := h.redirector(r)
	if way == nil {
		h.problem(w, r, http.StatusNotFound, "problem.none")
		return
	}
	remembered, err := h.sessions.Recall(r.Context(), w, r, mounted(r).cookies())
	if err != nil {
		h.failed(w, r, err)
		return
	}
	if remembered == nil || remembered.Way != r.PathValue("way") {
		h.showSignIn(w, r, http.StatusForbidden, page.SignIn{}, h.say("signin.again"))
		return
	}
	person, err := way.Finish(r.Context(), h.callback(r), r.URL.Query(), identity.Flow{
		State: remembered.State, Nonce: remembered.Nonce, Verifier: remembered.Verifier,
	})
	if denied, ok := errors.AsType[identity.DeniedError](err); ok {
		h.showSignIn(w, r, http.StatusForbidden, page.SignIn{Next: remembered.Next}, denied.Why)
		return
	}
	if err != nil {
		h.logger.Error("a sign-in failed", zap.Error(err))
		h.showSignIn(w, r, http.StatusBadGateway, page.SignIn{Next: remembered.Next}, h.say("signin.nonsense", way.Title()))
		return
	}
	if h.begin(w, r, candidate, person) {
		h.goOn(w, r, page.SignIn{Next: remembered.Next})
	}
}

// begin begins a session. It reports false if it has answered the request.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, via identity.Identity, person *identity.Person) bool {
	v, err := h.visit(r, person.Name, nameOf(via), nil)
	if err == nil {
		err = h.learn(r, v, via, person)
	}
	if err != nil {
		h.failed(w, r, err)
		return false
	}
	if err := h.sessions.Begin(r.Context(), w, mounted(r).cookies(), session.Session{
		Person: person.Name, Via: nameOf(via), TokenID: person.TokenID, LooksOnly: person.LooksOnly,
	}); err != nil {
		h.failed(w, r, err)
		return false
	}
	h.logger.Info("somebody has signed in to the token manager", zap.String("person", person.Name), zap.String("identity", nameOf(via)))
	return true
}

func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) {
	v, err := h.visitOf(w, r)
	if err != nil && !errors.As(err, new(identity.DeniedError)) {
		h.failed(w, r, err)
		return
	}
	if v != nil && v.session != nil {
		if err := h.sessions.End(r.Context(), w, mounted(r).cookies(), v.session, v.actor); err != nil {
			h.failed(w, r, err)
			return
		}
		if err := h.sessions.Sweep(r.Context()); err != nil {
			h.logger.Warn("cannot delete ended sessions", zap.Error(err))
		}
	}
	http.Redirect(w, r, mounted(r).base+"signin", http.StatusSeeOther)
}
