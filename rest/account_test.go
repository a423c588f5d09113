package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const publicURL = "https://gateway.example/jira"

// accountsGateway is a gateway in front of a Data Center that owners can connect to.
type accountsGateway struct {
	*gateway
	jira *fakejira.Server
	url  string
	// later is how much later it is for the accounts.
	later *atomic.Int64
}

func newAccountsGateway(t *testing.T) accountsGateway {
	t.Helper()
	site := fakejira.New(fakejira.Options{
		Dress:     fakejira.DataCenter,
		Accounts:  []fakejira.Account{{User: "alice", Secret: "hunter2", Bearer: "hunter2-pat"}, {User: "bob", Bearer: "hunter2-bob"}},
		OAuthApps: []fakejira.OAuthApp{{ID: "app", Secret: "hunter2-app", RedirectURL: publicURL + accounts.CallbackPath}},
	})
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	app, err := (&accounts.OAuthApp{ClientID: "app", ClientSecret: "hunter2-app"}).Provision(server.URL, publicURL+accounts.CallbackPath)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := accounts.NewKeys([]string{strings.Repeat("a", 64)})
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t)
	at := accounts.Jira{URL: server.URL, Transport: http.DefaultTransport}
	later := new(atomic.Int64)
	set := accounts.NewSet(nil, accounts.SetOptions{
		Store: g.store, Keys: keys, Apps: map[string]*jira.ConsentApp{server.URL: app}, PublicURL: publicURL,
		Mirror: func(kind string) *storage.Mirror {
			return storage.NewMirror(g.store, kind, storage.CacheOptions{TTL: time.Hour, ReadTimeout: time.Minute})
		},
		Jira:    func(string) (accounts.Jira, bool) { return at, true },
		Go:      func(f func(context.Context)) bool { f(t.Context()); return true },
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
	})
	t.Cleanup(set.Close)
	g.API = New(Options{
		Registry: registry.New(g.store, storage.NewCache(t.Context(), g.store, storage.CacheOptions{Size: 100, TTL: time.Hour, ReadTimeout: time.Second}), storage.NewUseLog(g.store, func(int, error) {}), nil, func() []string { return []string{"default", "own"} }),
		Limits:   g.Limits, Accounts: set, PublicURL: publicURL,
		Jira: func(url string) (accounts.Jira, error) {
			if url != "" && url != server.URL {
				return at, token.InvalidError{Field: "jira", Err: http.ErrNotSupported}
			}
			return at, nil
		},
	})
	return accountsGateway{g, site, server.URL, later}
}

// TestSelfAccount: a holder lodges the owner's own credential and nobody else's, sees its
// state but not the credential, and removes it if no token uses it.
func TestSelfAccount(t *testing.T) {
	g := newAccountsGateway(t)
	holder := g.create(map[string]any{"account": "own"}).Token
	if w := g.call("GET", selfAccount, "", holder); w.reason() != handler.ReasonUnknownEndpoint || !strings.Contains(w.failed.Message, "POST one here") {
		t.Errorf("before: %+v", w.failed)
	}
	for body, want := range map[string]string{
		`{}`: "kind: expected", `{"kind":"oauth","secret":"x"}`: "kind: expected", `{"kind":"bearer"}`: "secret",
		`{"kind":"bearer","secret":"x","api_url":"https://evil.example"}`: "unknown field", `{"connect":true,"secret":"hunter2"}`: "needs no credential",
		`{"kind":"bearer","secret":"x","jira":"https://evil.example"}`: "jira",
	} {
		g.later.Add(int64(time.Hour))
		if w := g.call("POST", selfAccount, body, holder); w.reason() != handler.ReasonInvalidRequest || !strings.Contains(w.failed.Message, want) || w.failed.Guess {
			t.Errorf("%s: %+v", body, w.failed)
		}
	}
	g.later.Add(int64(time.Hour))
	for _, body := range []string{`{"kind":"bearer","secret":"hunter2-bob"}`, `{"kind":"bearer","secret":"wrong"}`, `{"kind":"basic","user":"bob","secret":"wrong"}`} {
		if w := g.call("POST", selfAccount, body, holder); w.reason() != handler.ReasonInvalidRequest || !w.failed.Guess || strings.Contains(w.failed.Message, "hunter2") {
			t.Errorf("%s: %+v", body, w.failed)
		}
	}
	if w := g.call("POST", selfAccount, `{"kind":"bearer","secret":"hunter2-pat"}`, holder); w.reason() != handler.ReasonRateLimited || w.failed.RetryAfter != time.Minute {
		t.Errorf("after three wrong ones: %+v", w.failed)
	}
	g.later.Add(int64(time.Hour))
	for _, status := range []int{http.StatusCreated, http.StatusOK} {
		var view ownAccount
		w := g.call("POST", selfAccount, `{"kind":"bearer","secret":"hunter2-pat","expires_at":"300d"}`, holder)
		decodeInto(t, w, &view)
		if w.Code != status || view.ValidatedAs != "alice@example.com" || view.Jira != g.url || view.State != accounts.StateValid || view.ExpiresAt == nil || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("HTTP %d: %s", w.Code, w.Body)
		}
	}
	if w := g.call("GET", selfAccount, "", holder); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("HTTP %d: %s", w.Code, w.Body)
	}
	if w := g.call("DELETE", selfAccount, "", holder); w.reason() != handler.ReasonConflict || !strings.Contains(w.failed.Message, "in use") {
		t.Errorf("removed while in use: %+v", w.failed)
	}
	service := g.create(map[string]any{"owner": "ci", "kind": "service"}).Token
	if w := g.call("POST", selfAccount, `{"kind":"bearer","secret":"hunter2-pat"}`, service); w.reason() != handler.ReasonScopeInsufficient {
		t.Errorf("a service: %+v", w.failed)
	}
	page, err := g.Registry.Events(t.Context(), storage.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	added := 0
	for _, event := range page.Events {
		if strings.HasPrefix(event.Action, "account_") {
			added++
			if event.Actor.Kind != registry.ActorToken || event.Actor.Address != "192.0.2.7" {
				t.Errorf("%+v", event)
			}
		}
	}
	if added != 2 {
		t.Errorf("%d events about accounts", added)
	}
}

// TestRemoveSelfAccount: an account that no token uses can go.
func TestRemoveSelfAccount(t *testing.T) {
	g := newAccountsGateway(t)
	own := g.create(map[string]any{"account": "own"})
	decodeInto(t, g.call("POST", selfAccount, `{"kind":"bearer","secret":"hunter2-pat"}`, own.Token), new(ownAccount))
	if _, err := g.Registry.Revoke(t.Context(), registry.Actor{}, own.Record.ID); err != nil {
		t.Fatal(err)
	}
	other := g.create(nil).Token
	if w := g.call("DELETE", selfAccount, "", other); w.Code != http.StatusNoContent {
		t.Errorf("HTTP %d %+v", w.Code, w.failed)
	}
	if w := g.call("DELETE", selfAccount, "", other); w.reason() != handler.ReasonUnknownEndpoint {
		t.Errorf("again: %+v", w.failed)
	}
}
