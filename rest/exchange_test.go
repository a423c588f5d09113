package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

const audience = "https://jira.example.com"

// trusting makes a gateway trust an issuer, by a rule with these fields of a token.
func (g *gateway) trusting(issuer *fakeissuer.Issuer, fields map[string]any) {
	g.t.Helper()
	edit, err := token.NewEdit(fields)
	if err != nil {
		g.t.Fatal(err)
	}
	known, err := trust.New([]trust.Issuer{{
		Issuer: issuer.URL, Audiences: []string{audience},
		Rules: []trust.Rule{{When: []trust.Condition{{Claim: "sub", Op: trust.OpLike, Values: []string{"repo:acme/*"}}}, Token: edit}},
	}}, func(source trust.Source) (*trust.Keys, error) {
		keys := trust.NewKeys(source, func(error) {})
		g.t.Cleanup(keys.Close)
		return keys, nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	options := g.Options
	options.Trust = known
	g.API = New(options)
}

// form returns a request for a token, with parameters changed or, if they are empty, left
// out.
func form(jwt string, others ...string) string {
	values := url.Values{"grant_type": {grantTokenExchange}, "subject_token": {jwt}, "subject_token_type": {typeJWT}}
	for i := 0; i < len(others); i += 2 {
		if values.Set(others[i], others[i+1]); others[i+1] == "" {
			values.Del(others[i])
		}
	}
	return values.Encode()
}

const formType = "Content-Type: application/x-www-form-urlencoded"

// exchange asks for a token.
func (g *gateway) exchange(body string) answer {
	g.t.Helper()
	return g.call(http.MethodPost, "1/token", body, token.Token{}, formType)
}

// TestExchange: the answer has what RFC 8693 says, and the token what the rule says.
func TestExchange(t *testing.T) {
	g, issuer := newGateway(t), fakeissuer.New(t)
	g.trusting(issuer, map[string]any{"owner": "ci-site", "scope": "write"})
	for _, c := range []struct{ scope, want string }{{"", "write"}, {"write", "write"}, {"read", "read"}} {
		var got exchanged
		w := g.exchange(form(issuer.Sign(t, issuer.Claims(audience, nil)), "scope", c.scope))
		decodeInto(t, w, &got)
		if got.IssuedTokenType != typeAccessToken || got.TokenType != "Bearer" || got.Scope != c.want || got.Owner != "ci-site" || got.ExpiresIn < 890 || got.ExpiresIn > 900 {
			t.Errorf("got %+v", got)
		}
		if w.Header().Get("Pragma") != "no-cache" {
			t.Error("the response can be cached")
		}
		record, err := g.Registry.Lookup(t.Context(), parsed(t, got.AccessToken))
		if err != nil || record.ID != got.ID || record.Scope.String() != c.want || record.Issuer != issuer.URL || record.Kind != token.KindService {
			t.Errorf("got %+v, %v", record, err)
		}
	}
	for _, params := range [][]string{
		{"requested_token_type", typeAccessToken}, {"subject_token_type", typeIDToken}, {"audience", audience}, {"resource", audience}, {"client_id", "x"},
	} {
		if w := g.exchange(form(issuer.Sign(t, issuer.Claims(audience, nil)), params...)); w.failed != nil {
			t.Errorf("%v: %+v", params, w.failed)
		}
	}
}

func TestExchangeRequests(t *testing.T) {
	g, issuer := newGateway(t), fakeissuer.New(t)
	g.trusting(issuer, map[string]any{"owner": "ci-site", "scope": "write"})
	jwt := issuer.Sign(t, issuer.Claims(audience, nil))
	for name, c := range map[string]struct{ body, contentType, code string }{
		"empty":                   {"", formType, codeUnsupportedGrant},
		"no grant":                {form(jwt, "grant_type", ""), formType, codeUnsupportedGrant},
		"other grant":             {form(jwt, "grant_type", "client_credentials"), formType, codeUnsupportedGrant},
		"no JWT":                  {form(""), formType, codeInvalidRequest},
		"no type":                 {form(jwt, "subject_token_type", ""), formType, codeInvalidRequest},
		"other type":              {form(jwt, "subject_token_type", typeAccessToken), formType, codeInvalidRequest},
		"SAML":                    {form(jwt, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), formType, codeInvalidRequest},
		"refresh token wanted":    {form(jwt, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), formType, codeInvalidRequest},
		"actor":                   {form(jwt, "actor_token", "x"), formType, codeInvalidRequest},
		"two JWTs":                {form(jwt) + "&subject_token=" + jwt, formType, codeInvalidRequest},
		"two scopes":              {form(jwt, "scope", "read write"), formType, codeInvalidScope},
		"more than the rule":      {form(jwt, "scope", "admin"), formType, codeInvalidScope},
		"unknown scope":           {form(jwt, "scope", "openid"), formType, codeInvalidScope},
		"read-all":                {form(jwt, "scope", "read-all"), formType, codeInvalidScope},
		"other target":            {form(jwt, "resource", "https://other.example"), formType, codeInvalidTarget},
		"other audience":          {form(jwt, "audience", "other"), formType, codeInvalidTarget},
		"JSON":                    {`{"subject_token":"` + jwt + `"}`, "Content-Type: application/json", codeInvalidRequest},
		"no content type":         {form(jwt), "X: y", codeInvalidRequest},
		"semicolons":              {strings.ReplaceAll(form(jwt), "&", ";"), formType, codeInvalidRequest},
		"bad escape":              {form(jwt) + "&x=%zz", formType, codeInvalidRequest},
		"JWT is somebody's token": {form(token.New().Reveal()), formType, codeInvalidRequest},
	} {
		w := g.call(http.MethodPost, "1/token", c.body, token.Token{}, c.contentType)
		if w.failed == nil || w.failed.Code != c.code {
			t.Errorf("%s: HTTP %d %+v", name, w.Code, w.failed)
			continue
		}
		for _, text := range []string{w.failed.Message, fmt.Sprint(w.failed.Cause)} {
			if jwt != "" && (strings.Contains(text, jwt) || strings.Contains(text, "jt_")) {
				t.Errorf("%s: shows a secret: %s", name, text)
			}
		}
	}
	// None of these has used the JWT up.
	if w := g.exchange(form(jwt)); w.failed != nil {
		t.Errorf("afterwards: %+v", w.failed)
	}
	if w := g.exchange(form(jwt)); w.reason() != handler.ReasonExchangeRefused || !w.failed.Guess || !strings.Contains(w.failed.Message, "exchanged before") {
		t.Errorf("again: %+v", w.failed)
	}
}

// TestExchangeFailures: what the client gets for a JWT that is not accepted says nothing
// about the rules; the log says it precisely.
func TestExchangeFailures(t *testing.T) {
	g, issuer := newGateway(t), fakeissuer.New(t)
	g.trusting(issuer, map[string]any{"owner": "ci-site", "scope": "write"})
	w := g.exchange(form(issuer.Sign(t, issuer.Claims(audience, map[string]any{"sub": "repo:evil/site"}))))
	if w.reason() != handler.ReasonExchangeRefused || !w.failed.Guess || strings.Contains(w.failed.Message, "acme") ||
		!strings.Contains(w.failed.Cause.Error(), `sub is "repo:evil/site", expected like repo:acme/*`) {
		t.Errorf("no rule: %+v", w.failed)
	}
	issuer.Respond(http.NotFound)
	away, other := newGateway(t), fakeissuer.New(t)
	other.Respond(http.NotFound)
	away.trusting(other, map[string]any{"owner": "ci-site"})
	w = away.exchange(form(other.Sign(t, other.Claims(audience, nil))))
	if w.reason() != handler.ReasonIssuerUnavailable || w.failed.Guess || w.failed.RetryAfter <= 0 {
		t.Errorf("issuer away: %+v", w.failed)
	}
	body, err := json.Marshal(oauthError(w.failed.Reason, w.failed.Code, w.failed.Message))
	if err != nil || !strings.HasPrefix(string(body), `{"error":"temporarily_unavailable","error_description":"`) {
		t.Errorf("%s, %v", body, err)
	}
	// The keys of the first issuer are known.
	if w := g.exchange(form(issuer.Sign(t, issuer.Claims(audience, nil)))); w.failed != nil {
		t.Errorf("issuer away, key known: %+v", w.failed)
	}
	account := newGateway(t)
	account.trusting(issuer, map[string]any{"owner": "ci-site", "account": "nobody"})
	issuer.Respond(nil)
	w = account.exchange(form(issuer.Sign(t, issuer.Claims(audience, nil))))
	if w.reason() != handler.ReasonExchangeRefused || w.failed.Guess || !strings.Contains(w.failed.Cause.Error(), "nobody") || strings.Contains(w.failed.Message, "nobody") {
		t.Errorf("no such account: %+v", w.failed)
	}
}

// TestExchangeFromElsewhere: no token is issued to an address from which it would not
// work, and the JWT is not used up.
func TestExchangeFromElsewhere(t *testing.T) {
	g, issuer := newGateway(t), fakeissuer.New(t)
	g.trusting(issuer, map[string]any{"owner": "ci-site", "allow_ip": []string{"198.51.100.0/24"}})
	jwt := issuer.Sign(t, issuer.Claims(audience, nil))
	if w := g.exchange(form(jwt)); w.reason() != handler.ReasonNetworkDenied || !strings.Contains(w.failed.Message, "192.0.2.7") {
		t.Errorf("got %+v", w.failed)
	}
	g.trusting(issuer, map[string]any{"owner": "ci-site", "allow_ip": []string{netip.MustParsePrefix("192.0.2.0/24").String()}})
	if w := g.exchange(form(jwt)); w.failed != nil {
		t.Errorf("got %+v", w.failed)
	}
}

// TestNoTrust: without trusted issuers, there is no such endpoint.
func TestNoTrust(t *testing.T) {
	if match := newGateway(t).Find(http.MethodPost, "1/token"); match.Endpoint != nil || len(match.Methods) > 0 {
		t.Errorf("got %+v", match)
	}
}

func FuzzExchange(f *testing.F) {
	for _, seed := range []string{form("a.b.c"), form(""), "subject_token=%", "a;b", strings.Repeat("a=b&", 2000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request, err := readExchange(r)
		if err == nil && request.jwt == "" {
			t.Error("accepted without a JWT")
		}
	})
}
