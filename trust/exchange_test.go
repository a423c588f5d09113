package trust_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

func TestExchange(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer))
	grant, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, nil)))
	if err != nil {
		t.Fatal(err)
	}
	record := &token.Record{Scope: token.ScopeRead}
	if err := grant.Token.Apply(record, time.Now()); err != nil {
		t.Fatal(err)
	}
	if record.Owner != "ci-site" || record.Kind != token.KindService || record.Name != "repo:acme/site:ref:refs/heads/main" ||
		record.Scope != token.ScopeWrite || record.Confine.Projects[0].Key != "SITE" {
		t.Errorf("got %+v", record)
	}
	if grant.Issuer != issuer.URL || grant.Subject != "repo:acme/site:ref:refs/heads/main" || grant.Lifetime != 15*time.Minute || grant.Scope != token.ScopeWrite {
		t.Errorf("got %+v", grant)
	}
}

// TestEveryAlgorithm: every asymmetric algorithm works, with a key that names it or not.
func TestEveryAlgorithm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, key := range map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey, jose.RS384: rsaKey, jose.RS512: rsaKey, jose.PS256: rsaKey, jose.PS512: rsaKey, jose.EdDSA: edKey,
	} {
		issuer := fakeissuer.New(t)
		issuer.AddPrivateKey("", key, algorithm) // without an ID, all keys are tried
		if _, err := exchange(newTrust(t, trusting(issuer)), issuer.Sign(t, issuer.Claims(audience, nil))); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestWrongJWTs(t *testing.T) {
	issuer := fakeissuer.New(t)
	other := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer))
	now := time.Now()
	with := func(claims map[string]any) string { return issuer.Sign(t, issuer.Claims(audience, claims)) }
	payload, err := json.Marshal(issuer.Claims(audience, nil))
	if err != nil {
		t.Fatal(err)
	}
	text := string(payload)
	header := func(members map[string]any) string { return issuer.SignText(t, text, members) }
	for name, c := range map[string]struct{ jwt, want string }{
		"empty":                     {"", "three parts"},
		"two parts":                 {"a.b", "three parts"},
		"five parts, as a JWE":      {"a.b.c.d.e", "three parts"},
		"no base64":                 {"a!.b.c", "base64url"},
		"spaces":                    {" " + with(nil), "base64url"},
		"a line break":              {strings.Replace(with(nil), ".", "\n.", 1), "base64url"},
		"padding":                   {strings.Replace(with(nil), ".", "=.", 1), "base64url"},
		"too long":                  {strings.Repeat("a", trust.MaxJWT+1), "at most"},
		"header is not an object":   {fakeissuer.Unsigned(`["ES256"]`, text, []byte("x")), "header"},
		"no algorithm":              {fakeissuer.Unsigned(`{"kid":"key-1"}`, text, []byte("x")), "algorithm"},
		"alg none":                  {fakeissuer.Unsigned(`{"alg":"none"}`, text, nil), `"none"`},
		"alg None":                  {fakeissuer.Unsigned(`{"alg":"None"}`, text, nil), `"None"`},
		"no signature":              {fakeissuer.Unsigned(`{"alg":"ES256","kid":"key-1"}`, text, nil), ""},
		"two algorithms":            {fakeissuer.Unsigned(`{"alg":"none","alg":"ES256"}`, text, []byte("x")), "duplicate"},
		"crit":                      {fakeissuer.Unsigned(`{"alg":"ES256","crit":["exp"],"exp":1}`, text, []byte("x")), "crit"},
		"b64":                       {fakeissuer.Unsigned(`{"alg":"ES256","b64":false}`, text, []byte("x")), "b64"},
		"key ID is a number":        {fakeissuer.Unsigned(`{"alg":"ES256","kid":1}`, text, []byte("x")), "kid"},
		"logout token":              {header(map[string]any{"typ": "logout+jwt"}), "logout+jwt"},
		"proof of possession":       {header(map[string]any{"typ": "dpop+jwt"}), "dpop+jwt"},
		"type is a number":          {header(map[string]any{"typ": 1}), "type"},
		"payload is not an object":  {issuer.SignText(t, `"x"`, nil), "claims"},
		"two payloads":              {issuer.SignText(t, text+text, nil), "claims"},
		"not UTF-8":                 {issuer.SignText(t, "{\"sub\":\"\xff\"}", nil), "UTF-8"},
		"duplicate claim":           {issuer.SignText(t, strings.Replace(text, `"sub":`, `"sub":"evil","sub":`, 1), nil), "duplicate"},
		"duplicate nested claim":    {issuer.SignText(t, strings.Replace(text, `{`, `{"a":{"b":1,"b":2},`, 1), nil), "duplicate"},
		"claims in other case":      {issuer.SignText(t, strings.Replace(text, `"sub"`, `"SUB"`, 1), nil), "sub"},
		"other issuer":              {with(map[string]any{"iss": "https://evil.example"}), "evil.example"},
		"issuer with a slash":       {with(map[string]any{"iss": issuer.URL + "/"}), "not trusted"},
		"no issuer":                 {with(map[string]any{"iss": nil}), "names no issuer"},
		"issuer is a list":          {with(map[string]any{"iss": []string{issuer.URL}}), "names no issuer"},
		"signed by another issuer":  {other.SignText(t, text, nil), "signature"},
		"audience of another":       {with(map[string]any{"aud": "https://other.example"}), "other.example"},
		"audience with a slash":     {with(map[string]any{"aud": audience + "/"}), "audience"},
		"no audience":               {with(map[string]any{"aud": nil}), "audience"},
		"empty audience":            {with(map[string]any{"aud": []string{}}), "audience"},
		"audience in an object":     {with(map[string]any{"aud": map[string]any{audience: true}}), "audience"},
		"audience in a nested list": {with(map[string]any{"aud": []any{[]string{audience}}}), "audience"},
		"expired":                   {with(map[string]any{"exp": now.Add(-31 * time.Second).Unix()}), "expired"},
		"no expiry":                 {with(map[string]any{"exp": nil}), "exp"},
		"expiry is a text":          {with(map[string]any{"exp": "9999999999"}), "exp"},
		"expiry is negative":        {with(map[string]any{"exp": -1}), "exp"},
		"expiry is huge":            {with(map[string]any{"exp": 1e300}), "exp"},
		"not yet valid":             {with(map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}), "nbf"},
		"issued in the future":      {with(map[string]any{"iat": now.Add(2 * time.Minute).Unix()}), "iat"},
		"nbf is a text":             {with(map[string]any{"nbf": "now"}), "nbf"},
		"valid for a year":          {with(map[string]any{"exp": now.Add(8760 * time.Hour).Unix()}), "24h"},
		"no subject":                {with(map[string]any{"sub": nil}), "sub"},
		"subject is a list":         {with(map[string]any{"sub": []string{"repo:acme/site:ref:refs/heads/main"}}), "sub"},
		"security event":            {with(map[string]any{"events": map[string]any{}}), "event"},
		"no rule":                   {with(map[string]any{"sub": "repo:evil/site:ref:refs/heads/main"}), `sub is "repo:evil/site`},
	} {
		t.Run(name, func(t *testing.T) {
			grant, err := exchange(known, c.jwt)
			if err == nil {
				t.Fatalf("exchanged for %+v", grant)
			}
			wantDetail(t, err, c.want)
			message, detail := refusal(t, err)
			if parts := strings.Split(c.jwt, "."); len(parts) == 3 && parts[2] != "" && len(parts[2]) > 8 && strings.Contains(message+detail, parts[2]) {
				t.Errorf("shows the JWT's signature: %s", detail)
			}
			if strings.Contains(message, "acme") || strings.Contains(message, "rule") {
				t.Errorf("tells the client about the rules: %s", message)
			}
		})
	}
}

// TestPublicKeyAsSecret: a public key, which everybody knows, is not a secret for HS256.
func TestPublicKeyAsSecret(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer := fakeissuer.New(t)
	issuer.AddPrivateKey("rsa", rsaKey, jose.RS256)
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(issuer.Claims(audience, nil))
	if err != nil {
		t.Fatal(err)
	}
	known := newTrust(t, trusting(issuer))
	for _, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), rsaKey.N.Bytes()} {
		for _, algorithm := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
			forged := fakeissuer.SignWith(t, jose.JSONWebKey{Key: secret, KeyID: "rsa", Algorithm: string(algorithm)}, string(payload), nil)
			_, err := exchange(known, forged)
			wantDetail(t, err, string(algorithm))
		}
	}
}

// TestKeysInTheHeader: keys that a JWT brings along, or links to, are not used.
func TestKeysInTheHeader(t *testing.T) {
	issuer := fakeissuer.New(t)
	evil := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer))
	payload, err := json.Marshal(issuer.Claims(audience, nil))
	if err != nil {
		t.Fatal(err)
	}
	public := evil.KeySet().Keys[0]
	for name, value := range map[string]any{"jwk": public, "jku": evil.URL + "/keys", "x5u": evil.URL + "/keys"} {
		if _, err := exchange(known, evil.SignText(t, string(payload), map[string]any{name: value})); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if n := evil.Fetched.Load(); n != 0 {
		t.Errorf("the keys of a JWT's header were fetched %d times", n)
	}
}

func TestAudiences(t *testing.T) {
	issuer := fakeissuer.New(t)
	config := trusting(issuer)
	config.Audiences = []string{"one", "two"}
	known := newTrust(t, config)
	for _, aud := range []any{"one", "two", []string{"other", "two"}} {
		if _, err := exchange(known, issuer.Sign(t, issuer.Claims("", map[string]any{"aud": aud}))); err != nil {
			t.Errorf("%v: %v", aud, err)
		}
	}
}

func TestLeeway(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer))
	now := time.Now()
	for name, claims := range map[string]map[string]any{
		"just expired":    {"exp": now.Add(-5 * time.Second).Unix()},
		"not quite valid": {"nbf": now.Add(20 * time.Second).Unix(), "iat": now.Add(20 * time.Second).Unix()},
		"fractions":       {"exp": float64(now.Unix()) + 60.5},
		"no nbf, no iat":  {"nbf": nil, "iat": nil},
	} {
		if _, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, claims))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneIDForOneJWT: another spelling of a JWT, or another signature of it, is still the
// same JWT.
func TestOneIDForOneJWT(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer))
	jwt := issuer.Sign(t, issuer.Claims(audience, nil))
	first, err := exchange(known, jwt)
	if err != nil {
		t.Fatal(err)
	}
	if !token.ValidID(first.ID) {
		t.Fatalf("ID %q", first.ID)
	}
	again, err := exchange(known, otherSignature(t, jwt))
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != first.ID {
		t.Errorf("with another signature, the ID is %s instead of %s", again.ID, first.ID)
	}
	// The unused bits at the end of a part of base64 can be anything.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	parts := strings.Split(jwt, ".")
	for i, part := range parts {
		if len(part)%4 == 0 {
			continue
		}
		spelled := append([]string{}, parts...)
		last := strings.IndexByte(alphabet, part[len(part)-1])
		spelled[i] = part[:len(part)-1] + string(alphabet[last^1])
		if grant, err := exchange(known, strings.Join(spelled, ".")); err == nil && grant.ID != first.ID {
			t.Errorf("part %d in another spelling: accepted as another JWT", i+1)
		}
	}
	other, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if other.ID == first.ID {
		t.Error("another JWT has the same ID")
	}
	config := trusting(issuer)
	config.Reuse = true
	if grant, err := exchange(newTrust(t, config), jwt); err != nil || grant.ID != "" {
		t.Errorf("with reuse: %+v, %v", grant, err)
	}
}

// otherSignature returns the JWT with the other ECDSA signature that anybody can make
// from the first one.
func otherSignature(t *testing.T, jwt string) string {
	t.Helper()
	i := strings.LastIndexByte(jwt, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(jwt[i:])
	if err != nil || len(signature) != 64 {
		t.Fatal(len(signature), err)
	}
	order, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(order, s).FillBytes(signature[32:])
	return jwt[:i] + base64.RawURLEncoding.EncodeToString(signature)
}

func TestAccessTokensAreNoIDTokens(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer))
	payload, err := json.Marshal(issuer.Claims(audience, nil))
	if err != nil {
		t.Fatal(err)
	}
	jwt := issuer.SignText(t, string(payload), map[string]any{"typ": "at+jwt"})
	if _, err := exchange(known, jwt); err != nil {
		t.Errorf("as jwt: %v", err)
	}
	_, err = known.Exchange(t.Context(), jwt, true)
	wantDetail(t, err, "id_token")
}

// TestSPIFFE: a JWT-SVID belongs to its trust domain, whoever it names as issuer.
func TestSPIFFE(t *testing.T) {
	issuer := fakeissuer.New(t)
	config := trusting(issuer, trust.Rule{
		When:  []trust.Condition{like("sub", "spiffe://example.org/ns/ci/sa/*")},
		Token: edit(`{"owner":"ci"}`),
	})
	config.Issuer, config.JWKS = "spiffe://example.org", issuer.URL+"/keys"
	known := newTrust(t, config)
	sign := func(claims map[string]any) string { return issuer.Sign(t, issuer.Claims(audience, claims)) }
	for _, iss := range []any{nil, "https://oidc.example.org", "spiffe://example.org"} {
		grant, err := exchange(known, sign(map[string]any{"iss": iss, "sub": "spiffe://example.org/ns/ci/sa/build"}))
		if err != nil || grant.Issuer != "spiffe://example.org" {
			t.Errorf("issuer %v: %+v, %v", iss, grant, err)
		}
	}
	for sub, want := range map[string]string{
		"spiffe://example.org":                            "trust domain",
		"spiffe://example.org.evil.example/ns/ci/sa/x":    "not trusted",
		"spiffe://other.example/ns/ci/sa/build":           "not trusted",
		"spiffe://example.org/ns/prod/sa/build":           "like",
		"https://example.org/spiffe://example.org/ns/ci/": "not trusted",
	} {
		_, err := exchange(known, sign(map[string]any{"sub": sub}))
		if err == nil {
			t.Fatalf("%s: accepted", sub)
		}
		wantDetail(t, err, want)
	}
	_, err := exchange(known, sign(map[string]any{"iss": "spiffe://example.org", "sub": "alice"}))
	wantDetail(t, err, "not trusted")
}

func FuzzExchange(f *testing.F) {
	issuer := fakeissuer.New(f)
	known := newTrust(f, trusting(issuer))
	genuine := issuer.Sign(f, issuer.Claims(audience, nil))
	grant, err := exchange(known, genuine)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(genuine)
	f.Add(fakeissuer.Unsigned(`{"alg":"none"}`, `{}`, nil))
	f.Add(fakeissuer.Unsigned(`{"alg":"ES256","kid":"key-1"}`, fmt.Sprintf(`{"iss":%q,"aud":[]}`, issuer.URL), make([]byte, 64)))
	f.Fuzz(func(t *testing.T, jwt string) {
		got, err := exchange(known, jwt)
		if err == nil && got.ID != grant.ID {
			t.Errorf("accepted %q, which the issuer has not signed", jwt)
		}
	})
}
