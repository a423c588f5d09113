package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
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
