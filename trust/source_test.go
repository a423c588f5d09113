package trust

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
)

// TestPrivateCA: an issuer whose certificate is from a private authority needs `ca`, and
// one that asks for authentication gets the token of the file, and nobody else does.
func TestPrivateCA(t *testing.T) {
	issuer := fakeissuer.NewTLS(t)
	dir := t.TempDir()
	ca, bearer := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate()}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bearer, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	jwt := issuer.Sign(t, issuer.Claims("a", nil))
	without, _ := keysOf(t, Source{Issuer: issuer.URL})
	if err := wantUnavailable(t, verifies(t, without, jwt), false); !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	var got atomic.Value
	issuer.Respond(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		issuer.Usual(w, r)
	})
	keys, time := keysOf(t, Source{Issuer: issuer.URL, CA: ca, TokenFile: bearer})
	if err := verifies(t, keys, jwt); err != nil {
		t.Fatal(err)
	}
	if got.Load() != "Bearer first" {
		t.Errorf("got Authorization %q", got.Load())
	}
	// Kubernetes replaces the file.
	if err := os.WriteFile(bearer, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	issuer.AddKey(t)
	time.pass(refreshInterval)
	if err := verifies(t, keys, issuer.Sign(t, issuer.Claims("a", nil))); err != nil || got.Load() != "Bearer second" {
		t.Errorf("got Authorization %q, %v", got.Load(), err)
	}

	plain := fakeissuer.New(t)
	plain.Respond(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Host + " " + r.Header.Get("Authorization"))
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			// To the same server, under another name.
			http.Redirect(w, r, strings.Replace(plain.URL, "127.0.0.1", "localhost", 1)+"/elsewhere", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})
	other, _ := keysOf(t, Source{Issuer: plain.URL, TokenFile: bearer})
	wantUnavailable(t, verifies(t, other, plain.Sign(t, plain.Claims("a", nil))), false)
	if text, _ := got.Load().(string); !strings.HasPrefix(text, "localhost") || strings.Contains(text, "Bearer") {
		t.Errorf("another host got %q", text)
	}
}

// TestKeysFromFile need no issuer that can be reached.
func TestKeysFromFile(t *testing.T) {
	issuer := fakeissuer.New(t)
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func() {
		t.Helper()
		set, err := json.Marshal(issuer.KeySet())
		if err == nil {
			err = os.WriteFile(path, set, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write()
	keys, time := keysOf(t, Source{Issuer: "https://not.reachable.example", JWKS: path})
	if err := verifies(t, keys, issuer.Sign(t, issuer.Claims("a", nil))); err != nil {
		t.Fatal(err)
	}
	issuer.AddKey(t)
	write()
	time.pass(refreshInterval)
	if err := verifies(t, keys, issuer.Sign(t, issuer.Claims("a", nil))); err != nil {
		t.Fatal(err)
	}
}
