package manager

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
)

// signInPage shows the ways to sign in. Somebody whom every request already names can only become
// somebody else by an identity that comes before that in the configuration.
func (h *Handler) signInPage(w http.ResponseWriter, r *http.Request) {
	content := page.SignIn{Next: r.URL.Query().Get("next")}
	v, err := h.visitOf(w, r)
	if v != nil && (v.session != nil || !h.mayOverrule(v.place)) {
		http.Redirect(w, r, mounted(r).base+h.landing(content.Next), http.StatusSeeOther) //nolint:gosec // see landing
		return
	}
	if v != nil {
		content.Known = h.say("signin.known", v.person())
		content.GoOn = page.Hint{Text: h.say("signin.known.go", v.person()), URL: mounted(r).base + h.landing(content.Next)}
		h.showSignInBefore(w, r, http.StatusOK, v.place, content, nil)
		return
	}
	h.signInAgain(w, r, content, err)
}

// mayOverrule reports whether people can sign in with an identity that comes before this place
// in the configuration, and so is believed first.
func (h *Handler) mayOverrule(place int) bool {
	return slices.ContainsFunc(h.identities[:place], func(candidate identity.Identity) bool {
		_, recognizes := candidate.(identity.Recognizer)
		return !recognizes
	})
}

// showSignIn shows the ways to sign in, and what is wrong.
func (h *Handler) showSignIn(w http.ResponseWriter, r *http.Request, status int, content page.SignIn, problem string) {
	var notice *page.Notice
	if problem != "" {
		notice = &page.Notice{Tone: page.ToneBad, Text: problem}
	}
	h.showSignInBefore(w, r, status, len(h.identities), content, notice)
}

// showSignInBefore shows the ways to sign in that come before a place in the configuration.
// There is none if every request must say who it is from.
func (h *Handler) showSignInBefore(w http.ResponseWriter, r *http.Request, status, place int, content page.SignIn, notice *page.Notice) {
	content.Next = h.landing(content.Next)
	for i, candidate := range h.identities[:place] {
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
	if notice == nil && len(content.Ways) == 0 && !content.WithToken {
		status = http.StatusUnauthorized
		notice = &page.Notice{Tone: page.ToneWarn, Text: h.say("signin.none")}
	}
	h.render(w, r, status, "signin", nil, page.Frame{Title: h.say("signin.title"), Content: content, Notice: notice})
}

func (h *Handler) signInWithCredential(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4*maxForm) // a form that was kept is in it, encoded twice
	if r.ContentLength != 0 && !isForm(r) {
		h.problem(w, r, http.StatusUnsupportedMediaType, "problem.encoding")
		return
	}
	owner, secret := strings.TrimSpace(r.PostFormValue("owner")), strings.TrimSpace(r.PostFormValue("token")) // which were pasted
	content := page.SignIn{Owner: page.Field{Value: owner}, Next: r.PostFormValue("next"), Kept: h.carried(r)}
	via, person, err := h.check(r, identity.Credential{Owner: owner, Secret: secret})
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
		http.Redirect(w, r, mounted(r).base+h.landing(content.Next), http.StatusSeeOther) //nolint:gosec // see landing
		return
	}
	h.render(w, r, http.StatusOK, "error", nil, page.Frame{Title: h.say("kept.signedin"), Content: page.Problem{Kept: content.Kept}})
}

// check returns whose credential it is, and the identity that says so.
func (h *Handler) check(r *http.Request, credential identity.Credential) (identity.Identity, *identity.Person, error) {
	credential.Address, _ = handler.ClientAddress(r)
	credential.UserAgent = r.UserAgent()
	for _, candidate := range h.identities {
		if checker, ok := candidate.(identity.Checker); ok {
			person, err := checker.Check(r.Context(), credential)
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
	candidate, way := h.redirector(r)
	if way == nil {
		h.problem(w, r, http.StatusNotFound, "problem.none")
		return
	}
	if known := h.overruled(r, candidate); known != "" {
		h.trouble(w, r, http.StatusForbidden, h.say("signin.first", known))
		return
	}
	to, flow, err := way.Begin(r.Context(), h.callback(r))
	if err != nil {
		h.logger.Error("cannot begin a sign-in", zap.Error(err))
		h.showSignIn(w, r, http.StatusBadGateway, page.SignIn{Next: r.URL.Query().Get("next")}, h.say("signin.away", way.Title()))
		return
	}
	if err := h.sessions.Remember(r.Context(), w, mounted(r).cookies(), session.Flow{
		State: flow.State, Nonce: flow.Nonce, Verifier: flow.Verifier, Way: r.PathValue("way"), Next: h.landing(r.URL.Query().Get("next")),
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

// overruled returns who sends a request, whoever signs in with an identity: one that comes before
// it in the configuration knows. It returns "" if none does.
func (h *Handler) overruled(r *http.Request, via identity.Identity) string {
	for _, candidate := range h.identities {
		if candidate == via {
			break
		}
		if recognizer, ok := candidate.(identity.Recognizer); ok {
			if person, err := recognizer.Recognize(r); err == nil && person != nil {
				return person.Name
			}
		}
	}
	return ""
}

// begin begins a session. It reports false if it has answered the request.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, via identity.Identity, person *identity.Person) bool {
	if known := h.overruled(r, via); known != "" {
		h.trouble(w, r, http.StatusForbidden, h.say("signin.first", known))
		return false
	}
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
