package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// findsOwn waits until a node finds an owner's own account, or not, as want says.
func (w *world) findsOwn(s *Set, owner string, want func(*jira.Account, error) bool) {
	w.t.Helper()
	w.waitFor("the own account of "+owner, func() (*jira.Account, error) { return s.FindOwn(w.t.Context(), owner, w.at.URL) }, want)
}

// TestOwnAccounts checks that an owner's own account must be the owner's, and that it
// is never found for anybody else or another Jira.
func TestOwnAccounts(t *testing.T) {
	inBothStores(t, func(t *testing.T, w *world) {
		key := newTestKey(t)
		here, there := w.node(key), w.node(key)
		lodge := func(owner, secret string) error {
			_, err := w.add(here, Edit{Owner: owner, Jira: "x", Kind: KindBearer, Secret: secret})
			return err
		}
		for owner, want := range map[string]string{
			"svc": "not svc's", "Pat Displayed": "not Pat Displayed's", "": "account_name", "a:b": "colon", "pat\u200b": "not printable",
		} {
			err := lodge(owner, "hunter2-bearer")
			invalid, ok := errors.AsType[token.InvalidError](err)
			if !ok || !strings.Contains(invalid.Field+" "+err.Error(), want) {
				t.Errorf("lodged for %q: %v", owner, err)
			}
		}
		if _, err := w.add(here, Edit{Name: "x", Owner: "pat", Jira: "x", Kind: KindBearer, Secret: "hunter2-bearer"}); !errors.As(err, new(token.InvalidError)) {
			t.Errorf("with a name and an owner: %v", err)
		}
		if err := lodge("PAT", "hunter2-bearer"); err != nil {
			t.Fatal(err)
		}
		if err := lodge("pat", "hunter2-bearer"); !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "replace --owner pat") {
			t.Errorf("lodged twice: %v", err)
		}
		if err := lodge("pat@example.com", "hunter2-bearer"); err != nil {
			t.Errorf("by the email address: %v", err)
		}
		for _, owner := range []string{"pat", "Pat", "pat@Example.com"} {
			w.findsOwn(there, owner, authorizes(jira.Bearer("hunter2-bearer")))
		}
		for owner, url := range map[string]string{"svc": w.at.URL, "pat": "https://other.example.com", "": w.at.URL, "own": w.at.URL} {
			if account, err := there.FindOwn(t.Context(), owner, url); !missing(account, err) {
				t.Errorf("%q at %s: %v, %v", owner, url, account, err)
			} else if !strings.Contains(err.Error(), "account add --owner") {
				t.Errorf("%v", err)
			}
		}
		// It is not an account that can be named.
		if account, err := there.Find(t.Context(), token.OwnAccount); !missing(account, err) || len(there.Names()) != 0 {
			t.Errorf("%v, %v, %v", account, err, there.Names())
		}
		views, err := there.List(t.Context())
		if w.note(views, err) != nil || len(views) != 2 || views[0].Owner != "PAT" || views[0].Name != token.OwnAccount || len(there.Views()) != 0 {
			t.Errorf("%+v, %v", views, err)
		}
		ref := Own("pat", w.at.URL)
		if _, err := here.Replace(t.Context(), admin, ref, Edit{Kind: KindBasic, User: "svc", Secret: "hunter2-first"}, func(string) (Jira, error) { return w.at, nil }); !errors.As(err, new(token.InvalidError)) {
			t.Errorf("replaced by somebody else's credential: %v", err)
		}
		if _, err := here.Replace(t.Context(), admin, ref, Edit{Secret: "hunter2-bearer"}, func(string) (Jira, error) { return w.at, nil }); err != nil {
			t.Error(err)
		}
		fresh := newTestKey(t)
		if result, err := w.node(fresh, key).Reencrypt(t.Context(), admin); err != nil || result.Reencrypted != 2 {
			t.Errorf("%+v, %v", result, err)
		}
		w.findsOwn(there, "pat", unreadable)
		if err := here.Remove(t.Context(), admin, ref, func(context.Context) (int, error) { return 2, nil }); !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "list --account own --owner pat") {
			t.Errorf("removed while in use: %v", err)
		}
		if err := here.Remove(t.Context(), admin, ref, func(context.Context) (int, error) { return 0, nil }); err != nil {
			t.Error(err)
		}
		w.findsOwn(there, "pat", missing)
		w.sweep()
	})
}

// TestOwnAccountsAreNotMoved checks that nobody who can write to the store gets one
// owner's credential used for another.
func TestOwnAccountsAreNotMoved(t *testing.T) {
	w := newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	node := w.node(newTestKey(t))
	if _, err := w.add(node, Edit{Owner: "pat", Jira: "x", Kind: KindBearer, Secret: "hunter2-bearer"}); err != nil {
		t.Fatal(err)
	}
	document, err := w.store.Document(t.Context(), Own("pat", w.at.URL).document())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name storage.DocumentName, data string) {
		t.Helper()
		old, _ := w.store.Document(t.Context(), name)
		if err := w.store.ApplyDocument(t.Context(), storage.DocumentChange{DocumentName: name, Version: old.Version, Data: json.RawMessage(data)}); err != nil {
			t.Fatal(err)
		}
	}
	renamed := strings.Replace(string(document.Data), `"owner":"pat"`, `"owner":"mallory"`, 1)
	for name, data := range map[string]string{"as it is": string(document.Data), "renamed": renamed} {
		write(Own("mallory", w.at.URL).document(), data)
		write(Ref{Name: "public"}.document(), data)
		w.finds(node, "public", unreadable)
		if account, err := node.FindOwn(t.Context(), "mallory", w.at.URL); err == nil {
			t.Errorf("%s: mallory got %v", name, account)
		}
	}
	// A plant elsewhere does not take the place of the real one.
	write(storage.DocumentName{Kind: OwnDocumentKind, ID: "plant"}, string(document.Data))
	if err := node.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		w.findsOwn(node, "pat", authorizes(jira.Bearer("hunter2-bearer")))
	}
	write(document.DocumentName, renamed)
	w.findsOwn(node, "pat", missing)
	if _, err := node.FindOwn(t.Context(), "mallory", w.at.URL); err == nil {
		t.Error("mallory got pat's account")
	}
	w.sweep()
}

// TestScopedAndOAuthAccounts checks the kinds of credentials that go to Jira Cloud's API
// by cloud ID.
func TestScopedAndOAuthAccounts(t *testing.T) {
	w := newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	w.site = fakejira.New(fakejira.Options{
		Accounts:     []fakejira.Account{{User: "svc@example.com", Secret: "hunter2-scoped", Scoped: true}},
		OAuthClients: []fakejira.OAuthClient{{ID: "client", Secret: "hunter2-client", User: "app@example.com"}},
	})
	server := httptest.NewServer(w.site)
	t.Cleanup(server.Close)
	w.at = Jira{server.URL, http.DefaultTransport}
	node, scoped := w.node(newTestKey(t)), true
	_, err := w.add(node, Edit{Name: "a", Cloud: server.URL, User: "svc@example.com", Secret: "hunter2-scoped"})
	if err == nil || !strings.Contains(err.Error(), "add --scoped") {
		t.Errorf("without --scoped: %v", err)
	}
	for _, edit := range []Edit{
		{Name: "a", Cloud: server.URL, User: "svc@example.com", Secret: "hunter2-scoped", Scoped: &scoped, APIURL: server.URL + "/"},
		{Name: "b", Cloud: server.URL, Kind: KindOAuth, User: "client", Secret: "hunter2-client", APIURL: server.URL, TokenURL: server.URL + "/oauth/token"},
	} {
		view, err := w.add(node, edit)
		if err != nil || !view.Scoped || !strings.HasSuffix(view.ValidatedAs, "@example.com") {
			t.Errorf("%s: %+v, %v", edit.Name, view, err)
			continue
		}
		account, err := node.Find(t.Context(), edit.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(t.Context(), account, w.at.URL, w.at.Transport); err != nil {
			t.Errorf("%s: %v", edit.Name, err)
		}
		// What is left out of a replacement stays.
		if view, err := w.replace(node, edit.Name, Edit{Secret: edit.Secret}); err != nil || !view.Scoped || view.User != edit.User {
			t.Errorf("%s: %+v, %v", edit.Name, view, err)
		}
	}
	w.sweep()
}
