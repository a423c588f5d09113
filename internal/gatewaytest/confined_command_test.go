package gatewaytest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// confinedToken is a confined token as the command prints it.
type confinedToken struct {
	issued
	Confine struct {
		Projects []string `json:"projects"`
		JQL      string   `json:"jql"`
		Hide     []string `json:"hide"`
	} `json:"confine"`
	Check *struct {
		Jira   string `json:"jira"`
		Issues *int   `json:"issues"`
	} `json:"confine_check"`
}

// TestConfineCommand confines tokens through the command, as people do.
func TestConfineCommand(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		t.Run(dress.String(), func(t *testing.T) {
			g, jira := withJira(t, fakejira.Options{Dress: dress, Issues: 12, Accounts: takesAccount()}, options{})
			s := &commandSite{g, jira, g.issue("bob", "read")}
			s.creates(t)
			s.updates(t)
			s.refuses(t)
			s.withoutJira(t)
		})
	}
}

type commandSite struct {
	g    *gateway
	jira *fakejira.Server
	open issued
}

// create creates a token and returns what the command prints as JSON.
func (s *commandSite) create(t *testing.T, args ...string) (made confinedToken) {
	t.Helper()
	r := s.g.token(append([]string{"create", "--owner", "alice", "--name", "x", "--scope", "write", "--expires", "90d", "-o", "json"}, args...)...)
	if r.code != 0 || r.err != "" {
		t.Fatalf("%q: %s", args, r)
	}
	decodeJSON(t, r.out, &made)
	s.g.guard(made.Owner, made.Token)
	return made
}

// sees checks which issues a token sees.
func (s *commandSite) sees(t *testing.T, token issued, keys map[string]int) {
	t.Helper()
	for key, status := range keys {
		if a := s.g.do("GET", "/rest/api/2/issue/"+key, token.basic()); a.status != status {
			t.Errorf("%s: %s, want HTTP %d", key, a, status)
		}
	}
}

func (s *commandSite) creates(t *testing.T) {
	made := s.create(t, "--project", "demo", "--project", "OPS", "--hide", "internal-comments", "--hide", "Story Points")
	if strings.Join(made.Confine.Projects, " ") != "DEMO OPS" || strings.Join(made.Confine.Hide, " ") != "internal-comments Story Points" || made.Check == nil || made.Check.Issues == nil || *made.Check.Issues < 13 {
		t.Errorf("%+v", made)
	}
	s.sees(t, made.issued, map[string]int{"DEMO-1": 200, "OPS-1": 200, "NONE-1": 404})
	if a := s.g.do("GET", "/rest/api/2/issue/DEMO-1", made.basic()); strings.Contains(a.body, "customfield_10016") {
		t.Errorf("the hidden field is there: %s", a)
	}

	made = s.create(t, "--project", "DEMO", "--jql", "key in (DEMO-1, OPS-1)")
	if made.Confine.JQL != "key in (DEMO-1, OPS-1)" || made.Check == nil || made.Check.Issues == nil || *made.Check.Issues != 1 {
		t.Errorf("%+v", made)
	}
	s.sees(t, made.issued, map[string]int{"DEMO-1": 200, "DEMO-2": 404, "OPS-1": 404})

	r := s.g.tokenCommand("create", "--owner", "alice", "--name", "text", "--expires", "90d", "--project", "DEMO", "--project", "OPS", "--jql", "key = DEMO-1", "--hide", "internal-comments")
	secret := regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`).FindString(r.out)
	s.g.guard("alice", secret)
	if r.code != 0 || r.err != "" || secret == "" {
		t.Fatal(r)
	}
	for _, want := range []string{"sees 2 projects (DEMO, OPS); issues that match key = DEMO-1; hidden: internal-comments", "sees now 1 issue"} {
		if !strings.Contains(oneLine(r.out), want) {
			t.Errorf("lacks %q: %s", want, r)
		}
	}
	for _, args := range [][]string{{"show", secret[3:13]}, {"list", "--search", "text"}} {
		if r := s.g.token(args...); r.code != 0 || !strings.Contains(r.out, "confined") && !strings.Contains(oneLine(r.out), "sees 2 projects (DEMO, OPS)") {
			t.Errorf("%q: %s", args, r)
		}
	}
}

// updates changes a token's confinement part by part.
func (s *commandSite) updates(t *testing.T) {
	made := s.create(t, "--project", "DEMO")
	update := func(args ...string) (changed confinedToken) {
		t.Helper()
		r := s.g.token(append([]string{"update", made.ID, "-o", "json"}, args...)...)
		if r.code != 0 || r.err != "" {
			t.Fatalf("%q: %s", args, r)
		}
		decodeJSON(t, r.out, &changed)
		return changed
	}
	for _, step := range []struct {
		args []string
		want string // projects; JQL; hidden
		sees map[string]int
	}{
		{[]string{"--name", "y"}, "DEMO; ; ", map[string]int{"DEMO-2": 200, "OPS-1": 404}},
		{[]string{"--jql", "key = DEMO-1"}, "DEMO; key = DEMO-1; ", map[string]int{"DEMO-1": 200, "DEMO-2": 404}},
		{[]string{"--hide", "Story Points"}, "DEMO; key = DEMO-1; Story Points", map[string]int{"DEMO-1": 200, "DEMO-2": 404}},
		{[]string{"--project", "OPS", "--jql", ""}, "OPS; ; Story Points", map[string]int{"DEMO-1": 404, "OPS-1": 200}},
		{[]string{"--hide", ""}, "OPS; ; ", map[string]int{"DEMO-1": 404, "OPS-1": 200}},
		{[]string{"--unconfine"}, "; ; ", map[string]int{"DEMO-1": 200, "OPS-1": 200}},
		{[]string{"--project", "LATER", "--no-check"}, "LATER; ; ", map[string]int{"DEMO-1": 404, "OPS-1": 404}},
		{[]string{"--project", "DEMO", "--no-check"}, "DEMO; ; ", map[string]int{"DEMO-1": 200, "OPS-1": 404}},
		{[]string{"--jql", "key = OPS-1", "--unconfine"}, "; key = OPS-1; ", map[string]int{"DEMO-1": 404, "OPS-1": 200}},
	} {
		c := update(step.args...).Confine
		if got := strings.Join(c.Projects, " ") + "; " + c.JQL + "; " + strings.Join(c.Hide, " "); got != step.want {
			t.Errorf("%q: %s, want %s", step.args, got, step.want)
		}
		s.sees(t, made.issued, step.sees)
	}
	if r := s.g.token("update", made.ID, "--project", "DEMO", "--jql", "key = DEMO-1"); r.code != 0 || !strings.Contains(r.out, "It now sees 1 issue: project DEMO; issues that match key = DEMO-1.") {
		t.Error(r)
	}
}

// refuses checks that bad input creates and changes nothing.
func (s *commandSite) refuses(t *testing.T) {
	before := s.g.token("list", "-o", "json").out
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--project", "NOPE"}, []string{"--project", "NOPE", "no such project"}},
		{[]string{"--project", "DEMO", "--project", "NOPE"}, []string{"--project", "NOPE"}},
		{[]string{"--project", "not a key"}, []string{"--project", "NOT A KEY", "ACME"}},
		{[]string{"--jql", "project = DEMO ORDER BY created"}, []string{"--jql", "ORDER BY"}},
		{[]string{"--jql", "project = DEMO ORDER BY created", "--no-check"}, []string{"--jql", "ORDER BY"}},
		{[]string{"--jql", "key = DEMO-1) OR (key = OPS-1"}, []string{"--jql"}},
		{[]string{"--jql", "nonsense = 1"}, []string{"--jql", "nonsense"}},
		{[]string{"--jql", " "}, []string{"--jql"}},
		{[]string{"--hide", "Sumary"}, []string{"--hide", "Sumary"}},
		{[]string{"--hide", "internal comments"}, []string{"--hide", "internal comments"}},
	} {
		for _, to := range [][]string{{"create", "--owner", "alice", "--name", "bad"}, {"update", s.open.ID}} {
			r := s.g.token(append(to, c.args...)...)
			if r.code == 0 || r.out != "" || strings.Count(strings.TrimSpace(r.err), "\n") > 1 {
				t.Errorf("%q: %s", c.args, r)
			}
			for _, want := range c.want {
				if !strings.Contains(r.err, want) {
					t.Errorf("%s %q: does not say %q: %s", to[0], c.args, want, r)
				}
			}
		}
	}
	// Empty parts: an unset variable of a script.
	for _, flag := range []string{"--project", "--jql", "--hide"} {
		if r := s.g.token("create", "--owner", "alice", "--name", "empty", flag, ""); r.code == 0 || !strings.Contains(r.err, flag) {
			t.Errorf("%s '': %s", flag, r)
		}
	}
	if after := s.g.token("list", "-o", "json").out; after != before {
		t.Errorf("tokens before\n%s\nand after\n%s", before, after)
	}
}

// withoutJira confines tokens while Jira is away.
func (s *commandSite) withoutJira(t *testing.T) {
	s.jira.SetFaults(fakejira.Faults{Status: http.StatusServiceUnavailable})
	for _, to := range [][]string{{"create", "--owner", "alice", "--name", "away"}, {"update", s.open.ID}} {
		if r := s.g.token(append(to, "--project", "DEMO")...); r.code == 0 || r.out != "" || !strings.Contains(r.err, "account default") || !strings.Contains(r.err, "--no-check") {
			t.Errorf("%s: %s", to[0], r)
		}
	}
	made := s.create(t, "--project", "DEMO", "--hide", "Story Points", "--no-check")
	if made.Check != nil {
		t.Errorf("Jira was asked: %+v", made)
	}
	if a := s.g.do("GET", "/rest/api/2/issue/DEMO-9", made.basic()); a.status != http.StatusBadGateway || a.reason() != "jira_unreachable" {
		t.Error(a)
	}
	s.jira.SetFaults(fakejira.Faults{})
	s.sees(t, made.issued, map[string]int{"DEMO-1": 200, "OPS-1": 404})
}

// TestConfinedGateway confines all tokens of a gateway.
func TestConfinedGateway(t *testing.T) {
	const site = "confine {\nprojects demo OPS\njql `key in (DEMO-1, DEMO-2, OPS-1)`\nhide \"Story Points\"\nttl 1h\n}"
	g, _ := withJira(t, fakejira.Options{Dress: fakejira.DataCenter, Issues: 12, Accounts: takesAccount()}, options{site: site})
	s := &commandSite{g: g}
	all, own := s.create(t), s.create(t, "--project", "DEMO", "--jql", "key != DEMO-2")
	s.sees(t, all.issued, map[string]int{"DEMO-1": 200, "DEMO-2": 200, "DEMO-3": 404, "OPS-1": 200})
	s.sees(t, own.issued, map[string]int{"DEMO-1": 200, "DEMO-2": 404, "DEMO-3": 404, "OPS-1": 404})
	if a := g.do("GET", "/rest/api/2/issue/DEMO-1", all.basic()); strings.Contains(a.body, "customfield_10016") || !strings.Contains(a.body, "summary") {
		t.Errorf("the hidden field is there, or no other: %s", a)
	}
	if r := g.token("update", own.ID, "--unconfine"); r.code != 0 {
		t.Error(r)
	}
	s.sees(t, own.issued, map[string]int{"DEMO-2": 200, "DEMO-3": 404})

	running := g.options
	for option, want := range map[string]string{
		"confine {\n}":                                        "nothing to confine",
		"confine {\nprojects \"not a key\"\n}":                "NOT A KEY",
		"confine {\njql `project = DEMO ORDER BY created`\n}": "ORDER BY",
		"confine {\njql `key = DEMO-1) OR (key = OPS-1`\n}":   "JQL",
		"confine {\nprojects DEMO\nttl soon\n}":               "ttl",
		"confine {\nproject DEMO\n}":                          "projects",
		"confine {\nhide \"\"\n}":                             "hide",
	} {
		g.configure(withSite(running, site, option))
		if r := g.reload(); r.code == 0 || !strings.Contains(r.err, want) {
			t.Errorf("%q: %s, want %q", option, r, want)
		}
	}
	s.sees(t, all.issued, map[string]int{"DEMO-3": 404})
}

func withSite(o options, site, other string) options {
	o.instead = strings.Replace(o.instead, site, other, 1)
	return o
}
