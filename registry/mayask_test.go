package registry

import (
	"net/netip"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestMayAsk: Jira is asked as an account only for those who can have a token with it that
// works at once, from where they are.
func TestMayAsk(t *testing.T) {
	from := netip.MustParseAddr("192.0.2.1")
	for what, c := range map[string]struct {
		rule   policy.Rule
		record token.Record
		want   bool
	}{
		"a reader":                      {policy.Rule{Scopes: []string{"read"}}, token.Record{Owner: "alice"}, true},
		"a writer":                      {policy.Rule{Scopes: []string{"write"}}, token.Record{Owner: "alice"}, true},
		"nothing without approval":      {policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"read", "write"}}, token.Record{Owner: "alice"}, false},
		"another account":               {policy.Rule{Accounts: []string{"reporting"}}, token.Record{Owner: "alice", Account: "default"}, false},
		"an account of the rule":        {policy.Rule{Accounts: []string{"reporting"}}, token.Record{Owner: "alice", Account: "reporting"}, true},
		"no account named":              {policy.Rule{Accounts: []string{"reporting"}}, token.Record{Owner: "alice"}, true},
		"somebody else's":               {policy.Rule{}, token.Record{Owner: "bob"}, false},
		"on behalf":                     {policy.Rule{OnBehalf: true}, token.Record{Owner: "bob"}, true},
		"manage is not on behalf":       {policy.Rule{Manage: true}, token.Record{Owner: "bob"}, false},
		"somebody else's own account":   {policy.Rule{OnBehalf: true}, token.Record{Owner: "bob", Account: token.OwnAccount}, false},
		"from elsewhere":                {policy.Rule{Networks: []string{"203.0.113.0/24"}}, token.Record{Owner: "alice"}, false},
		"from inside":                   {policy.Rule{Networks: []string{"192.0.2.0/24"}}, token.Record{Owner: "alice"}, true},
		"confined tokens only":          {policy.Rule{Confine: policy.ConfineRequired}, token.Record{Owner: "alice"}, true},
		"for an external person":        {policy.Rule{OnBehalf: true}, token.Record{Owner: "guest", Kind: token.KindExternal}, true},
		"an exemption that is promised": {policy.Rule{Scopes: []string{"read"}, Approval: []string{"read"}}, token.Record{Owner: "alice", Exempt: "please"}, false},
	} {
		r := ruled(t, c.rule)
		err := r.DeskOf("alice").MayAsk(&c.record, from)
		if (err == nil) != c.want {
			t.Errorf("%s: %v", what, err)
		}
		if c.want && c.record.Account == "" {
			t.Errorf("%s: no account was chosen", what)
		}
	}
}
