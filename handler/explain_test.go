package handler

import (
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestExplainSteps: the explanation lists every step up to a denial with what the
// step found, and does not use up any limit.
func TestExplainSteps(t *testing.T) {
	app := newToken(token.New(), token.ScopeRead)
	app.record.Networks = allowed(t, "192.0.2.0/24")
	app.record.MaxConcurrent = 1
	app.limits = &limits.Limits{Counters: limits.NewCounters(nil, nil, nil)}
	h := newHandler(t, app, frontAPI, passwordsDeny)
	all := []string{"token", "policy", "networks", "limits", "scope", "cross_site", "query", "form", "hold", "account", "confine", "outbound"}
	for _, test := range []struct {
		from, method, uri string
		anyAddress        bool
		reason            Reason
		last, detail      string // of the last step
	}{
		{"192.0.2.1", "GET", issuePath, true, "", "outbound", "Jira gets GET " + issuePath},
		{"", "GET", issuePath, false, "", "outbound", "Jira gets"},
		{"192.0.2.1", "GET", issuePath + "?os_username=a&fields=b", true, "", "outbound", "Jira gets GET " + issuePath + "?fields=b,"},
		{"198.51.100.1", "GET", issuePath, true, ReasonNetworkDenied, "networks", "198.51.100.1"},
		{"192.0.2.1", "POST", "/rest/api/2/issue", true, ReasonScopeInsufficient, "scope", "needs scope write. Rule: POST /rest/api/2/issue (cloud-v2)."},
		{"192.0.2.1", "POST", "/rest/other/1/x", true, ReasonScopeInsufficient, "scope", "needs scope write. Rule: method."},
		{"192.0.2.1", "GET", "/rest/auth/1/session", true, ReasonPathDenied, "scope", "No API token may do this, whatever its scope. Rule: "},
		{"192.0.2.1", "GET", "/browse/A-1", true, ReasonPathDenied, "scope", "cannot reach this path. A gateway administrator can add it"},
		{"192.0.2.1", "GET", "/secure/Dashboard.jspa", true, ReasonPathDenied, "scope", "API tokens cannot reach this path."},
		{"192.0.2.1", "GET", "/rest/api/2/../x", true, ReasonAmbiguousRequest, "scope", "in more than one way: segment of dots only"},
		{"192.0.2.1", "GET", issuePath + "?a;os_username=b", true, ReasonAmbiguousRequest, "query", "query"},
	} {
		address, _ := netip.ParseAddr(test.from)
		e, err := h.Explain(t.Context(), Question{Record: app.record, Method: test.method, URI: test.uri, Address: address})
		if err != nil {
			t.Fatal(err)
		}
		if e.Allowed != (test.reason == "") || e.Reason != test.reason || e.AnyAddress != test.anyAddress {
			t.Errorf("%s %s from %s: %+v", test.method, test.uri, test.from, e)
		}
		var names []string
		for _, step := range e.Steps {
			names = append(names, step.Step)
		}
		last := e.Steps[len(e.Steps)-1]
		if last.Step != test.last || last.Passed != e.Allowed || !strings.Contains(last.Detail, test.detail) {
			t.Errorf("%s %s ends with %+v, want %s: %s", test.method, test.uri, last, test.last, test.detail)
		}
		if want := all[:slices.Index(all, test.last)+1]; !slices.Equal(names, want) {
			t.Errorf("%s %s: steps %v, want %v", test.method, test.uri, names, want)
		}
	}
	if d := made(app.record); h.limits(httptest.NewRequest("GET", issuePath, nil), d) != nil {
		t.Error("the explanation used up a request")
	}
	for _, uri := range []string{"rest/api", "", "/%zz"} {
		if _, err := h.Explain(t.Context(), Question{Record: app.record, Method: "GET", URI: uri}); err == nil {
			t.Errorf("got an explanation for %q", uri)
		}
	}
}
