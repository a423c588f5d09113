package gatewaytest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// TestListAndOverview: the command lists tokens by every filter and in every order, names
// the flag of what it refuses, and the overview counts tokens and denied requests.
func TestListAndOverview(t *testing.T) {
	redis := redistest.Start(t)
	for name, store := range map[string]string{"file": "", "redis": redisStore(redis)} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, options{store: store})
			used, idle := g.issue("alice", "read"), g.issue("bob", "write")
			g.check(t, g.do("GET", issuePath, used.basic()), passes)
			g.check(t, g.do("POST", "/rest/api/3/issue", used.basic(), "{}"), refused(403, "scope_insufficient"))
			g.check(t, g.do("GET", issuePath, basic("alice", "wrong")), refused(401, "invalid_token"))
			listed := func(flags ...string) string {
				t.Helper()
				r := g.token(append([]string{"list"}, flags...)...)
				if r.code != 0 {
					t.Fatalf("list %v: %s", flags, r)
				}
				var found []string
				for line := range strings.Lines(r.out) {
					for name, id := range map[string]string{"used": used.ID, "idle": idle.ID} {
						if strings.Contains(line, id) {
							found = append(found, name)
						}
					}
				}
				return strings.Join(found, " ")
			}
			for flags, want := range map[string]string{
				"--scope write":                    "idle",
				"--scope read,write --sort -owner": "idle used",
				"--sort owner":                     "used idle",
				"--search ALI":                     "used",
				"--never-used":                     "idle",
				"--created-after 1h --kind user --sort owner": "used idle",
				"--created-before 1h":                         "",
				"--used-before 1h":                            "",
				"--network 192.0.2.1":                         "",
				"--project ACME":                              "",
				"--expiring 1d":                               "",
			} {
				if got := listed(strings.Fields(flags)...); got != want {
					t.Errorf("list %s: %s, want %s", flags, got, want)
				}
			}
			for flags, want := range map[string]string{
				"--scope reed":                  "--scope: ",
				"--sort size":                   "--sort: invalid sort \"size\": expected created",
				"--never-used --used-after 1d":  "--never-used: this cannot be combined",
				"--state damaged --network ::1": "--network: this cannot be combined",
				"--created-after soon":          "--created-after: ",
			} {
				if r := g.token(append([]string{"list"}, strings.Fields(flags)...)...); r.code == 0 || !strings.Contains(r.err, want) {
					t.Errorf("list %s: %s, want %q", flags, r, want)
				}
			}
			eventually(t, "the overview", func() error {
				var overview struct {
					Tokens struct {
						States, Scopes map[string]int
						NeverUsed      int `json:"never_used"`
						Denials        struct{ Day, Week map[string]int }
					}
					Health   struct{ OK bool }
					Accounts map[string]int
				}
				g.call("GET", "/jira_tokens/overview", nil, 200, &overview)
				n := overview.Tokens
				if n.States["active"] != 2 || n.Scopes["read"] != 1 || n.Scopes["write"] != 1 || !overview.Health.OK || len(overview.Accounts) == 0 ||
					n.Denials.Day["scope_insufficient"] != 1 || n.Denials.Week["invalid_token"] != 1 {
					return fmt.Errorf("%+v", overview)
				}
				return nil
			})
		})
	}
}
