package handler

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// from returns a request from an address with Basic credentials.
func from(address, user, password string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/rest/api/2/issue", nil)
	if user != "" {
		r.Header.Set("Authorization", basicOf(user, password))
	}
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: address})
	return r.WithContext(context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer()))
}

// serve returns a handler's response, and whether it let the request pass.
func serve(t *testing.T, h *Handler, r *http.Request) (w *httptest.ResponseRecorder, passed bool) {
	t.Helper()
	w = httptest.NewRecorder()
	if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		passed = true
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	return w, passed
}

// TestDenialBody: the body has the form of Jira's errors and no other fields; the
// reason is in a header.
func TestDenialBody(t *testing.T) {
	h := newHandler(t, newToken(token.New(), token.ScopeRead), frontAPI, passwordsDeny)
	w, _ := serve(t, h, from("192.0.2.1", "", ""))
	var body map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if len(body) != 2 || string(body["errors"]) != "{}" || !strings.HasPrefix(string(body["errorMessages"]), `["`) {
		t.Errorf("body %s", w.Body)
	}
	if got := w.Header().Get(headerReason); got != string(ReasonNoCredentials) {
		t.Errorf("reason %q", got)
	}
	if got := w.Header().Get("WWW-Authenticate"); got != `Basic realm="Jira API tokens", charset="UTF-8"` {
		t.Errorf("challenge %q", got)
	}
}

// TestRefusalsNameThePage: what owners can mend at the token manager says where that is, to
// somebody who presented the right secret and can sign in.
func TestRefusalsNameThePage(t *testing.T) {
	secret := token.New()
	for name, c := range map[string]struct {
		edit   func(r *token.Record)
		reason Reason
		named  bool
	}{
		"expired":                {func(r *token.Record) { r.ExpiresAt = time.Now().Add(-time.Hour) }, ReasonTokenExpired, true},
		"disabled":               {func(r *token.Record) { r.Status = token.StatusDisabled }, ReasonTokenDisabled, true},
		"the scope":              {func(*token.Record) {}, ReasonScopeInsufficient, true},
		"network":                {func(r *token.Record) { r.Networks.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, ReasonNetworkDenied, true},
		"pending":                {func(r *token.Record) { r.Status = token.StatusPending }, ReasonTokenPending, false},
		"somebody outside":       {func(r *token.Record) { r.Kind = token.KindExternal }, ReasonScopeInsufficient, false},
		"somebody else's secret": {func(r *token.Record) { r.Owner = "bob" }, ReasonInvalidToken, false},
	} {
		app := newToken(secret, token.ScopeRead)
		c.edit(app.record)
		w, _ := serve(t, newHandler(t, app, frontAPI, passwordsDeny), from("192.0.2.1", "alice", secret.Reveal()))
		if got := w.Header().Get(headerReason); got != string(c.reason) {
			t.Errorf("%s: the reason is %s", name, got)
		}
		if named := strings.Contains(w.Body.String(), "can see to it at https://jira.example.com/tokens."); named != c.named {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
}

// TestUserPlaceholders: only an allowed owner is the user. As with Caddy's own
// authentication, others are candidates.
func TestUserPlaceholders(t *testing.T) {
	for name, test := range map[string]struct {
		scope           token.Scope
		user            string
		wantUser, wantC string
	}{
		"passes":      {token.ScopeWrite, "alice", "alice", ""},
		"may not":     {token.ScopeRead, "alice", "", "alice"},
		"wrong owner": {token.ScopeWrite, "bob", "", ""},
	} {
		app := newToken(token.New(), test.scope)
		r := from("192.0.2.1", test.user, app.Reveal())
		serve(t, newHandler(t, app, frontAPI, passwordsDeny), r)
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		user, _ := repl.GetString("http.auth.user.id")
		candidate, _ := repl.GetString("http.auth.candidate.id")
		if user != test.wantUser || candidate != test.wantC {
			t.Errorf("%s: user %q, candidate %q", name, user, candidate)
		}
	}
}

// TestKnownTokensPassAtABlockedAddress: a client that guesses does not block others
// at its address, but is blocked itself.
func TestKnownTokensPassAtABlockedAddress(t *testing.T) {
	app := newCachedToken(t, token.ScopeWrite)
	app.limits = &limits.Limits{Counters: limits.NewCounters(nil, nil, nil), Failures: token.Limit{Requests: 3, Period: time.Hour}}
	h := newHandler(t, app, frontAPI, passwordsDeny)
	const shared = "192.0.2.1"
	ask := func(user, secret string) string {
		w, passed := serve(t, h, from(shared, user, secret))
		if passed {
			return "passes"
		}
		return w.Header().Get(headerReason)
	}
	if got := ask("alice", app.Reveal()); got != "passes" {
		t.Fatal(got)
	}
	fresh := token.New()
	for range 3 {
		if got := ask("mallory", fresh.Reveal()); got != string(ReasonInvalidToken) {
			t.Fatal(got)
		}
	}
	wrong, err := token.WithID(app.ID())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if got := ask("alice", app.Reveal()); got != "passes" {
			t.Errorf("%d: known token denied: %s", i, got)
		}
		for name, got := range map[string]string{
			"an unknown one":   ask("alice", fresh.Reveal()),
			"a wrong secret":   ask("alice", wrong.Reveal()),
			"another's":        ask("bob", app.Reveal()),
			"garbage":          ask("alice", "jt_garbage"),
			"Jira's password":  ask("alice", "hunter2"),
			"no password":      ask("alice", ""),
			"a token, damaged": ask("alice", swapLast(app.Reveal())),
		} {
			if got != string(ReasonTooManyFailures) {
				t.Errorf("%d: %s: %s", i, name, got)
			}
		}
	}
}

// TestColdTokenPassesAtABlockedAddress: a valid token that is not in the cache gets
// through after a while, without a denial for each guess being a lookup.
func TestColdTokenPassesAtABlockedAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &lookedUp{oneToken: newToken(token.New(), token.ScopeWrite)}
		app.limits = &limits.Limits{Counters: limits.NewCounters(nil, nil, nil), Failures: token.Limit{Requests: 3, Period: time.Hour}}
		h := newHandler(t, app, frontAPI, passwordsDeny)
		ask := func(secret token.Token) (reason string, passed bool) {
			w, passed := serve(t, h, from("192.0.2.1", "alice", secret.Reveal()))
			return w.Header().Get(headerReason), passed
		}
		for range 3 {
			ask(token.New())
		}
		if reason, passed := ask(app.Token); passed || reason != string(ReasonTooManyFailures) || app.lookups != 3 {
			t.Errorf("right away: %q, %v, %d lookups", reason, passed, app.lookups)
		}
		time.Sleep(time.Second)
		if reason, passed := ask(app.Token); !passed {
			t.Errorf("after a second: %s", reason)
		}
		app.lookups = 0
		for range 100 { // in ten seconds
			if reason, _ := ask(token.New()); reason != string(ReasonTooManyFailures) {
				t.Fatalf("a guess: %q", reason)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if app.lookups > 10 {
			t.Errorf("100 guesses in ten seconds caused %d lookups", app.lookups)
		}
	})
}

// lookedUp is an app with an empty cache that counts lookups.
type lookedUp struct {
	oneToken
	lookups int
}

func (*lookedUp) Known(token.Token) bool { return false }

func (l *lookedUp) Lookup(ctx context.Context, presented token.Token) (*token.Record, error) {
	l.lookups++
	return l.oneToken.Lookup(ctx, presented)
}

// rotatedToken is an app whose last rotation replaced the token.
type rotatedToken struct{ oneToken }

func (o rotatedToken) Lookup(_ context.Context, presented token.Token) (*token.Record, error) {
	if presented != o.Token {
		return nil, token.ErrNotFound
	}
	return o.record, token.ErrRotated
}

// TestRotatedToken: the holder of a token that the last rotation replaced is told so,
// and does not count as guessing.
func TestRotatedToken(t *testing.T) {
	rotated := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		overlap time.Duration
		reason  Reason
	}{
		"without an overlap": {0, ReasonInvalidToken},
		"after an overlap":   {time.Hour, ReasonTokenRotated},
	} {
		t.Run(name, func(t *testing.T) {
			record := &token.Record{ID: "4fT0aB9xYz", Owner: "alice", RotatedAt: rotated, PreviousUntil: rotated.Add(c.overlap)}
			app := rotatedToken{newOneToken(token.New(), record)}
			app.limits = &limits.Limits{Counters: limits.NewCounters(nil, nil, nil), Failures: token.Limit{Requests: 3, Period: time.Hour}}
			h := newHandler(t, app, frontAPI, passwordsDeny)
			for range 5 { // more failures than the limit
				w, passed := serve(t, h, from("192.0.2.1", "alice", app.Reveal()))
				if got := w.Header().Get(headerReason); passed || got != string(c.reason) {
					t.Fatalf("the old token: %q, want %s", got, c.reason)
				}
				if !strings.Contains(w.Body.String(), "was replaced on") {
					t.Fatalf("its holder was told %s", w.Body)
				}
			}
			w, _ := serve(t, h, from("192.0.2.1", "bob", app.Reveal()))
			if got := w.Header().Get(headerReason); got != string(ReasonInvalidToken) || strings.Contains(w.Body.String(), "replaced") {
				t.Errorf("somebody who does not know the owner was told %s, %s", got, w.Body)
			}
		})
	}
}

// TestDenialLinesAreBounded: the log lines are limited in number per client, and in
// length.
func TestDenialLinesAreBounded(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	h := newHandler(t, newToken(token.New(), token.ScopeRead), frontAPI, passwordsDeny)
	h.logger = zap.New(core)
	now := time.Unix(1_800_000_000, 0)
	h.now = func() time.Time { return now }
	flood := func(address string, n int) {
		for range n {
			r := from(address, "", "")
			r.URL.Path = "/rest/" + strings.Repeat("ü", 5000)
			r.Host, r.Method = strings.Repeat("h", 5000), strings.Repeat("M", 5000)
			serve(t, h, r)
		}
	}
	flood("192.0.2.1", 100)
	if n := lines.Len(); n != maxDenialLines {
		t.Errorf("%d lines for 100 requests", n)
	}
	flood("198.51.100.1", 1)
	if n := lines.Len(); n != maxDenialLines+1 {
		t.Errorf("%d lines with another client", n)
	}
	now = now.Add(time.Second)
	lines.TakeAll()
	flood("192.0.2.1", 2)
	all := lines.TakeAll()
	if len(all) != 2 || all[0].ContextMap()["left_out"] != uint64(90) || all[1].ContextMap()["left_out"] != nil {
		t.Errorf("in the next second: %v", all)
	}
	for field, value := range all[0].ContextMap() {
		if text, ok := value.(string); ok && len(text) > maxLoggedPath+len("…") {
			t.Errorf("%s has %d bytes", field, len(text))
		}
	}
}

func TestDenialsOfOneClient(t *testing.T) {
	record := newToken(token.New(), token.ScopeRead).record
	key := func(reason Reason, record *token.Record, address string) DenialKind {
		d := &Decision{denied: deny(reason, ""), Record: record, Address: netip.MustParseAddr(address)}
		return d.logKind()
	}
	if key(ReasonInvalidToken, nil, "2001:db8::1") != key(ReasonInvalidToken, nil, "2001:db8::2") {
		t.Error("addresses of one network are counted separately")
	}
	if key(ReasonPathDenied, record, "192.0.2.1") != key(ReasonPathDenied, record, "192.0.2.2") {
		t.Error("addresses of one token are counted separately")
	}
	if key(ReasonPathDenied, record, "192.0.2.1") == key(ReasonNetworkDenied, record, "192.0.2.1") {
		t.Error("two reasons are counted together")
	}
}

// swapLast returns a token with its last character changed.
func swapLast(secret string) string {
	last := "x"
	if strings.HasSuffix(secret, last) {
		last = "y"
	}
	return secret[:len(secret)-1] + last
}
