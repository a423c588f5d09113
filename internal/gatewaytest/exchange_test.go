package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

const (
	exchangePath = "/rest/jira-tokens/1/token"
	formHeader   = "Content-Type: application/x-www-form-urlencoded\r\n"
	jwtAudience  = "https://jira.example.com"
)

// trusting returns the lines of jira_tokens that trust an issuer.
func trusting(issuer *fakeissuer.Issuer, more string) string {
	return fmt.Sprintf("trust %s {\naudience %s\nwhen sub like repo:acme/* {\nowner ci-site\nscope write\n%s\n}\n}\n", issuer.URL, jwtAudience, more)
}

// jwt returns a JWT, which must not reach the log or Jira.
func (g *gateway) jwt(issuer *fakeissuer.Issuer, claims map[string]any) string {
	g.t.Helper()
	jwt := issuer.Sign(g.t, issuer.Claims(jwtAudience, claims))
	g.guardJWT(jwt)
	return jwt
}

func (g *gateway) guardJWT(jwt string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = append(g.tokens, jwt, jwt[strings.LastIndexByte(jwt, '.')+1:])
}

// exchange sends a JWT for a token.
func (g *gateway) exchange(jwt string) answer {
	g.t.Helper()
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {jwt},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
	}
	return g.do("POST", exchangePath, formHeader, form.Encode())
}

// exchangedToken is the answer to an exchange.
type exchangedToken struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	ID          string
	Owner       string
}

func (g *gateway) exchanged(a answer) exchangedToken {
	g.t.Helper()
	var got exchangedToken
	if err := json.Unmarshal([]byte(a.body), &got); a.status != http.StatusOK || err != nil || got.AccessToken == "" {
		g.t.Fatalf("exchange: %s, %v", a, err)
	}
	g.guard(got.Owner, got.AccessToken)
	return got
}

// wantOAuthError checks an error response in the form of RFC 6749.
func wantOAuthError(t *testing.T, g *gateway, a answer, status int, reason, code string) {
	t.Helper()
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != status || a.reason() != reason || body.Error != code || body.Description == "" ||
		a.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("got %s %v, want HTTP %d %s and %s", a, a.header, status, reason, code)
	}
	if seen := g.up.take(); len(seen) > 0 {
		t.Errorf("Jira got %v", seen)
	}
}

// TestExchangedToken: a workload gets a token for its JWT, once; it works like any other,
// is listed and on the trail, and its holder can end it.
func TestExchangedToken(t *testing.T) {
	issuer := fakeissuer.New(t)
	issuer.Respond(http.NotFound) // Caddy starts while the issuer is away
	g := startGateway(t, options{apps: "max_failures 8/h\n" + trusting(issuer, "lifetime 15m")})
	issuer.Respond(nil)
	jwt := g.jwt(issuer, nil)
	a := g.exchange(jwt)
	got := g.exchanged(a)
	if got.Owner != "ci-site" || got.ExpiresIn < 800 || got.ExpiresIn > 900 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %+v %v", got, a.header)
	}
	g.check(t, g.do("GET", issuePath, "Authorization: Bearer "+got.AccessToken+"\r\n"), passes)
	g.check(t, g.do("GET", issuePath, basic("ci-site", got.AccessToken)), passes)
	wantOAuthError(t, g, g.exchange(jwt), 400, "exchange_refused", "invalid_request")
	wantOAuthError(t, g, g.do("POST", exchangePath, formHeader, "grant_type=x"), 400, "invalid_request", "unsupported_grant_type")
	wantOAuthError(t, g, g.do("POST", exchangePath, formHeader, "x="+strings.Repeat("x", 100_000)), 413, "body_too_large", "invalid_request")

	out := g.token("list", "--exchanged", "--output", "json").out
	if !strings.Contains(out, got.ID) || !strings.Contains(out, issuer.URL) {
		t.Errorf("list --exchanged: %s", out)
	}
	if out := g.token("list", "--exchanged=false", "--output", "json").out; strings.Contains(out, got.ID) {
		t.Errorf("list --exchanged=false: %s", out)
	}
	var page struct{ Events []json.RawMessage }
	g.call("GET", "/jira_tokens/audit?token="+got.ID, nil, http.StatusOK, &page)
	if len(page.Events) == 0 || !strings.Contains(string(page.Events[0]), `"exchange"`) || !strings.Contains(string(page.Events[0]), "repo:acme/site") || !strings.Contains(string(page.Events[0]), issuer.URL) {
		t.Errorf("events %s", page.Events)
	}

	// Known keys outlive a reload and the issuer.
	issuer.Respond(http.NotFound)
	o := g.options
	o.apps = "max_failures 8/h\n" + trusting(issuer, "lifetime 30m")
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	after := g.exchanged(g.exchange(g.jwt(issuer, nil)))
	if after.ExpiresIn < 1700 {
		t.Errorf("after the reload: %+v", after)
	}
	if a := g.do("DELETE", "/rest/jira-tokens/1/self", basic("ci-site", after.AccessToken)); a.status != http.StatusNoContent {
		t.Errorf("ending it: %s", a)
	}
	g.check(t, g.do("GET", issuePath, basic("ci-site", after.AccessToken)), refused(401, "token_revoked"))

	// The log says precisely why a JWT is refused, and the client learns little. Too many
	// of these block the address.
	refusedJWT := g.jwt(issuer, map[string]any{"sub": "repo:evil/site"})
	for range 7 { // with the one above, eight
		a := g.exchange(refusedJWT)
		wantOAuthError(t, g, a, 400, "exchange_refused", "invalid_request")
		if strings.Contains(a.body, "acme") || strings.Contains(a.body, "evil") {
			t.Errorf("tells the client %s", a.body)
		}
	}
	g.eventuallyLogged(t, `sub is \"repo:evil/site\", expected like repo:acme/*`)
	wantOAuthError(t, g, g.exchange(refusedJWT), 429, "too_many_failures", "temporarily_unavailable")
	g.check(t, g.do("GET", issuePath, basic("ci-site", got.AccessToken)), passes)
}

// TestExchangeOnTwoGateways: of two gateways that share a store, one exchanges a JWT, and
// both know the token.
func TestExchangeOnTwoGateways(t *testing.T) {
	issuer, redis := fakeissuer.New(t), redistest.Start(t)
	a := startGateway(t, options{store: redisStore(redis), apps: trusting(issuer, "")})
	b := startGateway(t, options{store: redisStore(redis), apps: trusting(issuer, ""), upstream: a.up})
	for range 5 {
		jwt := a.jwt(issuer, nil)
		b.guardJWT(jwt)
		var group sync.WaitGroup
		var got atomic.Pointer[answer]
		for _, g := range []*gateway{a, b, a, b} {
			group.Go(func() {
				answer := g.exchange(jwt)
				if answer.status != http.StatusOK {
					if answer.reason() != "exchange_refused" {
						t.Errorf("got %s", answer)
					}
				} else if !got.CompareAndSwap(nil, &answer) {
					t.Error("a JWT was exchanged twice")
				}
			})
		}
		group.Wait()
		if got.Load() == nil {
			t.Fatal("the JWT was not exchanged")
		}
		tok := a.exchanged(*got.Load())
		b.guard(tok.Owner, tok.AccessToken)
		for _, g := range []*gateway{a, b} {
			g.check(t, g.do("GET", issuePath, basic(tok.Owner, tok.AccessToken)), passes)
		}
	}
}

// TestTrustTest: the command says what a JWT can be exchanged for, rule by rule.
func TestTrustTest(t *testing.T) {
	issuer := fakeissuer.New(t)
	g := startGateway(t, options{apps: trusting(issuer, "")})
	jwt := g.jwt(issuer, nil)
	if r := g.tokenWith(jwt+"\n", "trust", "test"); r.code != 0 || !strings.Contains(r.out, "matches") || !strings.Contains(r.out, `owner: "ci-site"`) {
		t.Errorf("got %s", r)
	}
	if r := g.tokenWith(g.jwt(issuer, map[string]any{"sub": "repo:evil/site", "exp": 1}), "trust", "test"); r.code == 0 || !strings.Contains(r.out, "expected like repo:acme/*") || !strings.Contains(r.err, "expired") {
		t.Errorf("got %s", r)
	}
	g.exchanged(g.exchange(jwt)) // it was not used up
}

// TestAnotherJWTIsNoOtherBudget: whoever has used up what the tokens for JWTs of an issuer may
// change gets another token for another JWT, but no other budget, nor by a restart.
func TestAnotherJWTIsNoOtherBudget(t *testing.T) {
	issuer := fakeissuer.New(t)
	g := startGateway(t, options{store: redisStore(redistest.Start(t)), apps: trusting(issuer, "limit_writes 2/d")})
	another := func() issued {
		tok := g.exchanged(g.exchange(g.jwt(issuer, nil)))
		return issued{Owner: tok.Owner, Token: tok.AccessToken}
	}
	first := another()
	g.check(t, g.change(first, heldBody), passes)
	g.check(t, g.change(another(), heldBody), passes)
	for range 2 {
		for _, tok := range []issued{first, another()} {
			g.check(t, g.change(tok, heldBody), refused(429, "rate_limited"))
			g.check(t, g.do("GET", issuePath, tok.basic()), passes)
		}
		g.stop()
		g.start()
	}
}

// TestIssuerWithdrawsItsKeys: an issuer whose key set becomes empty has withdrawn its keys.
// A JWT that was signed with one of them gets no token from then on; tokens go on working.
func TestIssuerWithdrawsItsKeys(t *testing.T) {
	issuer := fakeissuer.New(t)
	g := startGateway(t, options{apps: "max_failures off\n" + trusting(issuer, "")})
	tok := g.exchanged(g.exchange(g.jwt(issuer, nil)))
	signedBefore := g.jwt(issuer, nil)
	issuer.AddKey(t)
	signedAfter := g.jwt(issuer, nil)
	issuer.Respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			issuer.Usual(w, r)
			return
		}
		fmt.Fprint(w, `{"keys":[]}`)
	})
	fetched := issuer.Fetched.Load()
	eventually(t, "the keys to be fetched again, some seconds after the first time", func() error {
		wantOAuthError(t, g, g.exchange(signedAfter), 503, "issuer_unavailable", "temporarily_unavailable")
		if issuer.Fetched.Load() == fetched {
			return errors.New("not yet")
		}
		return nil
	})
	a := g.exchange(signedBefore)
	wantOAuthError(t, g, a, 503, "issuer_unavailable", "temporarily_unavailable")
	if n := g.tokensOf("ci-site"); a.header.Get("Retry-After") == "" || strings.Contains(a.body, "jt_") || n != 1 {
		t.Errorf("%d tokens: %s", n, a)
	}
	g.check(t, g.do("GET", issuePath, basic("ci-site", tok.AccessToken)), passes)
}
