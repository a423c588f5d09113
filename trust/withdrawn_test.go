package trust

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
)

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

// TestAllKeysWithdrawn: an issuer whose key set has become empty, or has only keys that
// cannot be used, has withdrawn its keys. A response that is not a key set withdraws nothing.
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
