package samples

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// linesFor returns the lines for all clients, by ID.
func linesFor(v Values) map[string]string {
	lines := make(map[string]string)
	for _, sample := range For(v) {
		lines[sample.ID] = sample.Lines
	}
	return lines
}

const secret = "jt_0123456789_0123456789012345678901234567890123456789"

// TestHostileOwners: whoever copies the lines runs nothing that an owner's name says.
func TestHostileOwners(t *testing.T) {
	for _, owner := range []string{`x'; echo pwned; '`, `x"); import os #`, "$(id)`id`", `back\slash`, `<b>&amp;`, "ü 🦊", "two\nlines", "{token}", "{owner|plain}"} {
		lines := linesFor(Values{Gateway: "https://jira.example.com", Owner: owner, Token: secret})
		shell := strings.Replace(lines["curl"], "curl", `printf '%s\n'`, 1)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", shell).Output()
		if err != nil || !strings.Contains(string(out), "\n"+owner+":"+secret+"\n") {
			t.Errorf("%q: the shell reads %q, %v", owner, out, err)
		}
		var config struct {
			MCPServers map[string]struct{ Env map[string]string }
		}
		if err := json.Unmarshal([]byte(lines["mcp"]), &config); err != nil || config.MCPServers["jira"].Env["JIRA_EMAIL"] != owner {
			t.Errorf("%q: %v: %s", owner, err, lines["mcp"])
		}
		for client, quoted := range map[string]string{"python": inProgram(owner), "javascript": inProgram(owner + ":" + secret), "java": inProgram(owner + ":" + secret)} {
			if !strings.Contains(lines[client], quoted) {
				t.Errorf("%q: %s has %s", owner, client, lines[client])
			}
		}
	}
}

// TestForms: what is typed into a form is there whole, and an owner cannot add a line of another
// kind to it.
func TestForms(t *testing.T) {
	for owner, want := range map[string]string{
		"alice@example.com": "alice@example.com", "ü 🦊": "ü 🦊", "<b>": "<b>", "{token}": "{token}",
		"eve\nURL: https://evil.example": "eve\uFFFDURL: https://evil.example", "eve\r\u2028x\u202e": "eve\uFFFD\uFFFDx\uFFFD",
	} {
		lines := linesFor(Values{Gateway: "https://jira.example.com", Owner: owner, Token: secret})
		for _, client := range []string{"powerbi", "tableau"} {
			got := strings.Split(lines[client], "\n")
			if len(got) != 3 || !strings.HasPrefix(got[0], "URL: https://jira.example.com") || got[1] != "User name: "+want || got[2] != "Password: "+secret {
				t.Errorf("%q: %s: %q", owner, client, got)
			}
		}
	}
}

// TestExpressionAsOwner: no lines for GitHub have an expression that somebody has as a name: it
// could show a secret.
func TestExpressionAsOwner(t *testing.T) {
	for owner, want := range map[string]bool{"alice": true, "$alice": true, "x${{ secrets.DEPLOY_KEY }}": false} {
		if _, has := linesFor(Values{Gateway: "https://jira.example.com", Owner: owner, Token: secret})["github"]; has != want {
			t.Errorf("%q: %t, want %t", owner, has, want)
		}
	}
}

// TestSearchOfTheJira: Cloud has another search than Data Center.
func TestSearchOfTheJira(t *testing.T) {
	for isCloud, want := range map[bool]string{true: "/rest/api/3/search/jql", false: "/rest/api/2/search"} {
		for _, sample := range For(Values{Gateway: "https://jira.example.com", Owner: "alice", Token: secret, Cloud: isCloud}) {
			if sample.ID != "tableau" && sample.ID != "mcp" && !strings.Contains(sample.Lines, "https://jira.example.com"+want) && !strings.Contains(sample.Lines, want+"?") {
				t.Errorf("Cloud %t: %s: %s", isCloud, sample.ID, sample.Lines)
			}
		}
	}
}
