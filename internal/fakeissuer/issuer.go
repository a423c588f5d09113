// Package fakeissuer is an issuer of JWTs for tests: it serves OpenID Connect Discovery
// and its keys over HTTP, can rotate its keys and misbehave, and signs anything.
package fakeissuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an issuer of JWTs.
type Issuer struct {
	// URL is the issuer's URL.
	URL string
	// Fetched counts how often the keys were fetched.
	Fetched atomic.Int32

	mu      sync.Mutex
	keys    []jose.JSONWebKey // private, the newest last
	made    int
	server  *httptest.Server
	respond http.HandlerFunc // in place of the usual, unless nil
}

// New starts an issuer with one key. It ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := new(Issuer)
	i.server = httptest.NewServer(i)
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	i.AddKey(t)
	return i
}

// NewTLS starts an issuer with a certificate of its own: see Certificate.
func NewTLS(t testing.TB) *Issuer {
	t.Helper()
	i := new(Issuer)
	i.server = httptest.NewTLSServer(i)
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	i.AddKey(t)
	return i
}

// Certificate returns the DER form of the certificate of an issuer that was made with
// NewTLS.
func (i *Issuer) Certificate() []byte { return i.server.Certificate().Raw }

// AddKey adds a key, with which JWTs are signed from then on.
func (i *Issuer) AddKey(t testing.TB) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	i.made++
	id := fmt.Sprintf("key-%d", i.made)
	i.mu.Unlock()
	i.AddPrivateKey(id, private, jose.ES256)
}

// AddPrivateKey adds a key with this ID, with which JWTs are signed from then on.
func (i *Issuer) AddPrivateKey(id string, private crypto.Signer, algorithm jose.SignatureAlgorithm) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(algorithm), Use: "sig"})
}

// ForgetKeys removes all keys.
func (i *Issuer) ForgetKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = nil
}

// Key returns the newest private key.
func (i *Issuer) Key() jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// Respond makes the issuer respond with a handler of the test; nil for the usual one.
func (i *Issuer) Respond(handler http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.respond = handler
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	respond := i.respond
	i.mu.Unlock()
	if r.URL.Path == "/keys" {
		i.Fetched.Add(1)
	}
	if respond != nil {
		respond(w, r)
		return
	}
	i.Usual(w, r)
}

// Usual responds as usual.
func (i *Issuer) Usual(w http.ResponseWriter, r *http.Request) {
	var body any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		body = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
	case "/keys":
		body = i.KeySet()
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

// KeySet returns the public keys.
func (i *Issuer) KeySet() jose.JSONWebKeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, key := range i.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	return set
}

// Claims returns claims that are valid now, with others added or, if they are nil,
// removed. Each call makes another jti.
func (i *Issuer) Claims(audience string, others map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "repo:acme/site:ref:refs/heads/main",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text(),
	}
	maps.Copy(claims, others)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Sign returns a JWT with these claims, signed with the newest key.
func (i *Issuer) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return i.SignText(t, string(payload), nil)
}

// SignText returns a JWT with this payload, signed with the newest key, with more
// members in its header.
func (i *Issuer) SignText(t testing.TB, payload string, header map[string]any) string {
	t.Helper()
	return SignWith(t, i.Key(), payload, header)
}

// SignWith returns a JWT signed with a key.
func SignWith(t testing.TB, key jose.JSONWebKey, payload string, header map[string]any) string {
	t.Helper()
	options := new(jose.SignerOptions).WithType("JWT")
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Unsigned returns a JWT with this header and payload and any signature.
func Unsigned(header, payload string, signature []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode(signature)
}
