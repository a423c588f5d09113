package accounts

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
)

// consenting runs a test with Jira Cloud and Data Center, to which owners can consent.
func consenting(t *testing.T, test func(t *testing.T, w *world)) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		t.Run(dress.String(), func(t *testing.T) {
			store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
			test(t, consentingWorld(t, dress, store))
		})
	}
}

func consentingWorld(t *testing.T, dress fakejira.Dress, store storage.Store) *world {
	t.Helper()
	w := newWorld(t, store)
	callback := "https://gateway.example.com" + CallbackPath
	w.site = fakejira.New(fakejira.Options{Dress: dress, OAuthApps: []fakejira.OAuthApp{{ID: "app", Secret: "hunter2-app", RedirectURL: callback}}, Accounts: jiraAccounts()})
	server := httptest.NewServer(w.site)
	t.Cleanup(server.Close)
	w.at = Jira{server.URL, http.DefaultTransport}
	config := &OAuthApp{ClientID: "app", ClientSecret: "hunter2-app"}
	if dress == fakejira.Cloud {
		config.Product, config.AuthURL, config.APIURL = productCloud, server.URL, server.URL
	}
	app, err := config.Provision(server.URL, callback)
	if err != nil {
		t.Fatal(err)
	}
	w.apps = map[string]*jira.ConsentApp{server.URL: app}
	return w
}

// quick makes a node wait less.
func quick(s *Set) *Set {
	s.lease, s.settle = 100*time.Millisecond, 10*time.Millisecond
	return s
}

// user is the name under which Jira knows an owner.
func (w *world) user(owner string) string {
	if w.apps[w.at.URL].Cloud {
		return owner + "@example.com"
	}
	return owner
}

// link returns the secret of a new link.
func (w *world) link(s *Set, owner string) string {
	w.t.Helper()
	link, err := s.NewLink(w.t.Context(), admin, Own(w.user(owner), w.at.URL), "", "")
	if err != nil {
		w.t.Fatal(err)
	}
	secret, ok := strings.CutPrefix(link.URL, "https://gateway.example.com"+ConnectPath)
	if !ok || link.ExpiresAt.Before(w.now().Add(59*time.Minute)) || link.ExpiresAt.After(w.now().Add(time.Hour)) {
		w.t.Errorf("%+v", link)
	}
	return secret
}

// follow opens a link and Jira's page, as a browser does.
func (w *world) follow(s *Set, secret string) (Return, error) {
	w.t.Helper()
	opened, err := s.OpenLink(w.t.Context(), secret)
	if err != nil {
		return Return{}, err
	}
	response, err := http.DefaultTransport.RoundTrip(httptest.NewRequest(http.MethodGet, opened.ConsentURL, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	back, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusFound {
		w.t.Fatalf("HTTP %d, %v", response.StatusCode, err)
	}
	query := back.Query()
	return Return{State: query.Get("state"), Code: query.Get("code"), Refused: query.Get("error"), Browser: opened.Browser, Actor: storage.Actor{Kind: storage.ActorOwner}}, nil
}

// connects connects an owner.
func (w *world) connects(s *Set, owner string) View {
	w.t.Helper()
	w.site.SetConsent(fakejira.Consent{User: w.user(owner)})
	back, err := w.follow(s, w.link(s, owner))
	if err != nil {
		w.t.Fatal(err)
	}
	view, _, err := s.Finish(w.t.Context(), back)
	if w.note(view, err) != nil {
		w.t.Fatal(err)
	}
	return view
}

// owned returns an owner's account, once the node has it and want approves of it.
func (w *world) owned(s *Set, owner string, want func(*jira.Account, error) bool) (found *jira.Account) {
	w.t.Helper()
	w.findsOwn(s, w.user(owner), func(account *jira.Account, err error) bool {
		found = account
		return want(account, err)
	})
	return found
}

func usable(account *jira.Account, err error) bool { return err == nil && account != nil }

// isUser checks that Jira accepts an account as an owner.
func (w *world) isUser(s *Set, owner string) {
	w.t.Helper()
	account := w.owned(s, owner, usable)
	identity, err := Check(w.t.Context(), account, w.at.URL, w.at.Transport)
	if err != nil || !identity.Is(w.user(owner)) {
		w.t.Errorf("%s: %+v, %v", owner, identity, err)
	}
}

// shown waits until a view of an owner's account is as wanted.
func (w *world) shown(s *Set, owner, what string, want func(View, error) bool) {
	w.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		view, err := s.Show(w.t.Context(), Own(w.user(owner), w.at.URL))
		if want(view, err) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: %+v, %v", what, view, err)
		}
	}
}

// happened waits for an event about accounts.
func (w *world) happened(action, text string) {
	w.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		page, err := w.store.Events(w.t.Context(), storage.EventQuery{})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, event := range page.Events {
			if event.Action == action && strings.Contains(fmt.Sprintf("%+v %s", event, event.Changes), text) {
				return
			}
		}
		if time.Now().After(end) {
			w.t.Fatalf("no event %s with %q", action, text)
		}
	}
}

// sweepTokens checks that the tokens of an owner are nowhere but encrypted in the store.
func (w *world) sweepTokens(s *Set, owner string) {
	w.t.Helper()
	held := s.own.known().own[Own(w.user(owner), w.at.URL).key()].consent.tokens
	var stored strings.Builder
	for _, kind := range []string{OwnDocumentKind, connectKind} {
		page, err := w.store.Documents(w.t.Context(), storage.DocumentQuery{Kind: kind})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, document := range page.Documents {
			stored.Write(document.Data)
		}
	}
	events, _ := w.store.Events(w.t.Context(), storage.EventQuery{})
	trail := fmt.Sprintf("%+v", events)
	for place, text := range map[string]string{"store": stored.String(), "trail": trail, "log": w.logged(), "output": w.texts.String()} {
		for _, secret := range []string{held.Access, held.Refresh, "hunter2"} {
			if secret == "" || strings.Contains(text, secret) {
				w.t.Errorf("%q is in the %s: %s", secret, place, text)
			}
		}
	}
}

// TestConnect checks what becomes of a link.
func TestConnect(t *testing.T) {
	consenting(t, func(t *testing.T, w *world) {
		key := newTestKey(t)
		here, there := w.node(key), w.node(key)
		refused := func(what string, back Return, says string) {
			t.Helper()
			view, _, err := here.Finish(t.Context(), back)
			if w.note(view, err) == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %+v, %v", what, view, err)
			}
			if account, err := here.FindOwn(t.Context(), w.user("pat"), w.at.URL); !missing(account, err) {
				t.Fatalf("%s: an account was saved: %v", what, err)
			}
		}
		follow := func(secret string) Return {
			t.Helper()
			back, err := w.follow(there, secret)
			if err != nil {
				t.Fatal(err)
			}
			return back
		}
		secret := w.link(there, "pat")
		w.site.SetConsent(fakejira.Consent{})
		refused("denied", follow(secret), "cancelled or denied")
		odd := follow(secret)
		odd.Refused = "server_error"
		refused("an error", odd, "server_error")
		w.site.SetConsent(fakejira.Consent{User: w.user("mallory")})
		refused("somebody else", follow(secret), "not "+w.user("pat"))
		w.site.SetConsent(fakejira.Consent{User: w.user("pat"), OtherSite: true})
		if w.apps[w.at.URL].Cloud {
			refused("another site", follow(secret), "another site")
		}
		w.site.SetConsent(fakejira.Consent{User: w.user("pat")})
		good, other := follow(secret), follow(w.link(there, "pat"))
		for what, change := range map[string]func(*Return){
			"another browser": func(b *Return) { b.Browser = other.Browser }, "no browser": func(b *Return) { b.Browser = "" },
			"another state": func(b *Return) { b.State = other.State }, "no state": func(b *Return) { b.State = "" },
			"a cut state": func(b *Return) { b.State = b.State[:64] }, "nonsense": func(b *Return) { b.State = strings.Repeat("z", 64) + ".x" },
		} {
			back := good
			change(&back)
			says := "Open the link again"
			if what == "nonsense" {
				says = "does not exist"
			}
			refused(what, back, says)
		}
		injected := follow(secret)
		injected.Code = other.Code
		refused("an injected code", injected, "did not accept")
		late := follow(secret)
		w.later.Store(int64(16 * time.Minute))
		refused("late", late, "took too long")
		w.later.Store(0)

		// A mail scanner that opens the link does no harm.
		last := follow(secret)
		for range maxAttempts - 1 {
			follow(secret)
		}
		view, _, err := here.Finish(t.Context(), last)
		if w.note(view, err) != nil || view.Kind != KindConsent || view.State != StateValid || view.Owner != w.user("pat") || view.ExpiresAt == nil || view.ValidatedAs == "" || view.AddedBy.Kind != storage.ActorOwner || view.AddedBy.Name != w.user("pat") {
			t.Fatalf("%+v, %v", view, err)
		}
		w.isUser(there, "pat")
		for _, back := range []Return{last, good} {
			if _, _, err := there.Finish(t.Context(), back); !errors.As(err, new(LinkError)) {
				t.Errorf("used again: %v", err)
			}
		}
		if _, err := w.follow(there, secret); !errors.Is(err, errLink) {
			t.Errorf("a used link was opened: %v", err)
		}
		forgotten := w.link(there, "pat")
		w.later.Store(int64(61 * time.Minute))
		if _, err := w.follow(there, forgotten); !errors.Is(err, errLink) {
			t.Errorf("an expired link was opened: %v", err)
		}
		w.later.Store(0)
		w.sweepTokens(here, "pat")
		if _, err := w.add(here, Edit{Owner: w.user("pat"), Jira: "x", Kind: KindConsent, Secret: "hunter2-x"}); err == nil {
			t.Error("a consent was added with a secret")
		}
		if _, err := here.Replace(t.Context(), admin, Own(w.user("pat"), w.at.URL), Edit{Secret: "hunter2-x"}, func(string) (Jira, error) { return w.at, nil }); err == nil || !strings.Contains(err.Error(), "account connect --owner") {
			t.Errorf("a consent was replaced by a secret of no kind: %v", err)
		}
	})
}

// TestLinkIsChecked checks what cannot be connected.
func TestLinkIsChecked(t *testing.T) {
	w := consentingWorld(t, fakejira.Cloud, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	node, keyless := w.node(newTestKey(t)), w.node()
	for what, try := range map[string]func() (Link, error){
		"the configuration has no OAuth app": func() (Link, error) {
			return node.NewLink(t.Context(), admin, Own("pat", "https://other.example.com"), "", "")
		},
		"encryption_key":   func() (Link, error) { return keyless.NewLink(t.Context(), admin, Own("pat", w.at.URL), "", "") },
		"colon":            func() (Link, error) { return node.NewLink(t.Context(), admin, Own("a:b", w.at.URL), "", "") },
		"at most 7d":       func() (Link, error) { return node.NewLink(t.Context(), admin, Own("pat", w.at.URL), "30d", "") },
		"invalid lifetime": func() (Link, error) { return node.NewLink(t.Context(), admin, Own("pat", w.at.URL), "soon", "") },
	} {
		if link, err := try(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %+v, %v", what, link, err)
		}
	}
}
