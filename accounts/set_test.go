package accounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	redisstore "github.com/jiratokens/caddy-jira-tokens/storage/redis"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// admin is who makes the changes.
var admin = storage.Actor{Kind: storage.ActorAdmin, Name: "root"}

// world is a store, a Jira, and what sets on them log.
type world struct {
	t     *testing.T
	store storage.Store
	site  *fakejira.Server
	at    Jira
	log   bytes.Buffer
	mu    sync.Mutex
	// texts collects everything that was returned, to search it for secrets.
	texts strings.Builder
	// apps are the OAuth apps of new nodes, later is what their clocks are ahead.
	apps  map[string]*jira.ConsentApp
	later atomic.Int64
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// inBothStores runs a test on a file store and on Redis.
func inBothStores(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("file", func(t *testing.T) {
		test(t, newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())))
	})
	t.Run("redis", func(t *testing.T) {
		module := &redisstore.Store{Address: []string{redistest.Start(t).Addr}, Timeout: caddy.Duration(20 * time.Second)}
		if err := module.Provision(caddy.Context{Context: t.Context()}); err != nil {
			t.Fatal(err)
		}
		store, err := module.NewStore(zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		test(t, newWorld(t, store))
	})
}

func newWorld(t *testing.T, store storage.Store) *world {
	t.Helper()
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t: t, store: store, site: fakejira.New(fakejira.Options{Dress: fakejira.DataCenter, Accounts: jiraAccounts()})}
	server := httptest.NewServer(w.site)
	t.Cleanup(server.Close)
	w.at = Jira{server.URL, http.DefaultTransport}
	return w
}

func jiraAccounts() []fakejira.Account {
	return []fakejira.Account{
		{User: "svc", Secret: "hunter2-first"}, {User: "svc", Secret: "hunter2-second"}, {User: "pat", Bearer: "hunter2-bearer"},
	}
}

// node returns a set as a gateway has it, which follows the store.
func (w *world) node(keys ...string) *Set { return w.nodeWith(nil, keys...) }

func (w *world) nodeWith(configured map[string]*jira.Account, keys ...string) *Set {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	var (
		running sync.WaitGroup
		follow  follower
	)
	mirror := func(kind string) *storage.Mirror {
		made := storage.NewMirror(w.store, kind, storage.CacheOptions{TTL: time.Hour, ReadTimeout: time.Minute})
		follow.mirrors = append(follow.mirrors, made)
		running.Go(func() { made.Run(ctx) })
		return made
	}
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(w), zap.DebugLevel))
	s := NewSet(configured, SetOptions{
		Store: w.store, Mirror: mirror, Keys: keysOf(w.t, keys...), Logger: logger, Now: w.now,
		Apps: w.apps, Jira: func(url string) (Jira, bool) { return w.at, url == w.at.URL }, PublicURL: "https://gateway.example.com",
		Go: func(f func(context.Context)) bool {
			running.Go(func() { f(ctx) })
			return true
		},
		Changed: func(*jira.Account, string, error) {},
	})
	w.t.Cleanup(s.Close)
	running.Go(func() { _ = w.store.Watch(ctx, follow) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	if _, err := s.Ready(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }

// follower keeps mirrors current.
type follower struct{ mirrors []*storage.Mirror }

func (follower) Changed(string) {}
func (follower) Lost(error)     {}

func (f follower) Restored() {
	for _, mirror := range f.mirrors {
		mirror.Restored()
	}
}

func (f follower) DocumentChanged(name storage.DocumentName) {
	for _, mirror := range f.mirrors {
		mirror.DocumentChanged(name)
	}
}

func (w *world) add(s *Set, edit Edit) (View, error) {
	view, err := s.Add(w.t.Context(), admin, edit, w.at)
	return view, w.note(view, err)
}

func (w *world) replace(s *Set, name string, edit Edit) (View, error) {
	view, err := s.Replace(w.t.Context(), admin, Ref{Name: name}, edit, func(string) (Jira, error) { return w.at, nil })
	return view, w.note(view, err)
}

// note keeps what was returned.
func (w *world) note(value any, err error) error {
	text, _ := json.Marshal(value)
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.texts, "%s %+v %v\n", text, value, err)
	return err
}

func basic(name, secret string) Edit { return Edit{Name: name, Jira: "x", User: "svc", Secret: secret} }

// finds waits until a node finds an account, or not, as want says.
func (w *world) finds(s *Set, name string, want func(*jira.Account, error) bool) {
	w.t.Helper()
	w.waitFor("account "+name, func() (*jira.Account, error) { return s.Find(w.t.Context(), name) }, want)
}

func (w *world) waitFor(what string, find func() (*jira.Account, error), want func(*jira.Account, error) bool) {
	w.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		account, err := find()
		if want(account, err) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: %v, %v", what, account, err)
		}
	}
}

// authorizes reports whether an account sends a credential.
func authorizes(credential jira.Credential) func(*jira.Account, error) bool {
	return func(account *jira.Account, err error) bool {
		if err != nil {
			return false
		}
		got, _ := account.Authorization(context.Background())
		want, _ := credential.Authorization(context.Background())
		return got == want
	}
}

func missing(_ *jira.Account, err error) bool { return errors.Is(err, jira.ErrUnknownAccount) }

func unreadable(account *jira.Account, err error) bool {
	return account == nil && errors.As(err, new(UnreadableError))
}

// sweep checks that no secret is anywhere but encrypted in the store.
func (w *world) sweep() {
	w.t.Helper()
	var stored strings.Builder
	var ciphertexts []string
	var documents []storage.Document
	for _, kind := range []string{DocumentKind, OwnDocumentKind} {
		page, err := w.store.Documents(w.t.Context(), storage.DocumentQuery{Kind: kind})
		if err != nil {
			w.t.Fatal(err)
		}
		documents = append(documents, page.Documents...)
	}
	for _, document := range documents {
		stored.Write(document.Data)
		var r record
		if json.Unmarshal(document.Data, &r) == nil && len(r.Sealed.Data) > 0 {
			ciphertext, _ := json.Marshal(r.Sealed.Data)
			ciphertexts = append(ciphertexts, strings.Trim(string(ciphertext), `"`))
		}
	}
	events, err := w.store.Events(w.t.Context(), storage.EventQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	trail, _ := json.Marshal(events)
	for place, text := range map[string]string{"store": stored.String(), "trail": string(trail), "log": w.logged(), "output": w.texts.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMi") {
			w.t.Errorf("a secret is in the %s: %s", place, text)
		}
		for _, ciphertext := range ciphertexts {
			if place != "store" && strings.Contains(text, ciphertext) {
				w.t.Errorf("a ciphertext is in the %s: %s", place, text)
			}
		}
	}
}

// TestStoredAccountsOnEveryNode adds, replaces and removes an account on one node, and
// sees it on another.
func TestStoredAccountsOnEveryNode(t *testing.T) {
	inBothStores(t, func(t *testing.T, w *world) {
		key, other := newTestKey(t), newTestKey(t)
		here, there, elsewhere := w.node(key), w.node(key), w.node(other)
		view, err := w.add(here, Edit{Name: "bi", Jira: "x", User: "svc", Secret: "hunter2-first", ExpiresAt: "10d"})
		if err != nil || view.State != StateExpiring || view.ValidatedAs != "svc@example.com" || *view.AddedBy != admin || view.Jira != w.at.URL {
			t.Fatalf("%+v, %v", view, err)
		}
		w.finds(here, "bi", authorizes(jira.Basic("svc", "hunter2-first")))
		w.finds(there, "bi", authorizes(jira.Basic("svc", "hunter2-first")))
		w.finds(elsewhere, "bi", unreadable)
		if _, err := w.replace(here, "bi", Edit{Secret: "hunter2-wrong"}); !errors.As(err, new(token.InvalidError)) {
			t.Errorf("replaced by a wrong secret: %v", err)
		}
		w.finds(there, "bi", authorizes(jira.Basic("svc", "hunter2-first")))
		// Where the key is lost, a new credential mends the account; then it is
		// unreadable for those who have the old key.
		if view, err := w.replace(elsewhere, "bi", Edit{Kind: KindBearer, Secret: "hunter2-bearer"}); err != nil || view.ExpiresAt != nil || view.ValidatedAs != "pat@example.com" || view.State != StateValid || *view.ReplacedBy != admin {
			t.Fatalf("%+v, %v", view, err)
		}
		w.finds(elsewhere, "bi", authorizes(jira.Bearer("hunter2-bearer")))
		w.finds(there, "bi", unreadable)
		if view, err := there.Show(t.Context(), Ref{Name: "bi"}); w.note(view, err) != nil || view.State != StateUnreadable || view.Error == "" {
			t.Errorf("%+v, %v", view, err)
		}
		used := func(n int) func(context.Context) (int, error) {
			return func(context.Context) (int, error) { return n, nil }
		}
		if err := there.Remove(t.Context(), admin, Ref{Name: "bi"}, used(3)); !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "tokens: 3") || !strings.Contains(err.Error(), "list --account bi") {
			t.Errorf("removed while in use: %v", err)
		}
		if err := there.Remove(t.Context(), admin, Ref{Name: "bi"}, used(0)); err != nil {
			t.Fatal(err)
		}
		for _, node := range []*Set{here, there, elsewhere} {
			w.finds(node, "bi", missing)
		}
		if err := there.Remove(t.Context(), admin, Ref{Name: "bi"}, used(0)); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		if _, err := w.replace(here, "bi", Edit{Secret: "hunter2-first"}); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("replaced a missing one: %v", err)
		}
		if !strings.Contains(w.logged(), "unreadable") || !strings.Contains(w.logged(), "expires soon") {
			t.Errorf("log: %s", w.logged())
		}
		w.sweep()
	})
}

// TestRotatingTheKey re-encrypts accounts with a new key, also where it is not the
// first one yet.
func TestRotatingTheKey(t *testing.T) {
	inBothStores(t, func(t *testing.T, w *world) {
		old, fresh, lost := newTestKey(t), newTestKey(t), newTestKey(t)
		before, between, after := w.node(old), w.node(fresh, old), w.node(fresh)
		for _, name := range []string{"a", "b", "c d/é"} {
			_, err := w.add(before, basic(name, "hunter2-first"))
			if valid := name != "c d/é"; valid != (err == nil) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := w.add(w.node(lost), basic("lost", "hunter2-first")); err != nil {
			t.Fatal(err)
		}
		w.finds(between, "a", authorizes(jira.Basic("svc", "hunter2-first")))
		w.finds(after, "a", unreadable)
		result, err := between.Reencrypt(t.Context(), admin)
		if w.note(result, err) != nil || result.Reencrypted != 2 || result.Unchanged != 0 || fmt.Sprint(result.Unreadable) != "[lost]" {
			t.Fatalf("%+v, %v", result, err)
		}
		w.finds(after, "b", authorizes(jira.Basic("svc", "hunter2-first")))
		w.finds(before, "b", unreadable)
		if result, err := between.Reencrypt(t.Context(), admin); err != nil || result.Reencrypted != 0 || result.Unchanged != 2 {
			t.Fatalf("again: %+v, %v", result, err)
		}
		if _, err := w.node().Reencrypt(t.Context(), admin); !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "openssl rand -base64 32") {
			t.Errorf("without a key: %v", err)
		}
		w.sweep()
	})
}

// TestTamperedAccounts checks that nobody who can write to the store can move a
// credential to another account, Jira or address.
func TestTamperedAccounts(t *testing.T) {
	w := newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	node := w.node(newTestKey(t))
	if _, err := w.add(node, basic("bi", "hunter2-first")); err != nil {
		t.Fatal(err)
	}
	document, err := w.store.Document(t.Context(), storage.DocumentName{Kind: DocumentKind, ID: "bi"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, data string) {
		t.Helper()
		id := storage.DocumentName{Kind: DocumentKind, ID: name}
		old, _ := w.store.Document(t.Context(), id)
		if err := w.store.ApplyDocument(t.Context(), storage.DocumentChange{DocumentName: id, Version: old.Version, Data: json.RawMessage(data)}); err != nil {
			t.Fatal(err)
		}
	}
	original := string(document.Data)
	for name, data := range map[string]string{
		"moved":   original,
		"jira":    strings.Replace(original, w.at.URL, "https://evil.example.com", 1),
		"user":    strings.Replace(original, `"user":"svc"`, `"user":"root"`, 1),
		"kind":    strings.Replace(strings.Replace(original, `"basic"`, `"bearer"`, 1), `"user":"svc",`, "", 1),
		"scoped":  strings.Replace(original, `"user":"svc"`, `"user":"svc","scoped":true,"api_url":"https://evil.example.com"`, 1),
		"garbage": `{"jira":5}`, "null": `null`, "number": `17`, "empty": `{}`,
	} {
		if name != "moved" && data == original {
			t.Fatalf("%s changes nothing", name)
		}
		target := "bi"
		if name == "moved" {
			target = "other"
		}
		write(target, data)
		w.finds(node, target, unreadable)
		if name != "moved" {
			write("bi", original)
			w.finds(node, "bi", authorizes(jira.Basic("svc", "hunter2-first")))
		}
	}
	// What is damaged can be removed, and what was changed can be replaced.
	write("other", `{}`)
	if _, err := w.replace(node, "other", Edit{Secret: "hunter2-first"}); !errors.Is(err, token.ErrConflict) {
		t.Errorf("replaced a damaged account: %v", err)
	}
	if err := node.Remove(t.Context(), admin, Ref{Name: "other"}, func(context.Context) (int, error) { return 0, nil }); err != nil {
		t.Error(err)
	}
	w.sweep()
}

// TestConfiguredAccountsWin checks that a stored account never takes the place of a
// configured one.
func TestConfiguredAccountsWin(t *testing.T) {
	w := newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	key := newTestKey(t)
	if _, err := w.add(w.node(key), basic("bi", "hunter2-first")); err != nil {
		t.Fatal(err)
	}
	configured := map[string]*jira.Account{"bi": jira.NewAccount("bi", jira.Bearer("configured"), jira.AccountOptions{})}
	node := w.nodeWith(configured, key)
	w.finds(node, "bi", authorizes(jira.Bearer("configured")))
	if !strings.Contains(w.logged(), "takes precedence") {
		t.Errorf("log: %s", w.logged())
	}
	views, err := node.List(t.Context())
	if err != nil || len(views) != 2 || views[0].Source != SourceConfiguration || !views[1].Hidden || len(node.Names()) != 1 {
		t.Errorf("%+v, %v", views, err)
	}
	if _, err := w.add(node, basic("bi", "hunter2-first")); !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "configuration") {
		t.Errorf("added: %v", err)
	}
	// Tokens use the configured account, so the hidden one can go.
	if err := node.Remove(t.Context(), admin, Ref{Name: "bi"}, func(context.Context) (int, error) { return 7, nil }); err != nil {
		t.Error(err)
	}
	if err := node.Remove(t.Context(), admin, Ref{Name: "bi"}, nil); !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "change it there") {
		t.Errorf("removed a configured account: %v", err)
	}
}
