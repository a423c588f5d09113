package manager

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
)

var linesPattern = regexp.MustCompile(`(?s)<pre id="lines-([a-z]+)"[^>]*>(.*?)</pre>`)

// linesOf returns the ready lines of a page, by client.
func linesOf(a answer) map[string]string {
	lines := make(map[string]string)
	for _, found := range linesPattern.FindAllStringSubmatch(a.body, -1) {
		lines[found[1]] = html.UnescapeString(found[2])
	}
	return lines
}

func TestReadyLines(t *testing.T) {
	a := newApp(t)
	bea := newBrowser(t, serve(t, a, new(header)), "bea")
	for site, search := range map[string]string{"https://acme.atlassian.net": "/rest/api/3/search/jql", "https://jira.internal": "/rest/api/2/search"} {
		a.jiras = []handler.Jira{{URL: site, Transport: http.NewFileTransport(http.Dir(t.TempDir()))}} // does not say what it is
		created := bea.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}})
		created.want(t, "create", http.StatusCreated, "curl", "Python", "JavaScript", "Java", "Power BI", "Tableau", "MCP client", "GitHub Actions")
		secret := secretPattern.FindString(created.body)
		lines := linesOf(created)
		if len(lines) != 8 {
			t.Errorf("lines for %d clients", len(lines))
		}
		for client, lines := range lines {
			if !strings.Contains(lines, "https://jira.example.com") {
				t.Errorf("%s: where is the gateway?\n%s", client, lines)
			}
			if client != "tableau" && client != "mcp" && !strings.Contains(lines, search) {
				t.Errorf("%s at %s: %s", client, site, lines)
			}
			if strings.Contains("python curl java javascript mcp", client) && !strings.Contains(lines, secret) {
				t.Errorf("%s: where is the token?\n%s", client, lines)
			}
		}
	}
}

func TestPendingTokenIsNotTried(t *testing.T) {
	alice := newBrowser(t, serve(t, newApp(t), new(header)), "alice")
	created := alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"write"}, "expires": {"7d"}})
	created.want(t, "create", http.StatusCreated, "It does not work yet")
	if strings.Contains(created.text(), "Try it") {
		t.Error("the page offers to try a token that does not work yet")
	}
}
