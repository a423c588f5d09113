package manager

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// recently is a query that also Jira Cloud answers, which refuses those without a limit.
const recently = "created >= -30d ORDER BY created DESC"

// samples are ready lines for clients, with the owner, the URL and the token filled in.
func (h *Handler) samples(t admin.Token, gateway string) []page.Sample {
	search := "/rest/api/2/search"
	if h.isCloud() {
		search = "/rest/api/3/search/jql"
	}
	values := map[string]string{
		"url": gateway, "search": search, "address": gateway + search, "owner": t.Owner, "token": t.Token, "credentials": t.Owner + ":" + t.Token,
		"jql": recently, "condition": "jql=" + recently,
		"query": search + "?fields=summary&jql=" + strings.ReplaceAll(url.QueryEscape(recently), "+", "%20"),
	}
	samples := make([]page.Sample, len(clients))
	for i, client := range clients {
		var fill []string
		for name, value := range values {
			// Owners can have any name: it must not end a text in somebody's shell or program.
			fill = append(fill, "{"+name+"}", client.quote(value), "{"+name+"|plain}", value)
		}
		samples[i] = page.Sample{
			ID: client.id, Name: client.name, Text: h.say("sample." + client.id), Lines: strings.NewReplacer(fill...).Replace(client.lines),
		}
	}
	return samples
}

// isCloud reports whether all gateways are in front of Jira Cloud.
func (h *Handler) isCloud() bool {
	for _, upstream := range h.app.Jiras() {
		site, err := url.Parse(upstream.URL)
		if err != nil || !strings.HasSuffix(site.Hostname(), ".atlassian.net") {
			return false
		}
	}
	return len(h.app.Jiras()) > 0
}

// inShell returns text in quotes for a POSIX shell.
func inShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// inProgram returns text in quotes for JSON, YAML, Python, JavaScript and Java.
func inProgram(text string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil {
		return `""` // cannot happen: every string can be encoded
	}
	return strings.TrimSpace(quoted.String())
}

func plainly(text string) string { return text }

// clients are the programs for which the page shows lines. In them, {name} is a value in
// the quotes of the language, and {name|plain} the value itself.
var clients = []struct {
	id, name string
	quote    func(string) string
	lines    string
}{
	{"curl", "curl", inShell, `curl --user {credentials} --get {address} \
  --data-urlencode {condition} --data fields=summary`},
	{"python", "Python", inProgram, `import requests

answer = requests.get(
    {address},
    params={"jql": {jql}, "fields": "summary"},
    auth=({owner}, {token}),
    timeout=60,
)
answer.raise_for_status()
for issue in answer.json()["issues"]:
    print(issue["key"], issue["fields"]["summary"])`},
	{"javascript", "JavaScript", inProgram, `const credentials = Buffer.from({credentials}).toString("base64");
const query = new URLSearchParams({ jql: {jql}, fields: "summary" });
const response = await fetch({address} + "?" + query, {
  headers: { Authorization: "Basic " + credentials },
});
if (!response.ok) throw new Error(await response.text());
for (const issue of (await response.json()).issues) console.log(issue.key, issue.fields.summary);`},
	{"java", "Java", inProgram, `import java.net.URI;
import java.net.http.*;
import java.util.Base64;

public class Issues {
    public static void main(String[] args) throws Exception {
        var credentials = Base64.getEncoder().encodeToString({credentials}.getBytes("UTF-8"));
        var request = HttpRequest.newBuilder(URI.create({url} + {query}))
                .header("Authorization", "Basic " + credentials).build();
        System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}`},
	{"powerbi", "Power BI", plainly, `{url}{query}`},
	{"tableau", "Tableau", plainly, `{url}`},
	{"mcp", "MCP client", inProgram, `{
  "mcpServers": {
    "jira": {
      "command": "npx",
      "args": ["-y", "@nexus2520/jira-mcp-server"],
      "env": {
        "JIRA_BASE_URL": {url},
        "JIRA_EMAIL": {owner},
        "JIRA_API_TOKEN": {token}
      }
    }
  }
}`},
	{"github", "GitHub Actions", inProgram, `- name: Ask Jira
  env:
    JIRA_USER: {owner}
    JIRA_TOKEN: ${{ secrets.JIRA_TOKEN }}
  run: curl --fail --user "$JIRA_USER:$JIRA_TOKEN" "{url|plain}{query|plain}"`},
}
