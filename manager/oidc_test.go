package manager

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
)

// provider is an OpenID provider with the user test-user@127.0.0.1.
type provider struct {
	*httptest.Server
	// instead, if set, answers in its place.
	instead http.HandlerFunc
}

// user is whom the provider knows, by the address that it has verified.
const user = "test-user@zitadel.ch"

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := new(provider)
	var router http.Handler
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.instead != nil {
			p.instead(w, r)
			return
		}
		router.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	router = exampleop.SetupServer(p.URL, storage.NewStorage(storage.NewUserStore(p.URL)), slog.New(slog.DiscardHandler), false, op.WithAllowInsecure())
	return p
}

// oidcManager serves a manager whose people sign in with the provider.
func oidcManager(t *testing.T, p *provider) *browser {
	t.Helper()
	way := &identity.OIDC{Issuer: p.URL, ClientID: "manager", ClientSecret: "s3cret"}
	if err := way.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	server := serve(t, newApp(t), way)
	storage.RegisterClients(storage.WebClient("manager", "s3cret", server.URL+"/tokens/signin/0/callback"))
	return newBrowser(t, server, "")
}

var authRequest = regexp.MustCompile(`name="id" value="([^"]+)"`)

// signIn signs in at the provider, and returns where it sends the browser.
func (p *provider) signIn(b *browser, to string) string {
	b.t.Helper()
	client := *b.client
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), b.server.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	response, err := client.Get(to)
	if err != nil {
		b.t.Fatal(err)
	}
	form, err := io.ReadAll(response.Body)
	response.Body.Close()
	id := authRequest.FindSubmatch(form)
	if err != nil || id == nil {
		b.t.Fatalf("the provider's log-in page: %s, %v", form, err)
	}
	response, err = client.PostForm(p.URL+"/login/username", url.Values{"username": {"test-user@127.0.0.1"}, "password": {"verysecure"}, "id": {string(id[1])}})
	if err != nil {
		b.t.Fatal(err)
	}
	response.Body.Close()
	return strings.TrimPrefix(response.Header.Get("Location"), b.server.URL)
}

func TestSignInWithOpenID(t *testing.T) {
	p := newProvider(t)
	b := oidcManager(t, p)
	b.get("/tokens/signin?next=tokens/new").want(t, "the ways to sign in", http.StatusOK, "Continue with 127.0.0.1")
	begun := b.get("/tokens/signin/0?next=tokens/new")
	begun.want(t, "begin", http.StatusSeeOther)
	to, err := url.Parse(begun.header.Get("Location"))
	if err != nil || to.Query().Get("code_challenge_method") != "S256" || to.Query().Get("state") == "" || to.Query().Get("nonce") == "" {
		t.Fatalf("leads to %s", to)
	}
	back := p.signIn(b, to.String())
	signedIn := b.get(back)
	signedIn.want(t, "back", http.StatusSeeOther)
	if got := signedIn.header.Get("Location"); got != "/tokens/tokens/new" {
		t.Errorf("leads to %s", got)
	}
	b.get("/tokens/").want(t, "signed in", http.StatusOK, user)
	b.post("/tokens/signout", nil).want(t, "sign out", http.StatusSeeOther)
	b.get("/tokens/").want(t, "signed out", http.StatusSeeOther)
	b.get(back).want(t, "the same answer again", http.StatusForbidden, "Try again")
}

func TestOpenIDAttacks(t *testing.T) {
	p := newProvider(t)
	victim := oidcManager(t, p)
	attacker := newBrowser(t, victim.server, "")
	ofAttacker := p.signIn(attacker, attacker.get("/tokens/signin/0").header.Get("Location"))

	nobody := func(what string) {
		t.Helper()
		victim.get("/tokens/").want(t, what, http.StatusSeeOther)
	}
	// Somebody is to be signed in as the attacker.
	victim.get(ofAttacker).want(t, "a link of the attacker's", http.StatusForbidden)
	nobody("without having begun")
	victim.get("/tokens/signin/0").want(t, "begin", http.StatusSeeOther)
	victim.get(ofAttacker).want(t, "in the middle of signing in", http.StatusForbidden, "another attempt")
	nobody("with another's state")

	for what, query := range map[string]string{"cancelled": "error=access_denied&state=", "no code": "state=", "no state": "code=x"} {
		begun, err := url.Parse(victim.get("/tokens/signin/0").header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(query, "state=") {
			query += begun.Query().Get("state")
		}
		answer := victim.get("/tokens/signin/0/callback?" + query)
		if answer.status < 400 || strings.Contains(answer.body, "s3cret") {
			t.Errorf("%s: %d", what, answer.status)
		}
		nobody(what)
	}
	for _, way := range []string{"1", "-1", "x", "0x"} {
		victim.get("/tokens/signin/"+way).want(t, "way "+way, http.StatusNotFound)
	}
}

func TestOpenIDProviderInTrouble(t *testing.T) {
	p := newProvider(t)
	b := oidcManager(t, p)
	p.instead = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) }
	b.get("/tokens/signin/0").want(t, "a provider that is down", http.StatusBadGateway, "does not answer", "Continue with")
	p.instead = nil
	begun := b.get("/tokens/signin/0")
	begun.want(t, "it is back", http.StatusSeeOther)
	back := p.signIn(b, begun.header.Get("Location"))
	p.instead = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"x","id_token":"nonsense"}`)
	}
	b.get(back).want(t, "nonsense", http.StatusBadGateway, "has not said who you are")
	b.get("/tokens/").want(t, "nobody", http.StatusSeeOther)
}
