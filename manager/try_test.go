package manager

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// tryForm returns the form with which a browser without scripts tries the token that a page
// shows.
func tryForm(t *testing.T, shown answer) (path string, form url.Values) {
	t.Helper()
	found := regexp.MustCompile(`(?s)<form[^>]* method="post" action="([^"#]*)#try".*?</form>`).FindStringSubmatch(shown.body)
	if found == nil {
		t.Fatalf("the page does not offer to try the token:\n%s", shown.text())
	}
	form = url.Values{}
	for _, input := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(found[0], -1) {
		form.Set(input[1], html.UnescapeString(input[2]))
	}
	return found[1], form
}

// TestTry: without scripts, the form asks the gateway as the holder of the token would, and
// the page shows the token again with the answer.
func TestTry(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	a.public = server.URL
	alice := newBrowser(t, server, "alice")
	created := alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}})
	secret := secretPattern.FindString(created.body)
	path, form := tryForm(t, created)
	if strings.Contains(path, secret) || strings.Contains(path, "?") {
		t.Errorf("the form is sent to %s", path)
	}
	for what, c := range map[string]struct {
		answer func(http.ResponseWriter)
		says   string
		shows  string
	}{
		"who it is": {func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"name":"svc","displayName":"Service <BI>"}`)) }, "Jira answers 200: Service <BI>.", `"name": "svc"`},
		"a denial": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errorMessages":["The network is not allowed."],"errors":{}}`))
		}, "Jira answers 403: The network is not allowed.", "errorMessages"},
		"a denial of the gateway": {func(w http.ResponseWriter) {
			w.Header().Set("X-Jira-Token-Reason", "ip")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errorMessages":["This API token does not work from 192.0.2.1."],"errors":{}}`))
		}, "The gateway answers 403: This API token does not work from 192.0.2.1.", "errorMessages"},
		"no JSON": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<b>no</b>"))
		}, "Jira answers 502.", "<b>no</b>"},
		"a long answer": {func(w http.ResponseWriter) { _, _ = w.Write([]byte(strings.Repeat("x", 10*maxTried))) }, "Jira answers 200.", "xxx"},
		"half an answer": {func(w http.ResponseWriter) {
			_, _ = w.Write([]byte("{"))
			panic(http.ErrAbortHandler)
		}, "No whole answer came.", ""},
	} {
		var asked *http.Request
		a.gateway = func(w http.ResponseWriter, r *http.Request) {
			asked = r
			c.answer(w)
		}
		tried := alice.do(http.MethodPost, path, strings.NewReader(form.Encode()), http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"},
			"Cookie": {"JSESSIONID=alice"}, "X-Forwarded-For": {"203.0.113.7"}, "X-Remote-User": {"root"}, "User-Agent": {"a browser"},
		})
		tried.want(t, what, http.StatusOK, secret, "once", html.EscapeString(c.shows))
		tried.wantText(t, what, c.says)
		if tried.header.Get("Cache-Control") != "no-store, no-transform" {
			t.Errorf("%s: the token is cached: %s", what, tried.header)
		}
		if len(tried.body) > 100_000 {
			t.Errorf("%s: the page has %d bytes", what, len(tried.body))
		}
		user, password, _ := asked.BasicAuth()
		if asked.Method != http.MethodGet || asked.RequestURI != "/rest/api/2/myself" || asked.Host != strings.TrimPrefix(server.URL, "http://") || user != "alice" || password != secret {
			t.Errorf("%s: asked %s %s of %s as %s", what, asked.Method, asked.RequestURI, asked.Host, user)
		}
		address, _, _ := strings.Cut(asked.RemoteAddr, ":")
		if address != "127.0.0.1" || asked.Header.Get("X-Forwarded-For") != "203.0.113.7" || asked.UserAgent() != "a browser" {
			t.Errorf("%s: it does not come from where the browser is: %s, %v", what, asked.RemoteAddr, asked.Header)
		}
		if asked.Header.Get("Cookie") != "" || asked.Header.Get("X-Remote-User") != "" || asked.Header.Get("Sec-Fetch-Site") != "" {
			t.Errorf("%s: asked with %v", what, asked.Header)
		}
	}
}

// TestTryRefused: whoever guesses at tokens is counted by the gateway, and no page repeats what was tried.
func TestTryRefused(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	a.public = server.URL
	alice := newBrowser(t, server, "alice")
	path, form := tryForm(t, alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}}))
	asked := 0
	a.gateway = func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
	}
	unknown := url.Values{"holder": {"alice"}, "token": {"jt_0123456789_" + form.Get("token")[14:]}}
	alice.post(path, unknown).want(t, "a token with a wrong checksum", http.StatusNotFound, "no token that you can try here")
	alice.post(path, nil).want(t, "no token", http.StatusNotFound)
	if asked != 0 {
		t.Errorf("asked %d times", asked)
	}
	other := newApp(t) // has tokens of its own
	unknown.Set("token", other.create(t, map[string]any{"owner": "alice", "name": "n"}).Token.Reveal())
	answer := alice.post(path, unknown)
	answer.want(t, "an unknown token", http.StatusNotFound, "no token that you can try here")
	if asked != 1 {
		t.Errorf("the gateway has counted %d attempts with an unknown token", asked)
	}
	if strings.Contains(answer.body, unknown.Get("token")) {
		t.Error("the page repeats an unknown token")
	}
	newBrowser(t, server, "").post(path, form).want(t, "signed out", http.StatusUnauthorized)
	signedOut := newBrowser(t, server, "").post(path, form)
	signedOut.want(t, "signed out", http.StatusUnauthorized, `<code id="secret">`+form.Get("token"), "Copy it now")
	if strings.Count(signedOut.body, form.Get("token")) != 1 {
		t.Error("the token is carried through signing in")
	}
	forged := alice.do(http.MethodPost, path, strings.NewReader(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"cross-site"}})
	forged.want(t, "from another site", http.StatusForbidden)
	a.store.away.Store(true)
	unknown.Set("token", other.create(t, map[string]any{"owner": "alice", "name": "n"}).Token.Reveal())
	away := alice.post(path, unknown)
	away.want(t, "while the store is away", http.StatusServiceUnavailable, `<code id="secret">`+unknown.Get("token"))
	if retried, form := keptIn(t, away); retried != path || form.Get("token") != unknown.Get("token") || form.Get("holder") != "alice" {
		t.Errorf("it can be tried again at %s with %v", retried, form)
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// TestTryOnlyHere: the page cannot send requests to another origin, and says so.
func TestTryOnlyHere(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice := newBrowser(t, server, "alice")
	fields := url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}}
	created := alice.post("/tokens/tokens/new", fields)
	if strings.Contains(created.body, "data-try") {
		t.Error("the page offers to ask another origin")
	}
	created.wantText(t, "elsewhere", "The gateway has another address than this page", "curl")
	a.gateway = func(http.ResponseWriter, *http.Request) { t.Error("the gateway is asked") }
	form := url.Values{"holder": {"alice"}, "token": {secretPattern.FindString(created.body)}}
	alice.post("/tokens/tokens/try", form).want(t, "all the same", http.StatusConflict, "another address")
	a.public = server.URL
	alice.post("/tokens/tokens/new", fields).want(t, "here", http.StatusCreated, `data-try="`+server.URL+`/rest/api/2/myself"`)
}

// TestTryTellsNothing: of tokens that are not the visitor's, or whose secret is not the current
// one, the page tells nothing, and all these answers are alike.
func TestTryTellsNothing(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	a.public = server.URL
	alice := newBrowser(t, server, "alice")
	admin := registry.Actor{Kind: registry.ActorAdmin}
	make := func(owner string) (string, string) {
		issued := a.create(t, map[string]any{"owner": owner, "name": "hidden name"})
		return issued.Record.ID, issued.Token.Reveal()
	}
	_, own := make("alice")
	_, others := make("carol")
	revokedID, revoked := make("alice")
	rotatedID, rotated := make("alice")
	overlapID, overlapping := make("alice")
	if _, err := a.registry.Revoke(t.Context(), admin, revokedID); err != nil {
		t.Fatal(err)
	}
	for id, overlap := range map[string]time.Duration{rotatedID: 0, overlapID: time.Hour} {
		if _, err := a.registry.Rotate(t.Context(), admin, id, overlap); err != nil {
			t.Fatal(err)
		}
	}
	const path = "/tokens/tokens/try"
	unknown := alice.post(path, url.Values{"holder": {"alice"}, "token": {token.New().Reveal()}})
	unknown.want(t, "unknown", http.StatusNotFound)
	for what, form := range map[string]url.Values{
		"wrong owner": {"holder": {"WRONGOWNER"}, "token": {own}}, "somebody else's": {"holder": {"carol"}, "token": {others}},
		"somebody else's as one's own": {"holder": {"alice"}, "token": {others}}, "revoked": {"holder": {"alice"}, "token": {revoked}},
		"replaced": {"holder": {"alice"}, "token": {rotated}}, "replaced, but still works": {"holder": {"alice"}, "token": {overlapping}},
		"malformed": {"holder": {"alice"}, "token": {"jt_x"}}, "no token": {"holder": {"alice"}},
	} {
		if answer := alice.post(path, form); answer.status != unknown.status || answer.body != unknown.body {
			t.Errorf("%s: %d\n%s", what, answer.status, answer.text())
		}
	}
	alice.post(path, url.Values{"holder": {"Alice"}, "token": {own}}).want(t, "one's own", http.StatusOK, "hidden name")
	newBrowser(t, server, "root").post(path, url.Values{"holder": {"carol"}, "token": {others}}).want(t, "for root", http.StatusOK, "hidden name")

	// Whoever makes a token for somebody else is led to what they may see.
	bea := newBrowser(t, server, "bea")
	made := bea.post("/tokens/tokens/new", url.Values{"owner": {"eve"}, "name": {"for eve"}, "scope": {"read"}, "expires": {"7d"}})
	made.want(t, "for eve", http.StatusCreated, `href="/tokens/tokens">Done`)
	if strings.Contains(made.body, "tokens/try") {
		t.Error("bea is offered to try eve's token")
	}
}
