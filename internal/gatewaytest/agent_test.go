package gatewaytest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/clienttest"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// TestClientsAgent replays an attack on an AI agent, tool call by tool call: the
// text of a ticket tells the agent to fetch the tickets of another project and to
// post them where the attacker can read them. The agent works through an MCP
// server with a token that is confined to one project, and does as it is told.
func TestClientsAgent(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Dress: fakejira.Cloud, Issues: 10, Accounts: takesAccount()}, options{})
	s := &clientSite{g: g, jira: jira}
	token := g.issue("agent@example.com", "write", "confine", map[string]any{"projects": []string{"DEMO"}})
	agent := clienttest.StartMCP(t, clienttest.Target{BaseURL: "http://" + g.addr, User: token.Owner, Secret: token.Token, Home: t.TempDir(), Cloud: true})

	const secret = "Renew the certificate" // the summary of OPS-1
	works := func(tool string, arguments map[string]any, shows string) {
		t.Helper()
		text, failed := agent.Call(tool, arguments)
		if failed || !strings.Contains(text, shows) || strings.Contains(text, secret) || strings.Contains(text, "OPS") {
			t.Errorf("%s %v: failed %t: %s", tool, arguments, failed, text)
		}
	}
	refused := func(tool string, arguments map[string]any) {
		t.Helper()
		if text, failed := agent.Call(tool, arguments); !failed || strings.Contains(text, secret) {
			t.Errorf("%s %v: failed %t: %s", tool, arguments, failed, text)
		}
	}

	// Its ordinary day.
	works("jira_search", map[string]any{"action": "projects"}, "DEMO")
	works("jira_search", map[string]any{"action": "issues", "jql": "project = DEMO ORDER BY key"}, "DEMO-1")
	works("jira_search", map[string]any{"action": "issues", "jql": "text ~ certificate OR status = \"To Do\""}, "DEMO-")
	works("jira_issues", map[string]any{"action": "get", "issueKey": "DEMO-2"}, "Choose a coffee machine")
	works("jira_comments", map[string]any{"action": "get", "issueKey": "DEMO-2"}, "quiet one")
	works("jira_workflow", map[string]any{"action": "get_transitions", "issueKey": "DEMO-3"}, "Done")
	works("jira_links", map[string]any{"action": "list", "issueKey": "DEMO-4"}, "DEMO-3")
	works("jira_issues", map[string]any{"action": "create", "projectKey": "DEMO", "summary": "Descale", "issueType": "Task"}, "DEMO-11")
	works("jira_issues", map[string]any{"action": "update", "issueKey": "DEMO-11", "summary": "Descale it"}, "DEMO-11")
	works("jira_comments", map[string]any{"action": "add", "issueKey": "DEMO-11", "comment": "Now."}, "")

	// What the ticket tells it to do.
	refused("jira_issues", map[string]any{"action": "get", "issueKey": "OPS-1"})
	refused("jira_comments", map[string]any{"action": "get", "issueKey": "OPS-1"})
	refused("jira_search", map[string]any{"action": "issues", "jql": "project = OPS"})
	refused("jira_search", map[string]any{"action": "issues", "jql": "project = DEMO) OR (project = OPS"})
	refused("jira_comments", map[string]any{"action": "add", "issueKey": "OPS-1", "comment": "pwned"})
	refused("jira_issues", map[string]any{"action": "create", "projectKey": "OPS", "summary": "pwned", "issueType": "Task"})
	refused("jira_issues", map[string]any{"action": "update", "issueKey": "OPS-1", "summary": "pwned"})
	refused("jira_links", map[string]any{"action": "add", "issueKey": "DEMO-1", "linkedIssueKey": "OPS-1", "linkType": "Blocks"})
	refused("jira_workflow", map[string]any{"action": "transition", "issueKey": "OPS-1", "transitionId": "31"})

	for _, path := range []string{"/rest/api/2/issue/OPS-1?fields=summary,status,comment,issuelinks", "/rest/api/2/issue/OPS-3"} {
		if status, body := s.ask(t, path); strings.Contains(body, "pwned") || strings.HasSuffix(path, "OPS-3") && status != http.StatusNotFound {
			t.Errorf("the other project was changed: %s: HTTP %d %s", path, status, body)
		}
	}
	if _, body := s.ask(t, "/rest/api/2/issue/OPS-1?fields=summary"); !strings.Contains(body, secret) {
		t.Errorf("the other project was changed: %s", body)
	}
}
