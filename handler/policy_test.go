package handler

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// suspended is an app whose token has a standing of its own.
type suspended struct {
	oneToken
	standing policy.Standing
}

func (s suspended) Standing(*token.Record) policy.Standing { return s.standing }

// rightsBy returns the rights that a single rule for everyone gives.
func rightsBy(t *testing.T, rule policy.Rule) *policy.Rights {
	t.Helper()
	p, err := policy.New(&policy.Config{Everyone: &rule}, policy.Surroundings{Account: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	return p.Rights(nil)
}

func TestPolicyStep(t *testing.T) {
	one := newToken(token.New(), token.ScopeWrite)
	rights := rightsBy(t, policy.Rule{Scopes: []string{"read"}, Place: "Caddyfile:7"})
	for name, test := range map[string]struct {
		suspension *policy.Suspension
		want       Reason
		message    string
	}{
		"complies":      {nil, "", ""},
		"breaks a rule": {&policy.Suspension{Violation: rights.Violation(one.record)}, ReasonPolicySuspended, "This API token is suspended: the scope write is not allowed for alice: expected read. Ask an administrator."},
		"owner has left": {&policy.Suspension{Owner: "the owner alice is no longer active"}, ReasonOwnerSuspended,
			"This API token is suspended: the owner alice is no longer active. Ask an administrator."},
	} {
		h := newHandler(t, suspended{one, policy.Standing{Rights: rights, Suspension: test.suspension}}, frontAPI, passwordsDeny)
		d := made(one.record)
		denied := h.policy(nil, d)
		if reasonOf(denied) != test.want {
			t.Errorf("%s: %q, want %q", name, reasonOf(denied), test.want)
		}
		if denied != nil && (denied.message != test.message || strings.Contains(denied.message, "Caddyfile")) {
			t.Errorf("%s: %s", name, denied.message)
		}
		e, err := h.Explain(t.Context(), Question{Record: one.record, Method: "GET", URI: issuePath, Address: d.Address})
		if err != nil || e.Reason != test.want {
			t.Errorf("%s: explain says %+v, %v", name, e, err)
		}
		if last := e.Steps[len(e.Steps)-1]; test.want == ReasonPolicySuspended && !strings.Contains(last.Detail, "Rule: everyone (Caddyfile:7).") {
			t.Errorf("explain does not name the rule: %+v", last)
		}
	}
}

// TestPolicyNetworks: a rule for networks holds for tokens without networks of their
// own, unless they are exempt.
func TestPolicyNetworks(t *testing.T) {
	one := newToken(token.New(), token.ScopeRead)
	rights := rightsBy(t, policy.Rule{Networks: []string{"10.0.0.0/8"}})
	exempt := *one.record
	exempt.Exempt = "migration"
	for _, test := range []struct {
		record  *token.Record
		address string
		want    Reason
	}{
		{one.record, "10.1.2.3", ""}, {one.record, "192.0.2.1", ReasonNetworkDenied}, {one.record, "", ReasonNetworkDenied}, {&exempt, "192.0.2.1", ""},
	} {
		d := made(test.record)
		d.rights = rights
		d.Address, _ = netip.ParseAddr(test.address)
		if got := reasonOf(new(Handler).networks(nil, d)); got != test.want {
			t.Errorf("from %q: %q, want %q", test.address, got, test.want)
		}
	}
}
