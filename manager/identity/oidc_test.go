package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// says is a provider that says what a test wants about the user: real ones do not say wrong
// things.
type says struct {
	*httptest.Server
	claims map[string]any
	// userInfo answers at the userinfo endpoint; without it, there is none.
	userInfo http.HandlerFunc
}

func newSays(t *testing.T) *says {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := new(says)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			configuration := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}}
			if p.userInfo != nil {
				configuration["userinfo_endpoint"] = p.URL + "/userinfo"
			}
			answer = configuration
		case "/keys":
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}}
		case "/token":
			claims := map[string]any{"iss": p.URL, "aud": "manager", "sub": "1", "nonce": "n", "exp": time.Now().Add(time.Hour).Unix()}
			maps.Copy(claims, p.claims)
			token, err := jwt.Signed(signer).Claims(claims).Serialize()
			if err != nil {
				t.Error(err)
			}
			answer = map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token}
		case "/userinfo":
			p.userInfo(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(p.Close)
	return p
}

// finish signs in and returns who that is.
func (p *says) finish(t *testing.T, claims map[string]any) (*Person, error) {
	t.Helper()
	p.claims = claims
	o := &OIDC{Issuer: p.URL, ClientID: "manager", GroupsClaim: "groups"}
	if err := o.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return o.Finish(t.Context(), p.URL+"/back", url.Values{"state": {"s"}, "code": {"c"}}, Flow{State: "s", Nonce: "n", Verifier: "v"})
}

// TestMissingClaims: a provider need not have an endpoint to ask about users, and leaves out
// groups if there are none.
func TestMissingClaims(t *testing.T) {
	refuses := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	alice := map[string]any{"email": "alice", "email_verified": true}
	for what, userInfo := range map[string]http.HandlerFunc{"no endpoint": nil, "not found": refuses(http.StatusNotFound), "forbidden": refuses(http.StatusForbidden)} {
		p := newSays(t)
		p.userInfo = userInfo
		if person, err := p.finish(t, alice); err != nil || person.Name != "alice" || len(person.Groups) > 0 {
			t.Errorf("%s, no groups: %+v, %v", what, person, err)
		}
		for missing, claims := range map[string]map[string]any{"email": {}, "null": {"email": nil}} {
			if person, err := p.finish(t, claims); person != nil || !errors.As(err, new(DeniedError)) || !strings.Contains(err.Error(), "the claim email is missing") {
				t.Errorf("%s, no %s: %+v, %v", what, missing, person, err)
			}
		}
	}
	p := newSays(t)
	p.userInfo = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"sub":"1","groups":["g"]}`)) }
	if person, err := p.finish(t, alice); err != nil || len(person.Groups) != 1 {
		t.Errorf("groups that are told when asked: %+v, %v", person, err)
	}
	p.userInfo = refuses(http.StatusInternalServerError)
	if person, err := p.finish(t, alice); err == nil {
		t.Errorf("in trouble, it could have groups: %+v", person)
	}
}

// TestTokensForOthers: an ID token that was issued to another client signs nobody in here, even if
// it is also for this one.
func TestTokensForOthers(t *testing.T) {
	p := newSays(t)
	for what, claims := range map[string]map[string]any{
		"azp of another":           {"azp": "other"},
		"two audiences, azp":       {"aud": []string{"manager", "other"}, "azp": "other"},
		"two audiences, none":      {"aud": []string{"other", "manager"}},
		"azp that is not text":     {"azp": 5},
		"azp that is empty":        {"azp": ""},
		"an audience of another":   {"aud": "other"},
		"fine":                     {"azp": "manager"},
		"fine, with two audiences": {"aud": []string{"other", "manager"}, "azp": "manager"},
		"azp in a list":            {"azp": []string{"manager"}},
	} {
		maps.Copy(claims, map[string]any{"email": "alice", "email_verified": true, "groups": []string{}})
		fine := what == "fine" || what == "fine, with two audiences"
		if person, err := p.finish(t, claims); (person != nil) != fine || (err == nil) != fine {
			t.Errorf("%s: %+v, %v", what, person, err)
		}
	}
}
