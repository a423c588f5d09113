package trust

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
)

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
		"many keys":     {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[{}`+strings.Repeat(",{}", maxKeys)+`]}`) }), "at most"},
		"empty keys":    {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[]}`) }), "none of"},
		"symmetric key": {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`) }), "none of"},
		"weak key":      {keySet(func(w http.ResponseWriter) { _, _ = w.Write(public) }), "none of"},
		"not a key set": {keySet(func(w http.ResponseWriter) { fmt.Fprint(w, `[]`) }), "Key Set"},
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
