package registry

import (
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestStandingAllocatesNothing: it is part of every decision, whatever the case of the
// names.
func TestStandingAllocatesNothing(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read"}, Networks: []string{"10.0.0.0/8"}, Accounts: []string{"default"}})
	for _, owner := range []string{"Bea", "ALICE@example.com", "Zoë"} {
		record := &token.Record{Owner: owner, Responsible: "Root", Scope: token.ScopeRead, Account: "default"}
		if n := testing.AllocsPerRun(100, func() {
			if r.Standing(record).Suspension != nil {
				t.Error("suspended")
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", owner, n)
		}
	}
}
