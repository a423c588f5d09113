package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
)

// TestIdentitiesInTheirOrder: a session counts at the place of the identity that began it.
func TestIdentitiesInTheirOrder(t *testing.T) {
	a := newApp(t)
	root := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	is := func(what, who string, page answer) {
		t.Helper()
		page.want(t, what, http.StatusOK, `<span class="who" title="`+who+`">`)
	}
	before := serve(t, a, new(identity.Token), new(header))
	cookie := signedInWithToken(t, before, root)
	alice := newBrowser(t, before, "alice")
	is("a session that comes first", "root", alice.do(http.MethodGet, "/tokens/tokens", nil, cookie))
	is("no session", "alice", alice.get("/tokens/tokens"))
	alice.get("/tokens/tokens").want(t, "a way to be somebody else", http.StatusOK, "Sign in as somebody else")
	alice.get("/tokens/signin?next=own").want(t, "the sign-in page", http.StatusOK, "Without signing in, you are alice here", `href="/tokens/own"`, `name="token"`)
	alice.do(http.MethodGet, "/tokens/signin?next=own", nil, cookie).want(t, "signed in", http.StatusSeeOther)

	after := serve(t, a, new(header), new(identity.Token), new(otherSite))
	alice = newBrowser(t, after, "alice")
	is("a session that comes later", "alice", alice.do(http.MethodGet, "/tokens/tokens", nil, cookie))
	if page := alice.get("/tokens/tokens"); strings.Contains(page.body, "Sign in as") {
		t.Error("a way to sign in that changes nothing")
	}
	alice.get("/tokens/signin?next=own").want(t, "nothing to sign in for", http.StatusSeeOther)
	for what, answer := range map[string]answer{
		"with a token": alice.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {root.Token.Reveal()}}),
		"elsewhere":    alice.get("/tokens/signin/2"),
	} {
		answer.want(t, what, http.StatusForbidden, "You are alice here")
		if len(answer.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a session that counts for nothing", what)
		}
	}

	// Of two sites, each session counts for its own.
	two := serve(t, a, new(otherSite), new(header), new(identity.Token))
	cookie = signedInElsewhere(t, two, "0", "dora")
	is("another site that comes first", "dora", newBrowser(t, two, "alice").do(http.MethodGet, "/tokens/tokens", nil, cookie))
	cookie = signedInWithToken(t, two, root)
	is("a token that comes later", "alice", newBrowser(t, two, "alice").do(http.MethodGet, "/tokens/tokens", nil, cookie))
	is("nothing before it", "root", newBrowser(t, two, "").do(http.MethodGet, "/tokens/tokens", nil, cookie))
	// The token page between: alice may sign in at the other site, but not with a token.
	if page := newBrowser(t, two, "alice").get("/tokens/signin"); page.status != http.StatusOK || !strings.Contains(page.body, "Continue with Elsewhere") || strings.Contains(page.body, `name="token"`) {
		t.Errorf("the ways to sign in: %d\n%s", page.status, page.text())
	}
}
