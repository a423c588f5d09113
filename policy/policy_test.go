package policy

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

const day = 24 * time.Hour

var created = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// around has two groups, one of them empty, and two accounts.
func around() Surroundings {
	return Surroundings{
		Groups:  map[string]Group{"bi": {Members: []string{"bea"}}, "admins": {Members: []string{"root"}}, "empty": {}},
		Account: func(name string) bool { return name == "default" || name == "reporting" },
	}
}

// newPolicy compiles a policy that is written as JSON.
func newPolicy(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := tryPolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryPolicy(text string) (*Policy, error) {
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return nil, err
	}
	return New(&config, around())
}

// newRecord returns a token of alice that expires after 30 days.
func newRecord(edits ...func(*token.Record)) *token.Record {
	r := &token.Record{Owner: "alice", Scope: token.ScopeRead, Account: "default", Status: token.StatusActive, CreatedAt: created, ExpiresAt: created.Add(30 * day)}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

func scope(s token.Scope) func(*token.Record) { return func(r *token.Record) { r.Scope = s } }

func expires(in time.Duration) func(*token.Record) {
	return func(r *token.Record) { r.ExpiresAt = created.Add(in) }
}

func never(r *token.Record) { r.ExpiresAt = time.Time{} }

func allow(networks ...string) func(*token.Record) {
	return func(r *token.Record) { r.Networks.Allow, _ = token.ParseNetworks(networks) }
}

func account(name string) func(*token.Record) { return func(r *token.Record) { r.Account = name } }

func external(r *token.Record) { r.Kind = token.KindExternal }

func project(r *token.Record) { r.Confine.Projects = []token.Project{{Key: "ABC"}} }

func hide(r *token.Record) { r.Confine.Hide = []string{token.HideInternalComments} }

func TestViolations(t *testing.T) {
	const readers = `"everyone": {"scopes": ["read"], "place": "Caddyfile:3"}`
	for _, test := range []struct {
		name, policy string
		groups       []string
		record       *token.Record
		field        string // that is violated, "" if none is
		says         string
	}{
		{"included scope", `{"everyone": {"scopes": ["write"]}}`, nil, newRecord(), "", ""},
		{"scope above", `{` + readers + `}`, nil, newRecord(scope(token.ScopeWrite)), "scope", "the scope write is not allowed for alice: expected read; rule: everyone (Caddyfile:3)"},
		{"read-all is not in write", `{"everyone": {"scopes": ["write"]}}`, nil, newRecord(scope(token.ScopeReadAll)), "scope", "expected read, write"},
		{"no scopes", `{"everyone": {"scopes": ["none"]}}`, nil, newRecord(), "scope", "alice can have no tokens; rule: everyone"},
		{"no rule", `{"groups": [{"group": "bi"}]}`, nil, newRecord(), "owner", "no rule of the policy is for alice"},
		{"no scopes mentioned", `{"everyone": {"max_tokens": 3}}`, nil, newRecord(scope(token.ScopeAdmin)), "", ""},
		{"group gives more", `{` + readers + `, "groups": [{"group": "bi", "scopes": ["write"]}]}`, []string{"bi"}, newRecord(scope(token.ScopeWrite)), "", ""},
		{"both rules named", `{` + readers + `, "groups": [{"group": "bi", "scopes": ["write"]}]}`, []string{"bi"}, newRecord(scope(token.ScopeAdmin)), "scope", "rule: group bi and everyone (Caddyfile:3)"},
		{"rule without scopes adds none", `{` + readers + `, "groups": [{"group": "bi", "max_tokens": 9}]}`, []string{"bi"}, newRecord(scope(token.ScopeWrite)), "scope", ""},

		{"short enough", `{"everyone": {"max_lifetime": "30d"}}`, nil, newRecord(), "", ""},
		{"too long", `{"everyone": {"max_lifetime": "29d"}}`, nil, newRecord(), "expires_at", "must expire within 29d"},
		{"never", `{"everyone": {"max_lifetime": "90d"}}`, nil, newRecord(never), "expires_at", "must expire within 90d"},
		{"never allowed by a group", `{"everyone": {"max_lifetime": "90d"}, "groups": [{"group": "bi", "max_lifetime": "never"}]}`, []string{"bi"}, newRecord(never), "", ""},
		{"longest wins, in either order", `{"everyone": {"max_lifetime": "90d"}, "groups": [{"group": "bi", "max_lifetime": "9d"}]}`, []string{"bi"}, newRecord(expires(80 * day)), "", ""},
		{"counted from the rotation", `{"everyone": {"max_lifetime": "30d"}}`, nil, newRecord(expires(60*day), func(r *token.Record) { r.RotatedAt = created.Add(31 * day) }), "", ""},

		{"inside", `{"everyone": {"networks": ["10.0.0.0/8", "192.0.2.0/24"]}}`, nil, newRecord(allow("10.1.0.0/16", "192.0.2.0/24")), "", ""},
		{"wider", `{"everyone": {"networks": ["10.1.0.0/16"]}}`, nil, newRecord(allow("10.0.0.0/8")), "allow_ip", "10.0.0.0/8 is not inside those that are allowed for alice: expected 10.1.0.0/16"},
		{"elsewhere", `{"everyone": {"networks": ["10.1.0.0/16"]}}`, nil, newRecord(allow("10.1.2.0/24", "192.0.2.1")), "allow_ip", ""},
		{"another family", `{"everyone": {"networks": ["0.0.0.0/0"]}}`, nil, newRecord(allow("2001:db8::/32")), "allow_ip", ""},
		{"no networks of its own", `{"everyone": {"networks": ["10.1.0.0/16"]}}`, nil, newRecord(), "", ""},

		{"account", `{"everyone": {"accounts": ["default", "own"]}}`, nil, newRecord(account("own")), "", ""},
		{"another account", `{"everyone": {"accounts": ["default"]}}`, nil, newRecord(account("reporting")), "account", "the account reporting is not allowed for alice: expected default"},
		{"accounts add up", `{"everyone": {"accounts": ["default"]}, "groups": [{"group": "bi", "accounts": ["reporting"]}]}`, []string{"bi"}, newRecord(), "", ""},
		{"own for changes", `{"everyone": {"accounts": ["default"], "write_accounts": ["own"]}}`, nil, newRecord(scope(token.ScopeWrite)), "account", "expected own"},
		{"own for changes only", `{"everyone": {"accounts": ["default"], "write_accounts": ["own"]}}`, nil, newRecord(), "", ""},

		{"confined", `{"everyone": {"confine": "required"}}`, nil, newRecord(hide), "", ""},
		{"not confined", `{"everyone": {"confine": "required"}}`, nil, newRecord(), "confine", "must be confined"},
		{"need not be", `{"everyone": {"confine": "required"}, "groups": [{"group": "bi", "confine": "optional"}]}`, []string{"bi"}, newRecord(), "", ""},

		{"exempt", `{"everyone": {"scopes": ["none"]}}`, nil, newRecord(func(r *token.Record) { r.Exempt = "migration" }), "", ""},

		{"external", `{` + readers + `}`, nil, newRecord(external, project), "", ""},
		{"external sees all", `{` + readers + `}`, nil, newRecord(external, hide), "confine", "must be confined to projects or a JQL condition"},
		{"external sees all, by a rule", `{"everyone": {"confine": "optional"}}`, nil, newRecord(external), "", ""},
		{"external sees all, although all must be confined", `{"everyone": {"confine": "required"}}`, nil, newRecord(external, hide), "confine", "must be confined to projects or a JQL condition"},
		{"external for ever", `{` + readers + `}`, nil, newRecord(external, project, never), "expires_at", "must expire"},
		{"external for ever, by a rule", `{"everyone": {"max_lifetime": "never"}}`, nil, newRecord(external, project, never), "", ""},
	} {
		got := newPolicy(t, test.policy).Rights(test.groups).Violation(test.record)
		switch {
		case got == nil:
			if test.field != "" {
				t.Errorf("%s: complies, want a violation of %s", test.name, test.field)
			}
		case got.Field != test.field || !strings.Contains(got.String(), test.says):
			t.Errorf("%s: %s: %v, want %s: %s", test.name, got.Field, got, test.field, test.says)
		}
	}
}

// TestWithoutPolicy: without a policy everything is allowed, except that tokens for
// external people are limited.
func TestWithoutPolicy(t *testing.T) {
	p, err := New(nil, Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	rights := p.Rights(nil)
	if v := rights.Violation(newRecord(never, scope(token.ScopeAdmin), account("x"))); v != nil {
		t.Error(v)
	}
	if v := rights.Violation(newRecord(external, project, never)); v == nil || v.Field != "expires_at" {
		t.Errorf("external, never expires: %v", v)
	}
	if rights.NeedsApproval(token.ScopeAdmin) != "" || rights.Manage() || !rights.Permits(netip.Addr{}) {
		t.Error("there are rules without a policy")
	}
}

func TestApproval(t *testing.T) {
	const text = `{"everyone": {"scopes": ["read", "write"], "approval": ["write"]}, "groups": [{"group": "admins", "scopes": ["admin"]}, {"group": "bi", "scopes": ["write"], "approval": ["write"]}]}`
	for _, test := range []struct {
		groups []string
		scope  token.Scope
		want   string
	}{
		{nil, token.ScopeRead, ""},
		{nil, token.ScopeWrite, "everyone"},
		{nil, token.ScopeAdmin, ""}, // not given at all
		{[]string{"admins"}, token.ScopeWrite, ""},
		{[]string{"bi"}, token.ScopeWrite, "group bi and everyone"},
		{[]string{"admins", "bi"}, token.ScopeWrite, ""},
	} {
		if got := newPolicy(t, text).Rights(test.groups).NeedsApproval(test.scope); got != test.want {
			t.Errorf("%v, %s: %q, want %q", test.groups, test.scope, got, test.want)
		}
	}
}

// TestApprovalOfWiderScopes: nobody avoids approval by asking for a scope that includes
// the one that must be approved.
func TestApprovalOfWiderScopes(t *testing.T) {
	for approval, want := range map[string]string{"read": "read read-all write admin", "read-all": "read-all admin", "write": "write admin", "admin": "admin"} {
		rights := newPolicy(t, `{"everyone": {"scopes": ["admin"], "approval": ["`+approval+`"]}}`).Rights(nil)
		var got []string
		for scope := token.ScopeRead; scope <= token.ScopeAdmin; scope++ {
			if rights.NeedsApproval(scope) != "" {
				got = append(got, scope.String())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("approval %s: %v need approval, want %s", approval, got, want)
		}
	}
}

func TestChoices(t *testing.T) {
	for _, test := range []struct {
		name, policy string
		groups       []string
		account      string
		expires      time.Duration // 0: never
		because      string        // of the expiry
	}{
		{"no limits", `{"everyone": {"scopes": ["read"]}}`, nil, "default", 0, "no rule limits it"},
		{"the maximum", `{"everyone": {"max_lifetime": "90d"}}`, nil, "default", 90 * day, "max_lifetime 90d of everyone"},
		{"the default", `{"everyone": {"max_lifetime": "90d", "default_lifetime": "30d", "place": "Caddyfile:4"}}`, nil, "default", 30 * day, "default_lifetime 30d of everyone (Caddyfile:4)"},
		{"not beyond the maximum", `{"everyone": {"max_lifetime": "20d"}, "groups": [{"group": "bi", "default_lifetime": "30d"}]}`, []string{"bi"}, "default", 20 * day, "max_lifetime 20d"},
		{"the group's account", `{"everyone": {"accounts": ["default"]}, "groups": [{"group": "bi", "accounts": ["reporting", "default"]}]}`, []string{"bi"}, "reporting", 0, ""},
	} {
		record := newRecord(never, account(""))
		choices := newPolicy(t, test.policy).Rights(test.groups).Complete(record, func(string) bool { return false })
		var want time.Time
		if test.expires > 0 {
			want = created.Add(test.expires)
		}
		if record.Account != test.account || !record.ExpiresAt.Equal(want) || len(choices) != 2 || !strings.Contains(choices[1].Because, test.because) {
			t.Errorf("%s: account %s, expires %s, %+v", test.name, record.Account, record.ExpiresAt, choices)
		}
	}
	choices := newPolicy(t, `{"everyone": {"networks": ["10.0.0.0/8"]}}`).Rights(nil).Complete(newRecord(), func(string) bool { return true })
	if len(choices) != 1 || choices[0] != (Choice{"allow_ip", "limited to 10.0.0.0/8 by everyone"}) {
		t.Errorf("the networks of the rule are not mentioned: %+v", choices)
	}
	record := newRecord()
	if choices := newPolicy(t, `{"everyone": {"max_lifetime": "9d"}}`).Rights(nil).Complete(record, func(string) bool { return true }); choices != nil || !record.ExpiresAt.Equal(created.Add(30*day)) {
		t.Errorf("chose %+v although everything was given", choices)
	}
}

func TestContradictions(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                 "no rules",
		`{"everyone": {"scopes": ["reed"]}}`: `invalid scope "reed"`,
		`{"everyone": {"scopes": ["none", "read"]}}`:                                         "none excludes all other scopes",
		`{"everyone": {"scopes": ["read"], "approval": ["write"]}}`:                          "the rule does not give this scope",
		`{"everyone": {"max_lifetime": "30d", "default_lifetime": "90d"}}`:                   "default_lifetime 90d exceeds max_lifetime 30d",
		`{"everyone": {"max_lifetime": "30d", "default_lifetime": "never"}}`:                 "default_lifetime never exceeds",
		`{"everyone": {"max_lifetime": "0d"}}`:                                               "invalid lifetime",
		`{"everyone": {"max_lifetime": "65000d"}}`:                                           "invalid lifetime",
		`{"everyone": {"max_lifetime": "1ms"}}`:                                              "invalid lifetime",
		`{"everyone": {"scopes": []}}`:                                                       "scopes: the list is empty: list some, or leave it out",
		`{"everyone": {"networks": []}}`:                                                     "networks: the list is empty",
		`{"everyone": {"accounts": []}}`:                                                     "accounts: the list is empty",
		`{"everyone": {"write_accounts": []}}`:                                               "write_accounts: the list is empty",
		`{"everyone": {"approval": []}}`:                                                     "approval: the list is empty",
		`{"everyone": {"max_tokens": -1}}`:                                                   "invalid max_tokens",
		`{"everyone": {"networks": ["10.0.0.1/8"]}}`:                                         "did you mean 10.0.0.0/8",
		`{"everyone": {"accounts": ["raporting"]}}`:                                          `account "raporting" is not configured`,
		`{"everyone": {"confine": "yes"}}`:                                                   `invalid confine "yes"`,
		`{"everyone": {"scopes": ["read"], "write_accounts": ["own"]}}`:                      "does not give the scope write",
		`{"everyone": {"group": "bi"}}`:                                                      "names the group",
		`{"groups": [{"group": "ib"}]}`:                                                      `there is no group "ib"`,
		`{"groups": [{"group": "bi"}, {"group": "bi"}]}`:                                     "two rules for this group",
		`{"groups": [{}]}`:                                                                   "names no group",
		`{"everyone": {"scopes": ["read"]}, "groups": [{"group": "empty", "manage": true}]}`: "nobody could manage tokens: group empty has no members: add `members …`, or write allow_no_managers in the policy",
	} {
		if _, err := tryPolicy(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestMembersMustBeOwners(t *testing.T) {
	for member, want := range map[string]string{"": "expected 1 to 254 characters", " alice": "begin or end with a space", "a:b": "colon"} {
		groups := map[string]Group{"bi": {Members: []string{"bea", member}}}
		_, err := New(&Config{Everyone: &Rule{}}, Surroundings{Groups: groups})
		if err == nil || !strings.Contains(err.Error(), "group bi: member") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", member, err)
		}
	}
}

// TestWhatHoldersRead: the holder of a token does not learn which accounts and
// networks there are.
func TestWhatHoldersRead(t *testing.T) {
	for text, record := range map[string]*token.Record{
		`{"everyone": {"accounts": ["reporting"]}}`:      newRecord(),
		`{"everyone": {"networks": ["203.0.113.0/24"]}}`: newRecord(allow("192.0.2.1")),
	} {
		s := Suspension{Violation: newPolicy(t, text).Rights(nil).Violation(record)}
		for _, hidden := range []string{"reporting", "203.0.113", "everyone"} {
			if strings.Contains(s.Why(), hidden) {
				t.Errorf("the holder reads %s", s.Why())
			}
		}
		if all := s.String(); !strings.Contains(all, "reporting") && !strings.Contains(all, "203.0.113.0/24") {
			t.Errorf("the administrator reads only %s", all)
		}
	}
}

func TestFingerprintOfMembers(t *testing.T) {
	of := func(members ...string) string { return Fingerprint(nil, map[string]Group{"bi": {Members: members}}) }
	if of("bea", "Alice") != of("alice", "bea", "bea") {
		t.Error("the order and the case of members matter")
	}
	if of("bea") == of("alice") {
		t.Error("members do not matter")
	}
}

func TestLifetimes(t *testing.T) {
	for text, want := range map[string]string{"90d": "90d", "12h": "12h", "24h": "1d", "90m": "1h30m", "never": "never", "45s": "45s"} {
		var l Lifetime
		if err := l.UnmarshalText([]byte(text)); err != nil || l.String() != want {
			t.Errorf("%s became %s, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "0d", "-1d", "90", "forever"} {
		if err := new(Lifetime).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

// BenchmarkViolation measures what the policy adds to a decision.
func BenchmarkViolation(b *testing.B) {
	rights := newPolicy(b, `{"everyone": {"scopes": ["read"], "max_lifetime": "90d", "networks": ["10.0.0.0/8"], "accounts": ["default"], "confine": "optional"}, "groups": [{"group": "bi", "scopes": ["write"]}]}`).Rights([]string{"bi"})
	record := newRecord(scope(token.ScopeWrite), allow("10.1.0.0/16", "10.2.0.0/16"))
	b.ReportAllocs()
	for b.Loop() {
		if v := rights.Violation(record); v != nil {
			b.Fatal(v)
		}
	}
}
