// Package samples writes ready lines for clients: what somebody who has just got a token
// pastes into a shell, a program or a form. The token manager and hand-over links show
// them.
package samples

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
)

// recently is a query that also Jira Cloud answers, which refuses those without a limit.
const recently = "created >= -30d ORDER BY created DESC"

// Values are what the lines are about.
type Values struct {
	// Gateway is the URL that clients use for Jira, without a final slash.
	Gateway string
	// Owner is the user name, and Token the whole token.
	Owner, Token string
	// Cloud is set if all Jiras behind the gateway are Jira Cloud, whose search has another
	// path.
	Cloud bool
}

// Sample is the ready lines for one client.
type Sample struct{ ID, Name, Text, Lines string }

// For returns the lines for all clients.
func For(v Values) []Sample {
	search := "/rest/api/2/search"
	if v.Cloud {
		search = "/rest/api/3/search/jql"
	}
	values := map[string]string{
		"url": v.Gateway, "search": search, "address": v.Gateway + search, "owner": v.Owner, "token": v.Token, "credentials": v.Owner + ":" + v.Token,
		"jql": recently, "condition": "jql=" + recently,
		"query": search + "?fields=summary&jql=" + strings.ReplaceAll(url.QueryEscape(recently), "+", "%20"),
	}
	var samples []Sample
	for _, client := range clients {
		if client.id == github && strings.Contains(v.Owner, "${{") {
			continue // it would be evaluated, whatever quotes it is in
		}
		var fill []string
		for name, value := range values {
			// Owners can have any name: it must not end a text in somebody's shell or program.
			fill = append(fill, "{"+name+"}", client.quote(value), "{"+name+"|plain}", value)
		}
		samples = append(samples, Sample{ID: client.id, Name: client.name, Text: client.text, Lines: strings.NewReplacer(fill...).Replace(client.lines)})
	}
	return samples
}

// InShell returns text in quotes for a POSIX shell.
func InShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

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

// github is the client that evaluates expressions in whatever text it is given.
const github = "github"

// plainly returns text for a field of a form. It stays on its line: what looks like another
// line would be taken for another field.
func plainly(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// clients are the programs that there are lines for. In them, {name} is a value in the
// quotes of the language, and {name|plain} the value itself. The text says what to do with
// the lines.
var clients = []struct {
	id, name, text string
	quote          func(string) string
	lines          string
}{
	{"curl", "curl", "Lists the issues of the last 30 days.", InShell, `curl --user {credentials} --get {address} \
  --data-urlencode {condition} --data fields=summary`},
	{"python", "Python", "", inProgram, `import requests

answer = requests.get(
    {address},
    params={"jql": {jql}, "fields": "summary"},
    auth=({owner}, {token}),
    timeout=60,
)
answer.raise_for_status()
for issue in answer.json()["issues"]:
    print(issue["key"], issue["fields"]["summary"])`},
	{"javascript", "JavaScript", "", inProgram, `const credentials = Buffer.from({credentials}).toString("base64");
const query = new URLSearchParams({ jql: {jql}, fields: "summary" });
const response = await fetch({address} + "?" + query, {
  headers: { Authorization: "Basic " + credentials },
});
if (!response.ok) throw new Error(await response.text());
for (const issue of (await response.json()).issues) console.log(issue.key, issue.fields.summary);`},
	{"java", "Java", "", inProgram, `import java.net.URI;
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
	{"powerbi", "Power BI", "In Power BI Desktop or Excel, choose Get data, Web, and enter this URL. When it asks for credentials, choose Basic, for the whole site, and enter the user name and the password.", plainly, `URL: {url}{query}
User name: {owner}
Password: {token}`},
	{"tableau", "Tableau", "In a Jira connector or web data connector, enter this URL as the Jira server, choose Basic, and enter the user name and the password.", plainly, `URL: {url}
User name: {owner}
Password: {token}`},
	{"mcp", "MCP client", "For the configuration of the program in which the agent runs. Other servers call these variables by other names.", inProgram, `{
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
	{github, "GitHub Actions", "Save the token as the secret JIRA_TOKEN of the repository first, and then use it in a step.", inProgram, `- name: Ask Jira
  env:
    JIRA_USER: {owner}
    JIRA_TOKEN: ${{ secrets.JIRA_TOKEN }}
  run: curl --fail --user "$JIRA_USER:$JIRA_TOKEN" "{url|plain}{query|plain}"`},
}
