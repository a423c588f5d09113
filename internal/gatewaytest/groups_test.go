package gatewaytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

const groupsFromJira = `groups_from jira {
	interval 1s
	keep 1h
}
policy {
	everyone {
		scopes read
	}
	group writers {
		scopes write
	}
}`

// TestGroupsFromJira: whoever leaves a group in Jira, or Jira itself, loses the rights soon,
// and has them again when back. Requests do not wait for Jira to say so.
func TestGroupsFromJira(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		t.Run(dress.String(), func(t *testing.T) {
			g, jira := withJira(t, fakejira.Options{Dress: dress, Accounts: takesAccount()}, options{apps: groupsFromJira})
			jira.SetUser("bob", true, "writers")
			if r := g.token("create", "--owner", "typo@example.com", "--name", "x"); r.code == 0 || !strings.Contains(r.err, "is not a user in Jira") {
				t.Error(r)
			}
			if r := g.token("create", "--owner", "ada@example.com", "--name", "x", "--scope", "write"); r.code == 0 || !strings.Contains(r.err, "scope write is not allowed") {
				t.Error(r)
			}
			bob := g.issue("bob@example.com", "write")
			try := func(status int, reason string) error {
				if a := g.do("GET", "/rest/api/2/issue/DEMO-1", bob.basic()); a.status != status || a.reason() != reason {
					return fmt.Errorf("%s, want %d %s", a, status, reason)
				}
				return nil
			}
			soon := func(status int, reason string) {
				t.Helper()
				eventually(t, "the owner's standing to change", func() error { return try(status, reason) })
			}
			soon(http.StatusOK, "")
			jira.SetUser("bob", true)
			soon(http.StatusUnauthorized, "policy_suspended")
			jira.SetUser("bob", false, "writers")
			soon(http.StatusUnauthorized, "owner_suspended")
			if r := g.token("owners", "--state", "inactive"); !strings.Contains(r.out, "bob@example.com") || !strings.Contains(r.out, "inactive") {
				t.Error(r)
			}
			jira.RemoveUser("bob")
			soon(http.StatusUnauthorized, "owner_suspended")
			jira.SetUser("bob", true, "writers")
			soon(http.StatusOK, "")

			// What is known survives a reload and a restart, even while Jira is away, and
			// no request waits for Jira.
			jira.SetFaults(fakejira.Faults{Intercept: func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/myself") || strings.Contains(r.URL.Path, "/user") {
					<-r.Context().Done()
					return true
				}
				return false
			}})
			if r := g.reload(); r.code != 0 {
				t.Fatal(r)
			}
			for range 20 {
				if err := try(http.StatusOK, ""); err != nil {
					t.Error(err)
				}
			}
			g.stop()
			g.start()
			if err := try(http.StatusOK, ""); err != nil {
				t.Error(err)
			}
			jira.SetFaults(fakejira.Faults{Status: http.StatusBadGateway})
			g.eventuallyLogged(t, "does not say which groups")
			if status, answer := g.adminCall("GET", "/jira_tokens/health", ""); status != http.StatusOK || !strings.Contains(answer, `"groups_from_jira":{"ok":false,"error":`) {
				t.Errorf("HTTP %d %s", status, answer)
			}
			jira.SetFaults(fakejira.Faults{})
			g.eventuallyLogged(t, "says again which groups")
		})
	}
}

// TestGroupsFromSeveralJiras: a configuration in which it is not clear which Jira to ask
// does not load.
func TestGroupsFromSeveralJiras(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Accounts: takesAccount()}, options{})
	other := newUpstream(t)
	o := g.options
	o.instead = fmt.Sprintf("route /a* {\njira_gateway %s {\naccounts default\n}\n}\nroute /b* {\njira_gateway %s {\naccounts default\n}\n}", jira.URL(), other.url())
	for option, says := range map[string]string{
		"groups_from jira": "several Jiras: name one with",
		"groups_from jira {\njira http://elsewhere\n}":   "no gateway forwards to http://elsewhere",
		"groups_from jira {\naccount nobody\n}":          "add `account nobody { … }` to jira_tokens",
		"groups_from jira {\ninterval 1h\nkeep 1m\n}":    "invalid keep 1m0s",
		"groups_from jira {\njira " + jira.URL() + "\n}": "",
	} {
		o.apps = option
		g.configure(o)
		if r := g.reload(); (r.code == 0) != (says == "") || !strings.Contains(r.err, says) {
			t.Errorf("%s: %s", option, r)
		}
	}
}
