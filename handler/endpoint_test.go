package handler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// testEndpoints are endpoints with each kind of need. They answer with what they know.
type testEndpoints struct{}

func (testEndpoints) Find(method, path string) (match EndpointMatch) {
	for _, e := range []Endpoint{
		{Method: "GET", Path: "1/anyone", Needs: NeedsNothing, Does: "greets anyone"},
		{Method: "POST", Path: "1/link/{link}", Needs: NeedsNothing, SecretPath: true, Does: "opens a link"},
		{Method: "DELETE", Path: "1/token", Needs: NeedsSecret, Does: "ends the token"},
		{Method: "GET", Path: "1/token", Needs: NeedsToken, Does: "shows the token"},
		{Method: "POST", Path: "1/token", Needs: NeedsToken, MaxBody: 10, Does: "changes the token"},
		{Method: "GET", Path: "1/fails/{how}", Needs: NeedsNothing, Does: "fails"},
	} {
		prefix, _, hasParameter := strings.Cut(e.Path, "{")
		if path != e.Path && !(hasParameter && strings.HasPrefix(path, prefix)) {
			continue
		}
		match.Methods = append(match.Methods, e.Method)
		if method == e.Method || method == "HEAD" && e.Method == "GET" {
			e.Serve = answerCall
			return EndpointMatch{Endpoint: &e, Parameter: strings.TrimPrefix(path, prefix)}
		}
	}
	return match
}

func answerCall(w http.ResponseWriter, r *http.Request, call Call) error {
	switch call.Parameter {
	case "guess":
		return &EndpointError{Reason: ReasonUnknownEndpoint, Message: "no such link", Guess: true}
	case "page":
		return &EndpointError{Reason: ReasonConflict, Message: "taken", Page: []byte("<p>taken")}
	case "store":
		return fmt.Errorf("opening: %w", token.ErrUnavailable)
	case "other":
		return errors.New("a secret cause")
	}
	if _, err := io.ReadAll(r.Body); err != nil {
		return &EndpointError{Reason: ReasonBodyTooLarge, Message: "too large", Cause: err}
	}
	id := "nobody"
	if call.Record != nil {
		id = call.Record.ID
	}
	_, err := io.WriteString(w, id+" "+call.Address.String()+" "+call.BaseURL)
	return err
}

// endpointApp is an app that records outcomes and uses.
type endpointApp struct {
	oneToken
	outcomes *[]Outcome
	used     *int
	standing policy.Standing
}

func newEndpointApp(scope token.Scope) endpointApp {
	app := endpointApp{newToken(token.New(), scope), new([]Outcome), new(int), policy.Standing{}}
	app.standing.Rights = app.rights
	app.noAccount = errors.New("there is no account")
	app.limits = &limits.Limits{Counters: limits.NewCounters(nil, nil, nil)}
	return app
}

func (a endpointApp) Decided(o Outcome)                      { *a.outcomes = append(*a.outcomes, o) }
func (a endpointApp) Used(string, netip.Addr, string)        { *a.used++ }
func (a endpointApp) Standing(*token.Record) policy.Standing { return a.standing }

// ask returns a request from 192.0.2.1 with headers, each "Name: value".
func ask(method, path, body string, headers ...string) *http.Request {
	r := from("192.0.2.1", "", "")
	r.Method = method
	r.RequestURI = path
	u, err := url.ParseRequestURI(path)
	if err != nil {
		panic(err)
	}
	r.URL = u
	r.Host, r.Body, r.ContentLength = "gateway.example", io.NopCloser(strings.NewReader(body)), int64(len(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	return r
}

const own = "/rest/jira-tokens/"

// TestEndpoints: whatever the front, requests to the gateway's own endpoints are
// answered by them once the steps that they need are taken, and never reach Jira.
func TestEndpoints(t *testing.T) {
	app := newEndpointApp(token.ScopeRead)
	basic, bearer := "Authorization: "+basicOf("alice", app.Reveal()), "Authorization: Bearer "+app.Reveal()
	other := "Authorization: " + basicOf("bob", app.Reveal())
	for _, front := range []string{frontAPI, frontSite} {
		h := newHandler(t, app, front, passwordsDeny)
		h.ContextPath = "/jira"
		h.CORS = &CORS{Origins: []string{"https://app.example"}}
		h.cors = h.corsHeaders()
		for _, c := range []struct {
			method, path, body string
			headers            []string
			status             int
			reason             Reason
			answer             string
		}{
			{"GET", own + "1/anyone", "", nil, 200, "", "nobody 192.0.2.1 http://gateway.example"},
			{"GET", "/jira" + own + "1/anyone?x=1", "", nil, 200, "", "nobody 192.0.2.1 http://gateway.example/jira"},
			{"GET", own + "1/anyone", "", []string{"Authorization: Basic nonsense", "Cookie: JSESSIONID=1"}, 200, "", "nobody"},
			{"HEAD", own + "1/anyone", "", nil, 200, "", ""},
			{"POST", own + "1/anyone", "", nil, 405, ReasonMethodNotAllowed, "GET"},
			{"OPTIONS", own + "1/token", "", nil, 405, ReasonMethodNotAllowed, "DELETE"},
			{"GET", own + "1/nothing", "", []string{basic}, 404, ReasonUnknownEndpoint, "no such endpoint"},
			{"GET", own + "2/anyone", "", nil, 404, ReasonUnknownEndpoint, ""},
			{"GET", own, "", nil, 404, ReasonUnknownEndpoint, ""},
			{"GET", "/rest/jira-tokens", "", nil, 404, ReasonUnknownEndpoint, ""},
			{"GET", "/REST/jira-tokens/1/anyone", "", nil, 404, ReasonUnknownEndpoint, ""},
			{"GET", "/rest/Jira-Tokens/1/anyone", "", nil, 404, ReasonUnknownEndpoint, ""},
			{"GET", own + "1/anyone/", "", nil, 404, ReasonUnknownEndpoint, ""},
			{"GET", "//rest/jira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", own + "1/anyone;jsessionid=1", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", "/rest;x/jira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", "/rest/x/..;/jira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", "/rest/%6aira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", "/rest/%256aira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", "/rest%2fjira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", "/rest%5cjira-tokens/1/anyone", "", nil, 400, ReasonAmbiguousRequest, ""},
			{"GET", own + "1/anyone?t=" + app.Reveal(), "", nil, 400, ReasonAmbiguousRequest, "leaked"},

			{"DELETE", own + "1/token", "", nil, 401, ReasonNoCredentials, ""},
			{"DELETE", own + "1/token", "", []string{"Authorization: Bearer jt_x"}, 401, ReasonInvalidToken, ""},
			{"DELETE", own + "1/token", "", []string{other}, 401, ReasonInvalidToken, ""},
			{"DELETE", own + "1/token", "", []string{bearer}, 200, "", app.record.ID},
			{"DELETE", own + "1/token", "", []string{basic, "Sec-Fetch-Site: cross-site"}, 403, ReasonPathDenied, ""},
			{"GET", own + "1/token", "", nil, 401, ReasonNoCredentials, ""},
			{"GET", own + "1/token", "", []string{basic}, 200, "", app.record.ID},
			{"HEAD", own + "1/token", "", []string{basic}, 200, "", ""},
			{"POST", own + "1/token", "0123456789", []string{basic}, 200, "", app.record.ID},
			{"POST", own + "1/token", "0123456789a", []string{basic}, 413, ReasonBodyTooLarge, ""},
			{"POST", own + "1/token", "", []string{basic, "Origin: https://evil.example"}, 403, ReasonPathDenied, ""},
			{"POST", own + "1/token", "", []string{basic, "Origin: https://app.example"}, 200, "", app.record.ID},
			{"POST", own + "1/token", "", []string{bearer, "Origin: https://evil.example"}, 200, "", app.record.ID},

			{"GET", own + "1/fails/guess", "", nil, 404, ReasonUnknownEndpoint, "no such link"},
			{"GET", own + "1/fails/page", "", nil, 409, ReasonConflict, "<p>taken"},
			{"GET", own + "1/fails/store", "", nil, 503, ReasonStoreUnavailable, ""},
			{"GET", own + "1/fails/other", "", nil, 500, ReasonInternalError, "tell an administrator"},
		} {
			*app.outcomes = nil
			w, passed := serve(t, h, ask(c.method, c.path, c.body, c.headers...))
			if passed || w.Code != c.status || w.Header().Get(headerReason) != string(c.reason) || !strings.Contains(w.Body.String(), c.answer) {
				t.Errorf("%s: %s %s %q: HTTP %d %s %s, reached Jira: %v", front, c.method, c.path, c.headers, w.Code, w.Header().Get(headerReason), w.Body, passed)
			}
			if w.Header().Get("Cache-Control") != "no-store" || !slices.Contains(w.Header()["Vary"], "Origin") {
				t.Errorf("%s %s: headers %q", c.method, c.path, w.Header())
			}
			if c.status == http.StatusMethodNotAllowed && !strings.Contains(w.Header().Get("Allow"), c.answer) {
				t.Errorf("%s %s: Allow %q", c.method, c.path, w.Header().Get("Allow"))
			}
			decision := decisionAllowed
			if c.reason != "" {
				decision = decisionDenied
			}
			if len(*app.outcomes) != 1 || (*app.outcomes)[0].Decision != decision || (*app.outcomes)[0].Reason != c.reason {
				t.Errorf("%s %s: outcomes %+v", c.method, c.path, *app.outcomes)
			}
		}
		// Names that only resemble the path belong to Jira.
		for _, path := range []string{"/rest/api/2/issue/jira-tokens", "/secure/attachment/1/jira-tokens.txt", "/secure/attachment/1/a%20b.txt"} {
			app.noAccount = nil
			h := newHandler(t, app, front, passwordsDeny)
			if w, passed := serve(t, h, ask("GET", path, "", basic)); !passed {
				t.Errorf("%s: %s does not reach Jira: %s", front, path, w.Body)
			}
		}
		app.noAccount = errors.New("there is no account")
	}
}

// TestEndpointNeeds: an endpoint that needs a working token refuses what Jira would be
// kept from; one that needs the secret takes a token in any state from anywhere.
func TestEndpointNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*endpointApp, *Handler)
		want   Reason
	}{
		"disabled":  {func(a *endpointApp, _ *Handler) { a.record.Status = token.StatusDisabled }, ReasonTokenDisabled},
		"pending":   {func(a *endpointApp, _ *Handler) { a.record.Status = token.StatusPending }, ReasonTokenPending},
		"revoked":   {func(a *endpointApp, _ *Handler) { a.record.Status = token.StatusRevoked }, ReasonTokenRevoked},
		"expired":   {func(a *endpointApp, _ *Handler) { a.record.ExpiresAt = time.Now().Add(-time.Hour) }, ReasonTokenExpired},
		"network":   {func(a *endpointApp, _ *Handler) { a.record.Networks = allowed(t, "198.51.100.0/24") }, ReasonNetworkDenied},
		"site":      {func(_ *endpointApp, h *Handler) { h.permitted = allowed(t, "198.51.100.0/24") }, ReasonNetworkDenied},
		"suspended": {func(a *endpointApp, _ *Handler) { a.standing.Suspension = new(policy.Suspension) }, ReasonOwnerSuspended},
		"limit": {func(a *endpointApp, _ *Handler) {
			a.record.MaxConcurrent = 1
			a.limits.Acquire(context.Background(), a.record)
		}, ReasonRateLimited},
	} {
		app := newEndpointApp(token.ScopeRead)
		h := newHandler(t, app, frontAPI, passwordsDeny)
		c.change(&app, h)
		h.app = app
		bearer := "Authorization: Bearer " + app.Reveal()
		if w, passed := serve(t, h, ask("GET", own+"1/token", "", bearer)); passed || w.Header().Get(headerReason) != string(c.want) {
			t.Errorf("%s: HTTP %d %s", name, w.Code, w.Header().Get(headerReason))
		}
		if *app.used != 0 {
			t.Errorf("%s: counts as a use", name)
		}
		if w, _ := serve(t, h, ask("DELETE", own+"1/token", "", bearer)); w.Code != http.StatusOK {
			t.Errorf("%s: the secret is not enough: HTTP %d %s", name, w.Code, w.Body)
		}
	}

	app := newEndpointApp(token.ScopeRead)
	app.limits.Accounts = map[string]token.Concurrency{"default": 1}
	if _, exceeded := app.limits.Acquire(t.Context(), app.record); exceeded != nil {
		t.Fatal(exceeded)
	}
	h := newHandler(t, app, frontAPI, passwordsDeny)
	if w, _ := serve(t, h, ask("GET", own+"1/token", "", "Authorization: Bearer "+app.Reveal())); w.Code != http.StatusOK || *app.used != 1 {
		t.Errorf("with an account at its limit: HTTP %d %s, used %d times", w.Code, w.Body, *app.used)
	}
}

// TestEndpointGuesses: guesses block an address, for endpoints as for tokens, and a
// blocked address is told so whatever it sends.
func TestEndpointGuesses(t *testing.T) {
	app := newEndpointApp(token.ScopeRead)
	app.limits.Failures = token.Limit{Requests: 3, Burst: 3, Period: time.Hour}
	h := newHandler(t, app, frontSite, passwordsDeny)
	guess := func() int {
		w, _ := serve(t, h, ask("GET", own+"1/fails/guess", ""))
		return w.Code
	}
	for i, want := range []int{404, 404, 404, 429, 429} {
		if got := guess(); got != want {
			t.Errorf("guess %d: HTTP %d, want %d", i+1, got, want)
		}
	}
	if w, _ := serve(t, h, ask("GET", own+"1/anyone", "")); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("another endpoint: HTTP %d", w.Code)
	}
	if w, _ := serve(t, h, ask("DELETE", own+"1/token", "", "Authorization: Bearer "+token.New().Reveal())); w.Code != http.StatusTooManyRequests {
		t.Errorf("a guessed token: HTTP %d", w.Code)
	}
}

// TestSecretPath: a path with a secret appears neither in the access log nor in the log
// of denials.
func TestSecretPath(t *testing.T) {
	logs, lines := observer.New(zap.DebugLevel)
	app := newEndpointApp(token.ScopeRead)
	h := newHandler(t, app, frontAPI, passwordsDeny)
	h.logger = zap.New(logs)
	for _, c := range []struct {
		method, path string
		status       int
		logged       string
	}{
		{"POST", own + "1/link/guess", 404, own + "1/link/{link}"},
		{"PUT", own + "1/link/0123456789-a", 405, own + "1/link/…"},
		{"POST", own + "2/link/0123456789-a", 404, own + "2/link/…"},
		{"POST", own + "1/link/guess;x", 400, own + "1/link/…"},
	} {
		r := ask(c.method, c.path, "")
		if w, _ := serve(t, h, r); w.Code != c.status {
			t.Errorf("%s: HTTP %d", c.path, w.Code)
		}
		if skip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool); !skip {
			t.Errorf("%s appears in the access log", c.path)
		}
		if denied := lines.TakeAll(); len(denied) != 1 || denied[0].ContextMap()["path"] != c.logged {
			t.Errorf("%s: log %+v", c.path, denied)
		}
	}
	// Nor does one that is answered before an endpoint is looked for.
	h.CORS = &CORS{Origins: []string{"https://app.example.com"}}
	preflight := ask("OPTIONS", own+"1/link/0123456789-a", "", "Origin: https://app.example.com", "Access-Control-Request-Method: POST")
	early := ask("GET", own+"1/link/0123456789-a", "")
	early.TLS = new(tls.ConnectionState)
	for status, r := range map[int]*http.Request{http.StatusNoContent: preflight, http.StatusTooEarly: early} {
		if w, passed := serve(t, h, r); w.Code != status || passed {
			t.Errorf("HTTP %d, passed on: %v, want %d", w.Code, passed, status)
		}
		if skip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool); !skip {
			t.Errorf("a request with status %d appears in the access log", status)
		}
	}
	r := ask("GET", own+"1/anyone", "")
	serve(t, h, r)
	if skip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool); skip {
		t.Error("other endpoints do not appear in the access log")
	}
}

// TestSecretPathOnRecord: neither is it in the audit trail, nor anywhere else if the
// link is misspelled or opened with another method.
func TestSecretPathOnRecord(t *testing.T) {
	const secret = "k7Qw9fTz3LmX0pRv"
	for target, want := range map[string]string{
		"POST " + own + "1/link/guess":                   own + "1/link/{link}",
		"PUT " + own + "1/link/" + secret:                own + "1/link/%E2%80%A6",
		"POST " + own + "1/lnik/" + secret:               own + "1/lnik/%E2%80%A6",
		"POST " + own + "1/" + secret:                    own + "1/%E2%80%A6",
		"POST " + own + "1/" + secret + own + "x":        own + "1/%E2%80%A6",
		"POST /rest/Jira-Tokens/1/link/" + secret:        "/rest/Jira-Tokens/1/link/%E2%80%A6",
		"POST /rest//jira-tokens/1/link/" + secret:       "/rest//jira-tokens/1/link/%E2%80%A6",
		"POST /jira" + own + "1/link/" + secret + ";a=b": "/jira" + own + "1/link/%E2%80%A6",
		"GET " + own + "1/nothing":                       own + "1/nothing",
	} {
		logs, lines := observer.New(zap.DebugLevel)
		app := newEndpointApp(token.ScopeRead)
		h := newHandler(t, app, frontAPI, passwordsDeny)
		h.logger = zap.New(logs)
		trail := new(recordingTrail)
		h.app = recordedEndpoints{app, trail}
		method, path, _ := strings.Cut(target, " ")
		serve(t, h, ask(method, path, ""))
		if len(trail.events) != 1 || trail.last.Path != want {
			t.Errorf("%s: recorded %q, %q, want %q", target, trail.events, trail.last.Path, want)
		}
		for _, line := range lines.All() {
			if strings.Contains(fmt.Sprint(line.ContextMap()), secret) {
				t.Errorf("%s: log %+v", target, line.ContextMap())
			}
		}
	}
}

// recordedEndpoints is an app with endpoints and a trail.
type recordedEndpoints struct {
	App
	trail Trail
}

func (r recordedEndpoints) Trail() Trail { return r.trail }

// TestExplainEndpoint: explain says what the gateway itself does, without Jira.
func TestExplainEndpoint(t *testing.T) {
	app := newEndpointApp(token.ScopeRead)
	app.record.Networks = allowed(t, "192.0.2.0/24")
	h := newHandler(t, app, frontAPI, passwordsDeny)
	for _, c := range []struct {
		from, method, path string
		reason             Reason
		steps              int
		detail             string
	}{
		{"192.0.2.1", "GET", own + "1/token", "", 5, "the gateway itself answers and shows the token"},
		{"198.51.100.1", "GET", own + "1/token", ReasonNetworkDenied, 3, "198.51.100.1"},
		{"198.51.100.1", "DELETE", own + "1/token", "", 1, "in any state and come from anywhere"},
		{"", "GET", own + "1/anyone", "", 1, "no token is needed"},
		{"", "GET", own + "1/nothing", ReasonUnknownEndpoint, 1, "no such endpoint"},
		{"", "PUT", own + "1/token", ReasonMethodNotAllowed, 1, "use "},
		{"", "GET", "/rest/%6aira-tokens/1/anyone", ReasonAmbiguousRequest, 1, "more than one way"},
	} {
		address, _ := netip.ParseAddr(c.from)
		e, err := h.Explain(t.Context(), Question{Record: app.record, Method: c.method, URI: c.path, Address: address})
		if err != nil {
			t.Fatal(err)
		}
		if e.Allowed != (c.reason == "") || e.Reason != c.reason || len(e.Steps) != c.steps || !strings.Contains(e.Steps[len(e.Steps)-1].Detail, c.detail) {
			t.Errorf("%s %s from %q: %+v", c.method, c.path, c.from, e)
		}
	}
}

// TestTellExpiry: responses to a token that ends within 30 days say when, also those
// that come from Jira and denials; other responses do not, and cost nothing.
func TestTellExpiry(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		change func(*token.Record)
		want   time.Time
	}{
		"never":     {func(*token.Record) {}, time.Time{}},
		"later":     {func(r *token.Record) { r.ExpiresAt = now.Add(31 * 24 * time.Hour) }, time.Time{}},
		"soon":      {func(r *token.Record) { r.ExpiresAt = now.Add(29 * 24 * time.Hour) }, now.Add(29 * 24 * time.Hour)},
		"over":      {func(r *token.Record) { r.ExpiresAt = now.Add(-time.Hour) }, time.Time{}},
		"current":   {func(r *token.Record) { r.PreviousUntil, r.PreviousDigest = now.Add(time.Hour), token.New().Digest() }, time.Time{}},
		"replaced":  {func(r *token.Record) { r.PreviousUntil, r.PreviousDigest = now.Add(time.Hour), r.Digest }, now.Add(time.Hour)},
		"forbidden": {func(r *token.Record) { r.ExpiresAt, r.Networks = now.Add(time.Hour), allowed(t, "198.51.100.1") }, now.Add(time.Hour)},
	} {
		app := newToken(token.New(), token.ScopeRead)
		c.change(app.record)
		h := newHandler(t, app, frontAPI, passwordsDeny)
		w, _ := serve(t, h, ask("GET", issuePath, "", "Authorization: Bearer "+app.Reveal()))
		expires, sunset := "", ""
		if !c.want.IsZero() {
			expires, sunset = c.want.UTC().Format(time.RFC3339), c.want.UTC().Format(http.TimeFormat)
		}
		if got := w.Header(); got.Get(headerExpires) != expires || got.Get("Sunset") != sunset {
			t.Errorf("%s: %q, want %s", name, got, expires)
		}
	}

	app := newToken(token.New(), token.ScopeRead)
	app.record.ExpiresAt = now.Add(90 * 24 * time.Hour)
	h, d, w := newHandler(t, app, frontAPI, passwordsDeny), made(app.record), &discarding{header: make(http.Header)}
	if n := testing.AllocsPerRun(100, func() { h.tellExpiry(w, d); belongsToGateway(issuePath) }); n != 0 {
		t.Errorf("%v allocations for a token that does not end soon", n)
	}
}

// TestSunsetOfJira: Jira's own Sunset passes, unless the response has the token's.
func TestSunsetOfJira(t *testing.T) {
	lists, err := newHeaderLists(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, soon := range []bool{false, true} {
		response := &http.Response{StatusCode: 200, ProtoMajor: 1, Header: http.Header{"Sunset": {"x"}, headerExpires: {"y"}, "Content-Type": {"text/plain"}}, Body: http.NoBody}
		d := &Decision{headers: lists}
		if soon {
			d.ends = time.Now()
		}
		in := inbound(response, jiraQuestion(), d, nil)
		if in.Header.Get(headerExpires) != "" || (in.Header.Get("Sunset") == "x") == soon {
			t.Errorf("soon %v: %q", soon, in.Header)
		}
	}
}

func jiraQuestion() jira.Question { return jira.Question{Path: issuePath} }
