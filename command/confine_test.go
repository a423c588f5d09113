package command

import (
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestNewTokenShowsWhatItSees(t *testing.T) {
	issues := 1234567
	view := admin.Token{
		Record: &token.Record{
			ID: "0123456789", Owner: "alice", Name: "BI", Scope: token.ScopeRead, Account: "default",
			Confine: token.Confinement{Projects: []token.Project{{Key: "ACME"}, {Key: "OPS"}}, Hide: []string{"internal-comments"}},
		},
		ConfineCheck: &admin.ConfineCheck{Jira: "https://acme.atlassian.net", Issues: &issues},
	}
	var out strings.Builder
	new(client).printNewToken(&out, view, "Created")
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"sees 2 projects (ACME, OPS); hidden: internal-comments", "sees now 1,234,567 issues"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	for n, want := range map[int]string{0: "0 issues", 1: "1 issue", 999: "999 issues", 1000: "1,000 issues"} {
		view.ConfineCheck.Issues = &n
		if got := issuesNow(view); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
