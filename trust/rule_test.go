package trust_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// TestConditions checks which claims meet a condition.
func TestConditions(t *testing.T) {
	issuer := fakeissuer.New(t)
	nested := map[string]any{"kubernetes.io": map[string]any{"namespace": "ci", "a/b": "slash", "list": []string{"x"}}}
	for _, c := range []struct {
		condition trust.Condition
		claims    map[string]any
		want      bool
	}{
		{is("c", "x"), map[string]any{"c": "x"}, true},
		{is("c", "x", "y"), map[string]any{"c": "y"}, true},
		{is("c", "x"), map[string]any{"c": "X"}, false},
		{is("c", "x"), map[string]any{"c": "x "}, false},
		{is("c", "x"), nil, false},
		{is("c", "12"), map[string]any{"c": 12}, true},
		{is("c", "12"), map[string]any{"c": "12"}, true},
		{is("c", "12"), map[string]any{"c": 12.5}, false},
		{is("c", "true"), map[string]any{"c": true}, true},
		{is("c", "true"), map[string]any{"c": false}, false},
		{is("c", "x"), map[string]any{"c": []string{"x"}}, false},
		{is("c", "x"), map[string]any{"c": map[string]any{"x": "x"}}, false},
		{has("c", "x"), map[string]any{"c": []string{"y", "x"}}, true},
		{has("c", "x"), map[string]any{"c": []string{"xy"}}, false},
		{has("c", "x"), map[string]any{"c": "x"}, false},
		{has("c", "x"), map[string]any{"c": "axb"}, false},
		{has("c", "x"), map[string]any{"c": [][]string{{"x"}}}, false},
		{has("c", "7"), map[string]any{"c": []int{7}}, true},
		{is("/kubernetes.io/namespace", "ci"), nested, true},
		{is("/kubernetes.io/a~1b", "slash"), nested, true},
		{is("/kubernetes.io", "ci"), nested, false},
		{is("/kubernetes.io/namespace/x", "ci"), nested, false},
		{is("/kubernetes.io/list/0", "x"), nested, false},
		{has("/kubernetes.io/list", "x"), nested, true},
		{is("kubernetes.io.namespace", "ci"), nested, false},
		{is("https://acme.example/team", "a"), map[string]any{"https://acme.example/team": "a"}, true},

		{like("c", "repo:acme/*"), map[string]any{"c": "repo:acme/site"}, true},
		{like("c", "repo:acme/*"), map[string]any{"c": "repo:acme/site:ref:refs/heads/main"}, true},
		{like("c", "repo:acme/*"), map[string]any{"c": "repo:acme/"}, false},
		{like("c", "repo:acme/*"), map[string]any{"c": "repo:acme-evil/site"}, false},
		{like("c", "repo:acme/*"), map[string]any{"c": "repo:evil/repo:acme/site"}, false},
		{like("c", "repo:acme/*:ref:refs/heads/main"), map[string]any{"c": "repo:acme/site:ref:refs/heads/main"}, true},
		{like("c", "repo:acme/*:ref:refs/heads/main"), map[string]any{"c": "repo:acme/site:ref:refs/heads/main2"}, false},
		{like("c", "repo:acme/*:ref:refs/heads/main"), map[string]any{"c": "repo:acme/site:ref:refs/heads/x:ref:refs/heads/main"}, false},
		{like("c", "repo:acme/*:ref:refs/heads/main"), map[string]any{"c": "repo:acme/a/b:ref:refs/heads/main"}, false},
		{like("c", "repo:acme/*:ref:refs/heads/main"), map[string]any{"c": "repo:acme/:ref:refs/heads/main"}, false},
		{like("c", "a/*/*/d"), map[string]any{"c": "a/b/c/d"}, true},
		{like("c", "a/*/*/d"), map[string]any{"c": "a/b/d"}, false},
		{like("c", "a/*/*"), map[string]any{"c": "a/b/c/d"}, true},
		{like("c", "a/*/*"), map[string]any{"c": "a/b/"}, false},
		{like("c", "x/*", "a/*"), map[string]any{"c": "a/b"}, true},
		{like("c", "a/*"), map[string]any{"c": []string{"a/b"}}, false},
	} {
		known := newTrust(t, trusting(issuer, trust.Rule{When: []trust.Condition{c.condition}, Token: edit(`{"owner":"x"}`)}))
		_, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, c.claims)))
		if (err == nil) != c.want {
			t.Errorf("%+v for %v: %v", c.condition, c.claims, err)
		}
	}
}

// TestFirstRuleApplies: rules are tried in order, and all conditions of one must hold.
func TestFirstRuleApplies(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer,
		trust.Rule{When: []trust.Condition{is("ref", "main"), is("env", "production")}, Token: edit(`{"owner":"deployer","scope":"write"}`), Place: "Caddyfile:3"},
		trust.Rule{When: []trust.Condition{is("ref", "main")}, Token: edit(`{"owner":"tester"}`), Place: "Caddyfile:7"},
		trust.Rule{When: []trust.Condition{is("env", "production")}, Token: edit(`{"owner":"nobody"}`), Place: "Caddyfile:9"},
	))
	for owner, claims := range map[string]map[string]any{
		`"deployer"`: {"ref": "main", "env": "production"},
		`"tester"`:   {"ref": "main", "env": "test"},
		`"nobody"`:   {"ref": "other", "env": "production"},
	} {
		grant, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, claims)))
		if err != nil || string(grant.Token["owner"]) != owner {
			t.Errorf("%v: %v, %v, want %s", claims, grant, err, owner)
		}
	}
	_, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, map[string]any{"ref": "other"})))
	for _, want := range []string{`Caddyfile:3: ref is "other", expected == main`, `Caddyfile:9: env is missing`} {
		wantDetail(t, err, want)
	}
}

func TestOwnerFromClaims(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer, trust.Rule{
		When:  []trust.Condition{like("repository", "acme/*"), is("/k/ns", "a", "b")},
		Token: edit(`{"owner":"ci-{claim.repository}-{claim./k/ns}"}`),
	}))
	sign := func(repository, ns string) string {
		return issuer.Sign(t, issuer.Claims(audience, map[string]any{"repository": repository, "k": map[string]any{"ns": ns}}))
	}
	grant, err := exchange(known, sign("acme/site", "b"))
	if err != nil || string(grant.Token["owner"]) != `"ci-acme/site-b"` {
		t.Fatalf("%v, %v", grant, err)
	}
	for _, repository := range []string{"acme/a:b", "acme/" + strings.Repeat("x", 300), "acme/\u202e"} {
		_, err := exchange(known, sign(repository, "b"))
		wantDetail(t, err, "owner")
	}
}

func TestLongSubject(t *testing.T) {
	issuer := fakeissuer.New(t)
	known := newTrust(t, trusting(issuer, trust.Rule{When: []trust.Condition{is("c", "x")}, Token: edit(`{"owner":"x"}`)}))
	for _, subject := range []string{strings.Repeat("é", 5000), "  spaces  ", "\u202e", "line\nbreak"} {
		grant, err := exchange(known, issuer.Sign(t, issuer.Claims(audience, map[string]any{"c": "x", "sub": subject})))
		if err != nil {
			t.Errorf("%.20q: %v", subject, err)
		} else if len(grant.Subject) > 310 || len(grant.Token["name"]) > 500 {
			t.Errorf("%.20q: the name or the subject is too long", subject)
		}
	}
}

func TestWrongConfigurations(t *testing.T) {
	issuer := fakeissuer.New(t)
	const github = "https://token.actions.githubusercontent.com"
	rule := func(change func(*trust.Rule)) func(*trust.Issuer) {
		return func(i *trust.Issuer) {
			r := ciRule()
			change(&r)
			i.Rules = []trust.Rule{r}
		}
	}
	when := func(conditions ...trust.Condition) func(*trust.Issuer) {
		return rule(func(r *trust.Rule) { r.When = conditions })
	}
	fields := func(fields string) func(*trust.Issuer) {
		return rule(func(r *trust.Rule) { r.Token = edit(fields) })
	}
	onGitHub := func(conditions ...trust.Condition) func(*trust.Issuer) {
		return func(i *trust.Issuer) {
			when(conditions...)(i)
			i.Issuer = github
		}
	}
	for name, c := range map[string]struct {
		change func(*trust.Issuer)
		want   string // empty if it is right
	}{
		"right":                       {func(*trust.Issuer) {}, ""},
		"no audience":                 {func(i *trust.Issuer) { i.Audiences = nil }, "missing audience"},
		"empty audience":              {func(i *trust.Issuer) { i.Audiences = []string{""} }, "invalid audience"},
		"audience with a wildcard":    {func(i *trust.Issuer) { i.Audiences = []string{"*"} }, "invalid audience"},
		"no rules":                    {func(i *trust.Issuer) { i.Rules = nil }, "no rules"},
		"no conditions":               {when(), "no conditions"},
		"no claim":                    {when(is("", "x")), "no claim"},
		"no value":                    {when(is("sub")), "no value"},
		"empty value":                 {when(is("sub", "")), "no value"},
		"unknown comparison":          {when(trust.Condition{Claim: "sub", Op: "~", Values: []string{"x"}}), "expected =="},
		"wildcard in an exact value":  {when(is("sub", "repo:acme/*")), "like"},
		"pattern without a wildcard":  {when(like("sub", "repo:acme/site")), "no *"},
		"wildcard first":              {when(like("sub", "*:main")), "at the beginning"},
		"wildcard within a part":      {when(like("sub", "repo:acme*")), "acme-evil"},
		"wildcard before a part":      {when(like("sub", "repo:acme/*site")), "whole part"},
		"two wildcards":               {when(like("sub", "repo:acme/**")), "whole part"},
		"no owner":                    {fields(`{"scope":"read"}`), "missing owner"},
		"owner with a colon":          {fields(`{"owner":"a:b"}`), "colon"},
		"owner of a free claim":       {fields(`{"owner":"{claim.actor}"}`), "is not limited"},
		"owner of another claim":      {fields(`{"owner":"{claim.subject}"}`), "is not limited"},
		"malformed placeholder":       {fields(`{"owner":"{sub}"}`), "placeholder"},
		"exempt":                      {fields(`{"owner":"x","exempt":"because"}`), "exempt"},
		"expiry":                      {fields(`{"owner":"x","expires_at":"never"}`), "lifetime"},
		"not before":                  {fields(`{"owner":"x","not_before":"1d"}`), "not_before"},
		"unknown field":               {fields(`{"owner":"x","projects":["A"]}`), "unknown field"},
		"unknown scope":               {fields(`{"owner":"x","scope":"all"}`), "scope"},
		"unknown kind":                {fields(`{"owner":"x","kind":"robot"}`), "kind"},
		"external without a purpose":  {fields(`{"owner":"x","kind":"external"}`), "purpose"},
		"JQL":                         {fields(`{"owner":"x","confine":{"jql":"project = ("}}`), "confine"},
		"lifetime too long":           {rule(func(r *trust.Rule) { r.Lifetime = caddy.Duration(25 * time.Hour) }), "lifetime"},
		"lifetime too short":          {rule(func(r *trust.Rule) { r.Lifetime = caddy.Duration(time.Second) }), "lifetime"},
		"http":                        {func(i *trust.Issuer) { i.Issuer = "http://issuer.example" }, "https"},
		"no URL":                      {func(i *trust.Issuer) { i.Issuer = "issuer" }, "URL"},
		"credentials in the URL":      {func(i *trust.Issuer) { i.Issuer = "https://a:b@issuer.example" }, "URL"},
		"keys over http":              {func(i *trust.Issuer) { i.JWKS = "http://issuer.example/keys" }, "https"},
		"no such key file":            {func(i *trust.Issuer) { i.JWKS = "/no/such/file" }, "jwks"},
		"no such CA":                  {func(i *trust.Issuer) { i.CA = []string{"/no/such/file"} }, "ca"},
		"CA is something else":        {func(i *trust.Issuer) { i.CA = []string{"rule_test.go"} }, "PEM"},
		"no such token file":          {func(i *trust.Issuer) { i.TokenFile = "/no/such/file" }, "token_file"},
		"SPIFFE without keys":         {func(i *trust.Issuer) { i.Issuer = "spiffe://example.org" }, "jwks"},
		"SPIFFE ID for a domain":      {func(i *trust.Issuer) { i.Issuer = "spiffe://example.org/a" }, "trust domain"},
		"keys kept for a minute":      {func(i *trust.Issuer) { i.KeepKeys = caddy.Duration(time.Minute) }, "keep_keys"},
		"all of GitHub":               {onGitHub(is("ref", "refs/heads/main")), "to anybody"},
		"all of GitHub by pattern":    {onGitHub(like("sub", "repo:*")), "to anybody"},
		"any organization":            {onGitHub(like("sub", "repo:*:ref:refs/heads/main")), "to anybody"},
		"any caller of a workflow":    {onGitHub(is("job_workflow_ref", "acme/ci/.github/workflows/x.yml@refs/heads/main")), "to anybody"},
		"an organization on GitHub":   {onGitHub(like("sub", "repo:acme/*")), ""},
		"an organization by its ID":   {onGitHub(is("repository_owner_id", "42"), is("ref", "refs/heads/main")), ""},
		"repositories of an owner":    {onGitHub(like("repository", "acme/*")), ""},
		"an array with an identifier": {onGitHub(has("repository", "acme/site")), "to anybody"},
	} {
		config := trusting(issuer)
		c.change(&config)
		_, err := trust.New([]trust.Issuer{config}, func(source trust.Source) (*trust.Keys, error) {
			keys := trust.NewKeys(source, func(error) {})
			t.Cleanup(keys.Close)
			return keys, nil
		})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := trust.New([]trust.Issuer{trusting(issuer), trusting(issuer)}, func(trust.Source) (*trust.Keys, error) { return nil, nil }); err == nil {
		t.Error("two blocks for an issuer: no error")
	}
}

func TestExplain(t *testing.T) {
	issuer := fakeissuer.New(t)
	rule := ciRule()
	rule.Place = "Caddyfile:5"
	known := newTrust(t, trusting(issuer, rule))
	explain := func(claims map[string]any) trust.Explanation {
		t.Helper()
		explanation, err := known.Explain(t.Context(), issuer.Sign(t, issuer.Claims(audience, claims)))
		if err != nil {
			t.Fatal(err)
		}
		return explanation
	}
	if e := explain(nil); !e.Accepted || e.Issuer != issuer.URL || len(e.Rules) != 1 || !e.Rules[0].Matches || e.Lifetime != "15m0s" {
		t.Errorf("got %+v", e)
	}
	e := explain(map[string]any{"sub": "repo:acme/other", "exp": 1})
	if e.Accepted || !strings.Contains(e.Why, "expired") || e.Rules[0].Matches || !strings.Contains(e.Rules[0].Why, "repo:acme/other") {
		t.Errorf("got %+v", e)
	}
	if e := explain(map[string]any{"iss": "https://evil.example"}); e.Accepted || e.Claims != nil || !strings.Contains(e.Why, "not trusted") {
		t.Errorf("got %+v", e)
	}
}
