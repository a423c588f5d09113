package handler

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const issuePath = "/rest/api/2/issue/A-1"

// reasonOf returns the reason of a denial, or "" if there is none.
func reasonOf(denied *denial) Reason {
	if denied == nil {
		return ""
	}
	return denied.reason
}

// made returns a Decision as the steps before the one under test leave it.
func made(record *token.Record) *Decision {
	return &Decision{now: time.Now(), Record: record, rights: new(policy.Policy).Rights(nil), Address: netip.MustParseAddr("192.0.2.1")}
}

func TestActive(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		change func(*token.Record)
		want   Reason
	}{
		"active":        {func(*token.Record) {}, ""},
		"disabled":      {func(r *token.Record) { r.Status = token.StatusDisabled }, ReasonTokenDisabled},
		"revoked":       {func(r *token.Record) { r.Status = token.StatusRevoked }, ReasonTokenRevoked},
		"pending":       {func(r *token.Record) { r.Status = token.StatusPending }, ReasonTokenPending},
		"unknown":       {func(r *token.Record) { r.Status = "frozen" }, ReasonTokenRevoked},
		"expired":       {func(r *token.Record) { r.ExpiresAt = now.Add(-time.Second) }, ReasonTokenExpired},
		"expires later": {func(r *token.Record) { r.ExpiresAt = now.Add(time.Hour) }, ""},
		"not yet valid": {func(r *token.Record) { r.NotBefore = now.Add(time.Hour) }, ReasonTokenNotYetValid},
	} {
		record := *newToken(token.New(), token.ScopeRead).record
		test.change(&record)
		if got := reasonOf(new(Handler).active(nil, made(&record))); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestNetworksStep(t *testing.T) {
	for name, test := range map[string]struct {
		site, token string // ranges to allow
		address     string
		want        Reason
	}{
		"no ranges":        {address: "192.0.2.1"},
		"token's":          {token: "192.0.2.0/24", address: "192.0.2.1"},
		"another":          {token: "192.0.2.0/24", address: "198.51.100.1", want: ReasonNetworkDenied},
		"site's":           {site: "192.0.2.0/24", address: "192.0.2.1"},
		"outside the site": {site: "192.0.2.0/24", address: "198.51.100.1", want: ReasonNetworkDenied},
		"token is wider":   {site: "192.0.2.0/24", token: "0.0.0.0/0", address: "198.51.100.1", want: ReasonNetworkDenied},
		"site is wider":    {site: "0.0.0.0/0", token: "192.0.2.0/24", address: "198.51.100.1", want: ReasonNetworkDenied},
		"no address":       {token: "0.0.0.0/0", want: ReasonNetworkDenied},
	} {
		app := newToken(token.New(), token.ScopeRead)
		h := newHandler(t, app, frontAPI, passwordsDeny)
		h.permitted = allowed(t, test.site)
		app.record.Networks = allowed(t, test.token)
		d := made(app.record)
		d.Address, _ = netip.ParseAddr(test.address)
		if got := reasonOf(h.networks(nil, d)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func allowed(t *testing.T, ranges string) (n token.Networks) {
	t.Helper()
	if ranges == "" {
		return n
	}
	n, err := parseRanges([]string{ranges}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLimitsStep(t *testing.T) {
	app := newToken(token.New(), token.ScopeRead)
	app.limits = &limits.Limits{Counters: limits.NewCounters(nil, nil, nil), MaxConcurrent: 1}
	h := newHandler(t, app, frontAPI, passwordsDeny)
	r := httptest.NewRequest(http.MethodGet, issuePath, nil)
	first, second := made(app.record), made(app.record)
	if denied := h.limits(r, first); denied != nil {
		t.Fatal(denied.message)
	}
	denied := h.limits(r, second)
	if reasonOf(denied) != ReasonRateLimited || denied.exceeded.Bound != limits.TokenConcurrency || denied.retrySeconds() < 1 {
		t.Errorf("second request: %+v", denied)
	}
	first.slot.Release()
	if denied := h.limits(r, second); denied != nil {
		t.Errorf("after the first one ended: %s", denied.message)
	}

	app.record.Limit = token.Limit{Requests: 2, Burst: 2, Period: time.Hour}
	app.record.MaxConcurrent = 10
	for i, want := range []Reason{"", "", ReasonRateLimited} {
		if got := reasonOf(h.limits(r, made(app.record))); got != want {
			t.Errorf("request %d: %q, want %q", i, got, want)
		}
	}
}

func TestScopeStep(t *testing.T) {
	for name, test := range map[string]struct {
		scope        token.Scope
		by           string
		method, path string
		want         Reason
		access       jira.Access
	}{
		"read":              {method: "GET", path: issuePath},
		"read by POST":      {method: "POST", path: "/rest/api/3/search/jql"},
		"by its method":     {by: scopeByMethod, method: "POST", path: "/rest/api/3/search/jql", want: ReasonScopeInsufficient, access: jira.AccessWrite},
		"a configured read": {by: scopeByMethod, method: "POST", path: "/rest/other/1/find"},
		"write":             {method: "POST", path: "/rest/api/2/issue", want: ReasonScopeInsufficient, access: jira.AccessWrite},
		"may write":         {scope: token.ScopeWrite, method: "POST", path: "/rest/api/2/issue", access: jira.AccessWrite},
		"administration":    {scope: token.ScopeWrite, method: "PUT", path: "/rest/api/2/application-properties/x", want: ReasonScopeInsufficient, access: jira.AccessAdmin},
		"may administer":    {scope: token.ScopeAdmin, method: "PUT", path: "/rest/api/2/application-properties/x", access: jira.AccessAdmin},
		"never":             {scope: token.ScopeAdmin, method: "GET", path: "/rest/auth/1/session", want: ReasonPathDenied, access: jira.AccessNever},
		"never by method":   {scope: token.ScopeAdmin, by: scopeByMethod, method: "GET", path: "/rest/auth/1/session", want: ReasonPathDenied, access: jira.AccessNever},
		"not reachable":     {method: "GET", path: "/browse/A-1", want: ReasonPathDenied},
		"ambiguous":         {method: "GET", path: "/rest/api/2/issue/../x", want: ReasonAmbiguousRequest},
		"context path":      {method: "GET", path: "/jira" + issuePath},
	} {
		if test.scope == 0 {
			test.scope = token.ScopeRead
		}
		app := newToken(token.New(), test.scope)
		h := newHandler(t, app, frontAPI, passwordsDeny)
		h.ContextPath, h.Reads = "/jira", []Read{{"POST", "/rest/other/1/find"}}
		if test.by != "" {
			h.ScopeBy = test.by
		}
		var err error
		if h.operations, err = h.readOperations(); err != nil {
			t.Fatal(err)
		}
		d := made(app.record)
		if got := reasonOf(h.scope(httptest.NewRequest(test.method, test.path, nil), d)); got != test.want || d.Access != test.access {
			t.Errorf("%s: %q with access %s, want %q with %s", name, got, d.Access, test.want, test.access)
		}
	}
}

func TestQueryStep(t *testing.T) {
	for _, test := range []struct {
		scope        token.Scope
		query, clean string
		want         Reason
	}{
		{token.ScopeRead, "jql=a%20b&x", "jql=a%20b&x", ""},
		{token.ScopeRead, "os_username=a&jql=b", "jql=b", ""},
		{token.ScopeRead, "updateHistory=true", "", ""},
		{token.ScopeWrite, "updateHistory=true", "updateHistory=true", ""},
		{token.ScopeRead, "a;os_username=b", "", ReasonAmbiguousRequest},
	} {
		r := httptest.NewRequest(http.MethodGet, issuePath+"?"+test.query, nil)
		d := made(newToken(token.New(), test.scope).record)
		if got := reasonOf(new(Handler).query(r, d)); got != test.want || d.cleanQuery != test.clean {
			t.Errorf("%s: %q with query %q, want %q with %q", test.query, got, d.cleanQuery, test.want, test.clean)
		}
	}
}

func TestFormStep(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		types []string
		body  string
		want  Reason
	}{
		"JSON":            {[]string{"application/json"}, "os_username=a", ""},
		"no type":         {nil, "os_username=a", ""},
		"plain":           {[]string{form}, "jql=a&x=%20", ""},
		"credentials":     {[]string{form}, "jql=a&os_username=b", ReasonAmbiguousRequest},
		"another method":  {[]string{form}, "_method=DELETE", ReasonAmbiguousRequest},
		"another case":    {[]string{"Application/X-WWW-Form-URLencoded; charset=utf-8"}, "OS_PassWord=b", ReasonAmbiguousRequest},
		"another charset": {[]string{form + "; charset=utf-16"}, "a=b", ReasonAmbiguousRequest},
		"two types":       {[]string{form, "application/json"}, "a=b", ReasonAmbiguousRequest},
		"too large":       {[]string{form}, strings.Repeat("a", maxForm+1), ReasonAmbiguousRequest},
		"just not":        {[]string{form}, strings.Repeat("a", maxForm), ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/rest/api/2/search", strings.NewReader(test.body))
		if test.types != nil {
			r.Header["Content-Type"] = test.types
		}
		if got := reasonOf(new(Handler).form(r, nil)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
			continue
		}
		if test.want != "" {
			continue
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != test.body {
			t.Errorf("%s: the body has %d bytes left, want %d (%v)", name, len(body), len(test.body), err)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/rest/api/2/search", io.MultiReader(strings.NewReader("a=b"), brokenReader{}))
	r.Header.Set("Content-Type", form)
	if denied := new(Handler).form(r, nil); reasonOf(denied) != ReasonAmbiguousRequest || !errors.Is(denied.cause, errBroken) {
		t.Errorf("truncated body: %+v", denied)
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestAccountStep(t *testing.T) {
	app := newToken(token.New(), token.ScopeRead)
	for name, test := range map[string]struct {
		accounts []string
		missing  error
		stored   bool
		want     Reason
	}{
		"any":              {},
		"named":            {accounts: []string{"other", "default"}},
		"of another Jira":  {accounts: []string{"other"}, want: ReasonPathDenied},
		"no longer there":  {missing: jira.ErrUnknownAccount, want: ReasonJiraRejectedAccount},
		"neither, nor one": {accounts: []string{"other"}, missing: jira.ErrUnknownAccount, want: ReasonPathDenied},
		"unreadable":       {accounts: []string{"other"}, missing: errors.New("no key"), want: ReasonJiraRejectedAccount},
		"not known yet":    {missing: token.ErrUnavailable, want: ReasonStoreUnavailable},
		"stored":           {accounts: []string{"other"}, stored: true},
	} {
		known := app
		if known.noAccount = test.missing; test.stored {
			known.account = jira.NewAccount("default", jira.Bearer("x"), jira.AccountOptions{Site: "https://jira.example.com"})
		}
		h := newHandler(t, known, frontAPI, passwordsDeny)
		h.Accounts = test.accounts
		d := made(app.record)
		if got := reasonOf(h.account(httptest.NewRequest(http.MethodGet, "/", nil), d)); got != test.want || (test.want == "") != (d.Account != nil) {
			t.Errorf("%s: %q with account %v, want %q", name, got, d.Account, test.want)
		}
	}
}

// TestStepsEndAtTheFirstDenial: a request that several steps would deny gets the
// first denial, and later steps do not run.
func TestStepsEndAtTheFirstDenial(t *testing.T) {
	app := newToken(token.New(), token.ScopeRead)
	h := newHandler(t, app, frontAPI, passwordsDeny)
	r := httptest.NewRequest(http.MethodPost, "/rest/api/2/issue?a;os_username=b", strings.NewReader("os_username=a"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", basicOf("alice", app.Reveal()))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	h.Accounts = []string{"other"}
	app.record.Networks = allowed(t, "198.51.100.0/24")
	app.record.Status = token.StatusDisabled
	for _, next := range []struct {
		want  Reason
		cause string // in the message
		mend  func()
	}{
		{ReasonTokenDisabled, "disabled", func() { app.record.Status = token.StatusActive }},
		{ReasonNetworkDenied, "192.0.2.1", func() { app.record.Networks = token.Networks{} }},
		{ReasonScopeInsufficient, "scope write", func() { app.record.Scope = token.ScopeWrite }},
		{ReasonPathDenied, "Cross-site", func() { r.Header.Del("Sec-Fetch-Site") }},
		{ReasonAmbiguousRequest, "query", func() { r.URL.RawQuery = "" }},
		{ReasonAmbiguousRequest, "form", func() { r.Header.Set("Content-Type", "text/plain") }},
		{ReasonPathDenied, "not for this Jira", func() { h.Accounts = nil }},
	} {
		d := &Decision{now: time.Now(), Address: netip.MustParseAddr("192.0.2.1")}
		if denied := h.decide(r, d); reasonOf(denied) != next.want || !strings.Contains(denied.message, next.cause) {
			t.Fatalf("got %+v, want %s with %q in the message", denied, next.want, next.cause)
		}
		next.mend()
	}
	if denied := h.decide(r, &Decision{now: time.Now(), Address: netip.MustParseAddr("192.0.2.1")}); denied != nil {
		t.Error(denied.message)
	}
}
