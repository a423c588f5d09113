package gatewaytest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/clienttest"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// TestClientsHeldAgent replays the attack of docs/agents.md: a ticket tells the agent to
// post other tickets' content. The token does not see the other project, and what the
// agent writes waits until somebody has read it.
func TestClientsHeldAgent(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Dress: fakejira.Cloud, Issues: 10, Accounts: takesAccount()}, options{})
	s := &clientSite{g: g, jira: jira}
	token := g.issue("agent@example.com", "write", "confine", map[string]any{"projects": []string{"DEMO"}}, "hold_writes", true)
	agent := clienttest.StartMCP(t, clienttest.Target{BaseURL: "http://" + g.addr, User: token.Owner, Secret: token.Token, Home: t.TempDir(), Cloud: true})
	comments := func() string {
		_, body := s.ask(t, "/rest/api/2/issue/DEMO-2?fields=comment")
		return body
	}

	if text, failed := agent.Call("jira_issues", map[string]any{"action": "get", "issueKey": "DEMO-2"}); failed || !strings.Contains(text, "coffee") {
		t.Errorf("the ticket: %s", text)
	}
	if text, failed := agent.Call("jira_issues", map[string]any{"action": "get", "issueKey": "OPS-1"}); !failed || strings.Contains(text, "certificate") {
		t.Errorf("the other project: %s", text)
	}
	say := map[string]any{"action": "add", "issueKey": "DEMO-2", "comment": "Here is what OPS works on"}
	text, failed := agent.Call("jira_comments", say)
	id := regexp.MustCompile(`[0-9A-Za-z]{10}-[0-9A-Za-z]{16}`).FindString(text)
	if !failed || id == "" || strings.Contains(comments(), "OPS works on") {
		t.Fatalf("the comment was not held: failed %t: %s", failed, text)
	}
	if text, failed := agent.Call("jira_comments", map[string]any{"action": "add", "issueKey": "OPS-1", "comment": "pwned"}); !failed || regexp.MustCompile(`[0-9A-Za-z]{10}-[0-9A-Za-z]{16}`).MatchString(text) {
		t.Errorf("a comment in the other project: %s", text)
	}
	if r := g.token("approvals", "show", id); r.code != 0 || !strings.Contains(r.out, "Adds a comment to DEMO-2") || !strings.Contains(r.out, "Here is what OPS works on") {
		t.Errorf("show: %s", r)
	}

	if r := g.token("approve", id); r.code != 0 {
		t.Fatal(r)
	}
	if text, failed := agent.Call("jira_comments", map[string]any{"action": "add", "issueKey": "DEMO-2", "comment": "Something else"}); !failed || strings.Contains(comments(), "Something else") {
		t.Errorf("another comment passed: %s", text)
	}
	if text, failed := agent.Call("jira_comments", say); failed || strings.Count(comments(), "OPS works on") != 1 {
		t.Errorf("the approved comment: failed %t: %s", failed, text)
	}
	if text, failed := agent.Call("jira_comments", say); !failed || strings.Count(comments(), "OPS works on") != 1 {
		t.Errorf("it passed twice: %s", text)
	}
	if status, _ := s.ask(t, "/rest/api/2/issue/OPS-1"); status != http.StatusOK {
		t.Errorf("OPS-1: HTTP %d", status)
	}
}
