package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
)

// clock is a clock that only the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func keysOf(t *testing.T, source Source) (*Keys, *clock) {
	t.Helper()
	if source.Keep == 0 {
		source.Keep = defaultKeep
	}
	keys := NewKeys(source, func(error) {})
	t.Cleanup(keys.Close)
	time := &clock{at: time.Now()}
	keys.now = time.now
	return keys, time
}

func parsed(t *testing.T, jwt string) *parsedJWT {
	t.Helper()
	p, err := parse(jwt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func verifies(t *testing.T, keys *Keys, jwt string) error {
	t.Helper()
	_, err := keys.verify(t.Context(), parsed(t, jwt))
	return err
}

func wantUnavailable(t *testing.T, err error, unknownKey bool) *UnavailableError {
	t.Helper()
	unavailable, ok := errors.AsType[*UnavailableError](err)
	if !ok || unavailable.UnknownKey != unknownKey || unavailable.RetryAfter <= 0 {
		t.Fatalf("got %#v, want an UnavailableError", err)
	}
	return unavailable
}

func wantRefused(t *testing.T, err error, detail string) {
	t.Helper()
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || !strings.Contains(refused.Detail, detail) {
		t.Fatalf("got %v, want a refusal with %q", err, detail)
	}
}

// TestNewKey: a key that the issuer has added is fetched, but not more often than the
// rate limit allows, whoever asks.
func TestNewKey(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, time := keysOf(t, Source{Issuer: issuer.URL})
	old := issuer.Sign(t, issuer.Claims("a", nil))
	if err := verifies(t, keys, old); err != nil {
		t.Fatal(err)
	}
	issuer.AddKey(t)
	renewed := issuer.Sign(t, issuer.Claims("a", nil))
	wantUnavailable(t, verifies(t, keys, renewed), true)
	time.pass(refreshInterval)
	for range 3 {
		if err := verifies(t, keys, renewed); err != nil {
			t.Fatal(err)
		}
	}
	if err := verifies(t, keys, old); err != nil {
		t.Errorf("the old key, which the issuer still has: %v", err)
	}
	for range 50 {
		time.pass(refreshInterval / 10)
		unknown := issuer.Key()
		unknown.KeyID = rand.Text()
		if err := verifies(t, keys, fakeissuer.SignWith(t, unknown, `{}`, nil)); err == nil {
			t.Fatal("an unknown key is accepted")
		}
	}
	if n := issuer.Fetched.Load(); n > 8 {
		t.Errorf("the keys were fetched %d times in 60 s", n)
	}
}

// TestUnknownKey: once the keys are fresh, a key that is not among them is refused.
func TestUnknownKey(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, _ := keysOf(t, Source{Issuer: issuer.URL})
	unknown := issuer.Key()
	unknown.KeyID = "other"
	wantRefused(t, verifies(t, keys, fakeissuer.SignWith(t, unknown, `{}`, nil)), "other")
}

// TestKeyReplaced: an issuer that uses a name again, for a new key, is understood.
func TestKeyReplaced(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, time := keysOf(t, Source{Issuer: issuer.URL})
	if err := verifies(t, keys, issuer.Sign(t, issuer.Claims("a", nil))); err != nil {
		t.Fatal(err)
	}
	issuer.ForgetKeys()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer.AddPrivateKey("key-1", private, jose.ES256)
	renewed := issuer.Sign(t, issuer.Claims("a", nil))
	wantRefused(t, verifies(t, keys, renewed), "signature")
	time.pass(refreshInterval)
	if err := verifies(t, keys, renewed); err != nil {
		t.Error(err)
	}
}

// TestIssuerAway: known keys work while the issuer is away, for as long as keep_keys
// says; it is asked again and again, and once it is back, everything works.
func TestIssuerAway(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, time := keysOf(t, Source{Issuer: issuer.URL})
	jwt := issuer.Sign(t, issuer.Claims("a", nil))
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "SECRET "+strings.Repeat("x", 5000), http.StatusBadGateway)
	}
	issuer.Respond(away)
	err := wantUnavailable(t, verifies(t, keys, jwt), false)
	if len(err.Error()) > 500 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	issuer.Respond(nil)
	wantUnavailable(t, verifies(t, keys, jwt), false) // too early
	time.pass(refreshInterval)
	if err := verifies(t, keys, jwt); err != nil {
		t.Fatal(err)
	}
	issuer.Respond(away)
	for range 23 {
		time.pass(refreshAfter)
		if err := verifies(t, keys, jwt); err != nil {
			t.Fatal(err)
		}
		keys.running.Wait()
	}
	time.pass(2 * refreshAfter)
	wantUnavailable(t, verifies(t, keys, jwt), false)
	issuer.Respond(nil)
	time.pass(refreshInterval)
	if err := verifies(t, keys, jwt); err != nil {
		t.Fatal(err)
	}
}

// TestWithdrawnKey: a key that the issuer no longer has stops working within about an
// hour, although nobody sends an unknown one.
func TestWithdrawnKey(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, time := keysOf(t, Source{Issuer: issuer.URL})
	jwt := issuer.Sign(t, issuer.Claims("a", nil))
	if err := verifies(t, keys, jwt); err != nil {
		t.Fatal(err)
	}
	issuer.ForgetKeys()
	issuer.AddKey(t)
	time.pass(refreshAfter + 1)
	_ = verifies(t, keys, jwt) // begins to fetch
	keys.running.Wait()
	time.pass(refreshInterval)
	wantRefused(t, verifies(t, keys, jwt), "does not have")
}

// TestConcurrentFirstUses share one fetch.
func TestConcurrentFirstUses(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, _ := keysOf(t, Source{Issuer: issuer.URL})
	jwt := issuer.Sign(t, issuer.Claims("a", nil))
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := verifies(t, keys, jwt); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := issuer.Fetched.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// TestFetchedMeanwhile: a request that saw no keys, and is late to ask for them, uses those
// that another request has fetched in the meantime.
func TestFetchedMeanwhile(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, _ := keysOf(t, Source{Issuer: issuer.URL})
	_, seen := keys.trusted()
	if err := verifies(t, keys, issuer.Sign(t, issuer.Claims("a", nil))); err != nil {
		t.Fatal(err)
	}
	if err := keys.refresh(t.Context(), seen); err != nil {
		t.Error(err)
	}
	if n := issuer.Fetched.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// TestAllKeysWithdrawn: an issuer whose key set has become empty, or has only keys that
// cannot be used, has withdrawn its keys. A response that is no key set withdraws nothing.
func TestAllKeysWithdrawn(t *testing.T) {
	for body, withdrawn := range map[string]bool{
		`{"keys":[]}`: true, `{"keys":[{"kty":"future"}]}`: true, `{"keys":null}`: false, `{}`: false, `[]`: false, ``: false,
	} {
		t.Run(body, func(t *testing.T) {
			issuer := fakeissuer.New(t)
			file := filepath.Join(t.TempDir(), "keys.json")
			write := func(data string) {
				if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			set, err := json.Marshal(issuer.KeySet())
			if err != nil {
				t.Fatal(err)
			}
			write(string(set))
			keys, time := keysOf(t, Source{Issuer: issuer.URL, JWKS: file})
			jwt := issuer.Sign(t, issuer.Claims("a", nil))
			if err := verifies(t, keys, jwt); err != nil {
				t.Fatal(err)
			}
			write(body)
			time.pass(refreshAfter + 1)
			_ = verifies(t, keys, jwt) // begins to fetch
			keys.running.Wait()
			err = verifies(t, keys, jwt)
			if !withdrawn {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if unavailable := wantUnavailable(t, err, false); !strings.Contains(unavailable.Error(), "keys can be used") {
				t.Error(unavailable)
			}
			write(string(set))
			time.pass(refreshInterval)
			if err := verifies(t, keys, jwt); err != nil {
				t.Errorf("after the keys are back: %v", err)
			}
		})
	}
}

// TestSlowIssuer: an issuer that never finishes holds up nobody for longer than the
// timeout, and a client that gives up not even that long.
func TestSlowIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := NewKeys(Source{Issuer: "https://slow.example", Keep: defaultKeep}, func(error) {})
		defer keys.Close()
		keys.fetch = func(ctx context.Context) ([]jose.JSONWebKey, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		patient, impatient := make(chan error), make(chan error)
		p := &parsedJWT{algorithm: jose.ES256}
		go func() {
			_, err := keys.verify(t.Context(), p)
			patient <- err
		}()
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := keys.verify(ctx, p)
			impatient <- err
		}()
		wantUnavailable(t, <-impatient, false)
		if took := time.Since(began); took != time.Second {
			t.Errorf("the impatient client waited %s", took)
		}
		wantUnavailable(t, <-patient, false)
		if took := time.Since(began); took != fetchTimeout {
			t.Errorf("the patient client waited %s", took)
		}
	})
}

// TestLyingIssuers: documents that are wrong, huge or for somebody else are not used.
func TestLyingIssuers(t *testing.T) {
	issuer := fakeissuer.New(t)
	jwt := issuer.Sign(t, issuer.Claims("a", nil))
	discovery := func(document string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/.well-known/") {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, strings.ReplaceAll(document, "ISSUER", issuer.URL))
				return
			}
			issuer.Usual(w, r)
		}
	}
	keySet := func(write func(w http.ResponseWriter)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				write(w)
				return
			}
			issuer.Usual(w, r)
		}
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &weak.PublicKey, KeyID: "weak"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		respond http.HandlerFunc
		want    string
	}{
		"another issuer":          {discovery(`{"issuer":"https://other.example","jwks_uri":"ISSUER/keys"}`), "other.example"},
		"no issuer":               {discovery(`{"jwks_uri":"ISSUER/keys"}`), "issuer"},
		"issuer with a slash":     {discovery(`{"issuer":"ISSUER/","jwks_uri":"ISSUER/keys"}`), "issuer"},
		"no keys":                 {discovery(`{"issuer":"ISSUER"}`), "jwks_uri"},
		"keys elsewhere, by http": {discovery(`{"issuer":"ISSUER","jwks_uri":"http://other.example/keys"}`), "https"},
		"keys in a file":          {discovery(`{"issuer":"ISSUER","jwks_uri":"file:///etc/passwd"}`), "jwks_uri"},
		"no JSON":                 {discovery(`<html>`), "JSON"},
		"huge discovery":          {discovery(`{"issuer":"ISSUER","x":"` + strings.Repeat("x", maxAnswer) + `"}`), "too large"},
		"huge keys": {keySet(func(w http.ResponseWriter) {
			for range 2 * maxAnswer / 1000 {
				fmt.Fprint(w, strings.Repeat(" ", 1000))
			}
		}), "too large"},
		"many keys":       {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[{}`+strings.Repeat(",{}", maxKeys)+`]}`) }), "at most"},
		"empty keys":      {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[]}`) }), "none of"},
		"symmetric key":   {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`) }), "none of"},
		"weak key":        {keySet(func(w http.ResponseWriter) { _, _ = w.Write(public) }), "none of"},
		"keys are no set": {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `[]`) }), "Key Set"},
		"redirects for ever": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, issuer.URL+r.URL.Path+"x", http.StatusFound)
		}, "redirects"},
		"redirect to http": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
		}, "https"},
		"forbidden": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			issuer.Usual(w, r)
		}, "token_file"},
	} {
		issuer.Respond(c.respond)
		keys, _ := keysOf(t, Source{Issuer: issuer.URL})
		err := verifies(t, keys, jwt)
		if unavailable, ok := errors.AsType[*UnavailableError](err); !ok || !strings.Contains(unavailable.Error(), c.want) || len(err.Error()) > 600 {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestKeysOfOtherKinds in a set do no harm.
func TestKeysOfOtherKinds(t *testing.T) {
	issuer := fakeissuer.New(t)
	public, err := json.Marshal(issuer.KeySet().Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	keys, err := parseKeys([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed448","x":"AAAA","kid":"a"}, {"kty":"future"}, {"kty":"EC","crv":"secp256k1"}, {"kty":"RSA","n":"AQAB","e":"AQAB"},
		` + strings.Replace(string(public), `"use":"sig"`, `"use":"enc"`, 1) + `, ` + string(public) + `]}`))
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// TestAlgorithmOfKey: a key is only used with its own algorithm.
func TestAlgorithmOfKey(t *testing.T) {
	issuer := fakeissuer.New(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer.AddPrivateKey("rsa", rsaKey, jose.RS256)
	keys, _ := keysOf(t, Source{Issuer: issuer.URL})
	key := issuer.Key()
	key.Algorithm = string(jose.PS256)
	wantRefused(t, verifies(t, keys, fakeissuer.SignWith(t, key, `{}`, nil)), "does not have")
}

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

// TestChangedIsCalledOnce per outage, and once at its end.
func TestChangedIsCalledOnce(t *testing.T) {
	issuer := fakeissuer.New(t)
	keys, time := keysOf(t, Source{Issuer: issuer.URL})
	var calls []bool
	keys.changed = func(err error) { calls = append(calls, err != nil) }
	jwt := issuer.Sign(t, issuer.Claims("a", nil))
	for _, away := range []bool{true, true, false, false} {
		if issuer.Respond(nil); away {
			issuer.Respond(http.NotFound)
		}
		_ = verifies(t, keys, jwt)
		keys.running.Wait()
		time.pass(refreshAfter + refreshInterval)
	}
	if fmt.Sprint(calls) != "[true false]" {
		t.Errorf("got %v", calls)
	}
}
