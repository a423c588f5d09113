package session

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
)

var scope = Scope{Path: "/tokens/", Secure: true}

// nodes returns the sessions of two nodes with one store, and their clock.
func nodes(t *testing.T) (one, other *Sessions, now *time.Time) {
	t.Helper()
	store := newStore(t)
	clock := time.Now()
	one, other = node(t, store), node(t, store)
	one.now = func() time.Time { return clock }
	other.now = one.now
	return one, other, &clock
}

func newStore(t *testing.T) storage.Store {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// node returns the sessions of a node with these encryption keys.
func node(t *testing.T, store storage.Store, keys ...string) *Sessions {
	t.Helper()
	mirrors := map[string]*storage.Mirror{}
	for _, kind := range []string{keyKind, endedKind} {
		mirrors[kind] = storage.NewMirror(store, kind, storage.CacheOptions{TTL: time.Minute, ReadTimeout: time.Minute})
	}
	return New(store, func(kind string) *storage.Mirror { return mirrors[kind] }, sealer(t, keys...))
}

func sealer(t *testing.T, keys ...string) accounts.Keys {
	t.Helper()
	made, err := accounts.NewKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// begin signs alice in and returns the cookie.
func begin(t *testing.T, s *Sessions) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := s.Begin(t.Context(), w, scope, Session{Person: "alice", Via: "test"}); err != nil {
		t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

// read reads the session of a cookie, and returns the cookie that renews it, if any.
func read(t *testing.T, s *Sessions, cookie *http.Cookie) (*Session, *http.Cookie) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	w := httptest.NewRecorder()
	found, err := s.Read(t.Context(), w, r, scope)
	if over := errors.Is(err, ErrOver); err != nil && !over || over != (found == nil && cookie.Value != "") {
		t.Fatal(found, err)
	}
	if set := w.Result().Cookies(); len(set) > 0 {
		return found, set[0]
	}
	return found, nil
}

func TestSessionOnEveryNode(t *testing.T) {
	one, other, _ := nodes(t)
	cookie := begin(t, one)
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/tokens/" || cookie.Domain != "" {
		t.Errorf("the cookie is %v", cookie)
	}
	for _, s := range []*Sessions{one, other} {
		if found, renewed := read(t, s, cookie); found == nil || found.Person != "alice" || found.Via != "test" || renewed != nil {
			t.Errorf("found %+v, renewed %v", found, renewed)
		}
	}
	if again := begin(t, other); again.Value == cookie.Value {
		t.Error("two sessions have one cookie")
	}
}

func TestSessionEnds(t *testing.T) {
	one, _, now := nodes(t)
	cookie := begin(t, one)
	*now = now.Add(idle/2 + time.Second)
	found, renewed := read(t, one, cookie)
	if found == nil || renewed == nil {
		t.Fatal("not renewed")
	}
	*now = now.Add(idle/2 + time.Second)
	if found, _ := read(t, one, cookie); found != nil {
		t.Error("the old cookie is still valid")
	}
	if found, _ := read(t, one, renewed); found == nil {
		t.Error("the renewed cookie is not valid")
	}
	for began := found.Began; now.Sub(began) < longest; *now = now.Add(idle / 2).Add(time.Second) {
		if _, next := read(t, one, renewed); next != nil {
			renewed = next
		}
	}
	if found, _ := read(t, one, renewed); found != nil {
		t.Errorf("a session of %s is still valid", now.Sub(found.Began))
	}
}

func TestSignedOut(t *testing.T) {
	one, other, now := nodes(t)
	cookie := begin(t, one)
	found, _ := read(t, other, cookie)
	for range 2 { // again does no harm
		if err := one.End(t.Context(), found, ActionSignOut, storage.Actor{Kind: storage.ActorOwner, Name: "alice"}); err != nil {
			t.Fatal(err)
		}
	}
	if found, _ := read(t, one, cookie); found != nil {
		t.Error("still signed in")
	}
	if err := other.ended.Refresh(t.Context(), found.ID); err != nil { // as the store notifies it
		t.Fatal(err)
	}
	if found, _ := read(t, other, cookie); found != nil {
		t.Error("still signed in on the other node")
	}
	if err := one.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := storage.DocumentName{Kind: endedKind, ID: found.ID}
	if _, err := one.store.Document(t.Context(), name); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	*now = now.Add(longest + time.Second)
	if err := one.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := one.store.Document(t.Context(), name); err == nil {
		t.Error("never forgotten")
	}
}

func TestForgedCookies(t *testing.T) {
	one, _, _ := nodes(t)
	good := begin(t, one)
	parts := strings.Split(good.Value, ".")
	elsewhere, _, _ := nodes(t)
	for what, value := range map[string]string{
		"empty":         "",
		"cut off":       good.Value[:len(good.Value)-1],
		"no signature":  parts[0] + "." + parts[1] + ".",
		"alg none":      "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"another store": begin(t, elsewhere).Value,
		"nonsense":      "a.b.c",
	} {
		if found, _ := read(t, one, &http.Cookie{Name: CookieName, Value: value}); found != nil {
			t.Errorf("%s: %+v", what, found)
		}
	}
	// What is signed for another purpose is not a session.
	w := httptest.NewRecorder()
	if err := one.Remember(t.Context(), w, scope, Flow{Way: "0", State: "s"}); err != nil {
		t.Fatal(err)
	}
	if found, _ := read(t, one, &http.Cookie{Name: CookieName, Value: w.Result().Cookies()[0].Value}); found != nil {
		t.Errorf("a flow: %+v", found)
	}
}

func TestFlow(t *testing.T) {
	one, other, now := nodes(t)
	w := httptest.NewRecorder()
	if err := one.Remember(t.Context(), w, scope, Flow{Way: "0", State: "s", Nonce: "n", Verifier: "v", Next: "all"}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(w.Result().Cookies()[0])
	flow, err := other.Recall(t.Context(), httptest.NewRecorder(), r, scope)
	if err != nil || flow == nil || flow.State != "s" || flow.Nonce != "n" || flow.Verifier != "v" || flow.Next != "all" {
		t.Fatalf("%+v, %v", flow, err)
	}
	*now = now.Add(flowLasts)
	if flow, err := other.Recall(t.Context(), httptest.NewRecorder(), r, scope); flow != nil || err != nil {
		t.Errorf("after its end: %+v, %v", flow, err)
	}
}
