package manager

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/storage"
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

// TestAnotherIdentityCannotSay: an identity that does not know does not stop those after it, and
// if none knows, the page says what happened.
func TestAnotherIdentityCannotSay(t *testing.T) {
	a := newApp(t)
	root := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	var status int
	var body string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer site.Close()
	a.jiras = []handler.Jira{{URL: site.URL, Transport: http.DefaultTransport}}
	only, several := serve(t, a, new(identity.Jira)), serve(t, a, new(identity.Jira), new(identity.Token), new(header))
	session := signedInWithToken(t, several, root)
	inJira := http.Header{"Cookie": {"JSESSIONID=x"}}
	both := http.Header{"Cookie": {"JSESSIONID=x; theme=dark; " + session.Get("Cookie")}}
	for _, trouble := range []struct {
		status     int
		body, says string
	}{{500, "", "HTTP 500"}, {404, "", "HTTP 404"}, {200, "<html>", "something else than a user"}, {200, `{"name":`, "something else than a user"}, {0, "", "does not answer"}} {
		if status, body = trouble.status, trouble.body; status == 0 {
			site.Close()
		}
		says := "Jira could not be asked who you are: it"
		newBrowser(t, only, "").do(http.MethodGet, "/tokens/tokens", nil, inJira).want(t, "only Jira", http.StatusBadGateway, says, trouble.says)
		newBrowser(t, only, "").do(http.MethodGet, "/tokens/api/v1/tokens", nil, inJira).want(t, "the API", http.StatusBadGateway, says, trouble.says)
		nobody := newBrowser(t, several, "")
		for _, path := range []string{"tokens", "signin?next=tokens"} {
			nobody.do(http.MethodGet, "/tokens/"+path, nil, inJira).want(t, path, http.StatusBadGateway, says, trouble.says, `name="token"`, `value="tokens"`)
		}
		for what, answer := range map[string]answer{
			"a session":  nobody.do(http.MethodGet, "/tokens/all", nil, both),
			"recognized": newBrowser(t, several, "alice").do(http.MethodGet, "/tokens/tokens", nil, inJira),
			"no cookie of Jira": nobody.do(http.MethodGet, "/tokens/tokens", nil,
				http.Header{"Cookie": {session.Get("Cookie") + "; theme=dark"}}),
		} {
			answer.want(t, trouble.says+", "+what, http.StatusOK)
		}
	}
}

// TestCookiesThatAreNoSession: whoever had a session learns that it is over.
func TestCookiesThatAreNoSession(t *testing.T) {
	a, other := newApp(t), newApp(t)
	server := serve(t, a, new(identity.Token), new(header))
	root := other.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	b := newBrowser(t, server, "")
	const says = "Your session has ended, or was not recognized"
	for what, cookie := range map[string]http.Header{
		"forged":           {"Cookie": {"jira_tokens_session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyb290In0.x"}},
		"nonsense":         {"Cookie": {"jira_tokens_session=x"}},
		"of another store": signedInWithToken(t, serve(t, other, new(identity.Token)), root),
	} {
		page := b.do(http.MethodGet, "/tokens/all?state=active", nil, cookie)
		page.want(t, what, http.StatusSeeOther)
		page.wantCleared(t, what)
		b.get(page.header.Get("Location")).want(t, what, http.StatusOK, says, `value="all?state=active"`)
		signIn := b.do(http.MethodGet, "/tokens/signin", nil, cookie)
		signIn.want(t, what, http.StatusOK, says)
		signIn.wantCleared(t, what)
		b.do(http.MethodGet, "/tokens/api/v1/tokens", nil, cookie).want(t, what, http.StatusUnauthorized, "sign in first")
		newBrowser(t, server, "alice").do(http.MethodGet, "/tokens/tokens", nil, cookie).want(t, what+", recognized", http.StatusOK)
	}
	if page := b.get("/tokens/signin"); strings.Contains(page.body, says) {
		t.Error("no session has ended")
	}
}

// TestKeyOfAnotherNode: with another encryption_key than the other nodes, a node says what must be
// mended, and serves people who need no session.
func TestKeyOfAnotherNode(t *testing.T) {
	a := newApp(t)
	root := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	form := url.Values{"owner": {"root"}, "token": {root.Token.Reveal()}}
	server := serve(t, a, new(identity.Token), new(header))
	cookie := signedInWithToken(t, server, root)
	document, err := a.store.Document(t.Context(), storage.DocumentName{Kind: "session_key", ID: "current"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.store.ApplyDocument(t.Context(), storage.DocumentChange{
		DocumentName: document.DocumentName, Version: document.Version, Data: []byte(`{"sealed":{"key":"0000","data":"AAAA"}}`), Event: storage.Event{Action: "update"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := a.mirrors["session_key"].Refresh(t.Context(), "current"); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, server, "")
	const says = "it needs the encryption_key of the other gateways"
	b.do(http.MethodGet, "/tokens/all", nil, cookie).want(t, "the page", http.StatusServiceUnavailable, says)
	b.do(http.MethodGet, "/tokens/signin", nil, cookie).want(t, "the sign-in page", http.StatusServiceUnavailable, says)
	b.do(http.MethodGet, "/tokens/api/v1/tokens", nil, cookie).want(t, "the API", http.StatusServiceUnavailable, says)
	b.post("/tokens/signin", form).want(t, "signing in", http.StatusServiceUnavailable, says)
	out := b.do(http.MethodPost, "/tokens/signout", nil, cookie)
	out.want(t, "signing out", http.StatusServiceUnavailable, "You are signed out in this browser. But")
	out.wantCleared(t, "signing out")
	newBrowser(t, server, "alice").do(http.MethodGet, "/tokens/tokens", nil, cookie).want(t, "recognized", http.StatusOK)
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth("root", root.Token.Reveal())
	b.do(http.MethodGet, "/tokens/api/v1/tokens", nil, r.Header).want(t, "a program", http.StatusOK)
}
