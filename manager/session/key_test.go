package session

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

var (
	firstKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32)))
	otherKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("b", 32)))
)

// stored returns what the store has of the key for sessions.
func stored(t *testing.T, store storage.Store) (document storage.Document, key signingKey) {
	t.Helper()
	document, err := store.Document(t.Context(), keyName)
	if err != nil || json.Unmarshal(document.Data, &key) != nil {
		t.Fatal(err, string(document.Data))
	}
	return document, key
}

// refused checks that a node accepts no session because it cannot read the key.
func refused(t *testing.T, s *Sessions, cookie *http.Cookie, want string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	if found, err := s.Read(t.Context(), httptest.NewRecorder(), r, scope); found != nil || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("found %+v, %v, want an error with %q", found, err, want)
	}
}

// TestKeyIsSealed: whoever can read the store cannot make a cookie if there is an
// encryption key.
func TestKeyIsSealed(t *testing.T) {
	store := newStore(t)
	one := node(t, store, firstKey)
	cookie := begin(t, one)
	document, key := stored(t, store)
	secret, err := one.key(t.Context())
	if err != nil || key.Key != nil || key.Sealed == nil || strings.Contains(string(document.Data), base64.StdEncoding.EncodeToString(secret)) {
		t.Errorf("the store has %s, %v", document.Data, err)
	}
	if found, _ := read(t, node(t, store, firstKey), cookie); found == nil {
		t.Error("another node does not accept the cookie")
	}
	refused(t, node(t, store), cookie, "no encryption_key is configured")
	refused(t, node(t, store, otherKey), cookie, "account reencrypt")
	if again, _ := stored(t, store); again.Version != document.Version {
		t.Error("a node without the right key has replaced it")
	}
}

// TestPlantedKey: a key that is not encrypted is replaced, since anyone who can write to
// the store may have chosen it.
func TestPlantedKey(t *testing.T) {
	store := newStore(t)
	before := begin(t, node(t, store)) // without an encryption key
	sealed := node(t, store, firstKey)
	if found, _ := read(t, sealed, before); found != nil {
		t.Errorf("a cookie with a key that is not encrypted: %+v", found)
	}
	cookie := begin(t, sealed)
	document, _ := stored(t, store)
	if err := store.ApplyDocument(t.Context(), storage.DocumentChange{
		DocumentName: keyName, Version: document.Version, Data: []byte(`{"key":"` + firstKey + `"}`), Event: storage.Event{Action: "update"},
	}); err != nil {
		t.Fatal(err)
	}
	forger := node(t, store) // believes the planted key
	if found, _ := read(t, node(t, store, firstKey), begin(t, forger)); found != nil {
		t.Errorf("a cookie with a planted key: %+v", found)
	}
	if _, key := stored(t, store); key.Key != nil {
		t.Error("the planted key is still there")
	}
	if found, _ := read(t, node(t, store, firstKey), cookie); found != nil {
		t.Error("a cookie of the key that was overwritten is valid")
	}
}

// TestRekey: while the encryption key is replaced, people stay signed in until all is
// encrypted with the new one.
func TestRekey(t *testing.T) {
	store := newStore(t)
	keys := sealer(t, otherKey, firstKey)
	actor := storage.Actor{Kind: storage.ActorAdmin}
	if did, err := Rekey(t.Context(), store, keys, actor); did || err != nil {
		t.Errorf("without a key: %v, %v", did, err)
	}
	cookie := begin(t, node(t, store, firstKey))
	if found, _ := read(t, node(t, store, otherKey, firstKey), cookie); found == nil {
		t.Error("signed out before the reencryption")
	}
	for _, want := range []bool{true, false} {
		if did, err := Rekey(t.Context(), store, keys, actor); did != want || err != nil {
			t.Errorf("replaced: %v, %v, want %v", did, err, want)
		}
	}
	after := node(t, store, otherKey) // the old one is no longer configured
	if found, _ := read(t, after, cookie); found != nil {
		t.Error("an earlier cookie is still valid")
	}
	if found, _ := read(t, after, begin(t, after)); found == nil {
		t.Error("nobody can sign in")
	}
	// A key that cannot be read at all is replaced.
	if did, err := Rekey(t.Context(), store, sealer(t, firstKey), actor); !did || err != nil {
		t.Errorf("an unreadable key: %v, %v", did, err)
	}
}
