package manager

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// otherSite is another site that believes whoever says who they are.
type otherSite struct{ identity.OIDC }

func (*otherSite) Title() string { return "Elsewhere" }

func (*otherSite) Begin(_ context.Context, callback string) (string, identity.Flow, error) {
	return callback, identity.Flow{State: "s"}, nil
}

func (*otherSite) Finish(_ context.Context, _ string, query url.Values, _ identity.Flow) (*identity.Person, error) {
	return &identity.Person{Name: query.Get("user")}, nil
}

// signedInElsewhere signs somebody in at otherSite, which is the identity at this place, and
// returns the cookie.
func signedInElsewhere(t *testing.T, server *httptest.Server, place, user string) http.Header {
	t.Helper()
	b := newBrowser(t, server, "")
	b.get("/tokens/signin/"+place).want(t, "begin", http.StatusSeeOther)
	back := b.get("/tokens/signin/" + place + "/callback?user=" + user)
	back.want(t, "back as "+user, http.StatusSeeOther)
	return cookieOf(t, back)
}

// signedInWithToken signs somebody in with a token, and returns the cookie.
func signedInWithToken(t *testing.T, server *httptest.Server, issued registry.Issued) http.Header {
	t.Helper()
	signedIn := newBrowser(t, server, "").post("/tokens/signin", url.Values{"owner": {issued.Record.Owner}, "token": {issued.Token.Reveal()}})
	signedIn.want(t, "sign in", http.StatusSeeOther)
	return cookieOf(t, signedIn)
}

// cookieOf returns the session's cookie that an answer sets.
func cookieOf(t *testing.T, a answer) http.Header {
	t.Helper()
	for _, set := range a.header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(set, ";"); strings.HasPrefix(pair, session.CookieName+"=") {
			return http.Header{"Cookie": {pair}}
		}
	}
	t.Fatalf("no session: %v", a.header)
	return nil
}

// wantCleared checks that an answer removes the session's cookie.
func (a answer) wantCleared(t *testing.T, what string) {
	t.Helper()
	for _, set := range a.header.Values("Set-Cookie") {
		if strings.HasPrefix(set, session.CookieName+"=;") && strings.Contains(set, "Max-Age=0") {
			return
		}
	}
	t.Errorf("%s: the cookie is not removed: %v", what, a.header.Values("Set-Cookie"))
}

func setting(t *testing.T, a *app, id string) (disable, enable func()) {
	t.Helper()
	do := func(change func() error) func() {
		return func() {
			t.Helper()
			if err := change(); err != nil {
				t.Fatal(err)
			}
		}
	}
	actor := registry.Actor{Kind: registry.ActorAdmin}
	return do(func() error { _, err := a.registry.Disable(t.Context(), actor, id); return err }),
		do(func() error { _, err := a.registry.Enable(t.Context(), actor, id); return err })
}

// ways are the ways in which a session can be refused for a while.
func waysToStop(t *testing.T, a *app, issued registry.Issued) map[string][2]func() {
	t.Helper()
	disable, enable := setting(t, a, issued.Record.ID)
	return map[string][2]func(){
		"the token was disabled":  {disable, enable},
		"the owner was suspended": {func() { a.leave("root") }, func() { a.people.Learn(nil) }},
	}
}

// leave makes somebody inactive.
func (a *app) leave(name string) {
	a.people.Learn(map[string]registry.Facts{name: {Name: name, Inactive: true}})
}

// TestSigningOutAlwaysEndsTheSession: whatever else is true of the request, the cookie that it
// carries is good for nothing afterwards.
func TestSigningOutAlwaysEndsTheSession(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header), new(identity.Token), new(otherSite))
	root := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	anybody := newBrowser(t, server, "")
	signOut := func(what string, server *httptest.Server, user string, cookie http.Header) {
		t.Helper()
		out := newBrowser(t, server, user).do(http.MethodPost, "/tokens/signout", nil, cookie)
		out.want(t, what, http.StatusSeeOther)
		out.wantCleared(t, what)
	}
	over := func(what string, cookie http.Header) {
		t.Helper()
		anybody.do(http.MethodGet, "/tokens/tokens", nil, cookie).want(t, what+", and tried again", http.StatusSeeOther)
	}
	for what, stop := range waysToStop(t, a, root) {
		cookie := signedInWithToken(t, server, root)
		stop[0]()
		signOut(what, server, "", cookie)
		stop[1]()
		over(what, cookie)
	}
	cookie := signedInElsewhere(t, server, "2", "dora")
	a.leave("dora")
	signOut("the person has left", server, "", cookie)
	a.people.Learn(nil)
	over("the person has left", cookie)

	cookie = signedInWithToken(t, server, root)
	signOut("somebody else is recognized", server, "alice", cookie)
	over("somebody else is recognized", cookie)

	cookie = signedInElsewhere(t, server, "2", "dora")
	signOut("the identity is no longer configured", serve(t, a, new(identity.Token)), "", cookie)
	over("the identity is no longer configured", cookie)

	for what, cookie := range map[string]http.Header{"a forged cookie": {"Cookie": {session.CookieName + "=a.b.c"}}, "no cookie": nil} {
		signOut(what, server, "", cookie)
	}
	if event := newBrowser(t, server, "root").get("/tokens/trail?action=sign_out"); strings.Count(event.body, "Signed out") < 5 {
		t.Errorf("the trail:\n%s", event.text())
	}
}

// TestRefusedSessionsAreOver: what has once ended a session is not undone by undoing it.
func TestRefusedSessionsAreOver(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token), new(otherSite))
	b := newBrowser(t, server, "")
	root := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	for what, stop := range waysToStop(t, a, root) {
		cookie := signedInWithToken(t, server, root)
		stop[0]()
		refused := b.do(http.MethodGet, "/tokens/all", nil, cookie)
		refused.want(t, what, http.StatusSeeOther)
		refused.wantCleared(t, what)
		stop[1]()
		b.do(http.MethodGet, "/tokens/all", nil, cookie).want(t, what+", and no longer", http.StatusSeeOther)
	}
	cookie := signedInElsewhere(t, server, "1", "dora")
	b.do(http.MethodGet, "/tokens/tokens", nil, cookie).want(t, "before", http.StatusOK)
	a.leave("dora")
	b.do(http.MethodGet, "/tokens/api/v1/tokens", nil, cookie).want(t, "the API", http.StatusUnauthorized, "no longer active")
	refused := b.do(http.MethodGet, "/tokens/tokens", nil, signedInElsewhere(t, server, "1", "eve"))
	refused.want(t, "another session", http.StatusOK)
	a.people.Learn(nil)
	b.do(http.MethodGet, "/tokens/tokens", nil, cookie).want(t, "dora is back", http.StatusSeeOther)

	cookie = signedInElsewhere(t, server, "1", "dora")
	a.leave("dora")
	refused = b.do(http.MethodGet, "/tokens/tokens", nil, cookie)
	refused.want(t, "the page", http.StatusForbidden, "dora is no longer active")
	refused.wantCleared(t, "the page")
	a.people.Learn(nil)

	// Nobody has looked while the owner was away.
	cookie = signedInElsewhere(t, server, "1", "dora")
	a.people.Learn(map[string]registry.Facts{"dora": {Name: "dora", ReturnedAt: time.Now().Add(time.Second)}})
	b.do(http.MethodGet, "/tokens/tokens", nil, cookie).want(t, "away and back in between", http.StatusSeeOther)
	a.people.Learn(map[string]registry.Facts{"dora": {Name: "dora", ReturnedAt: time.Now().Add(-time.Second)}})
	b.do(http.MethodGet, "/tokens/tokens", nil, signedInElsewhere(t, server, "1", "dora")).want(t, "signed in since", http.StatusOK)

	trail := newBrowser(t, serve(t, a, new(header)), "root").get("/tokens/trail?action=session_end")
	if strings.Count(trail.body, "Session ended") < 5 {
		t.Errorf("the trail:\n%s", trail.text())
	}
}
