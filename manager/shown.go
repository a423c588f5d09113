package manager

import (
	"net/http"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// showSecret shows a token that was just created or rotated. This is the only time.
func (h *Handler) showSecret(w http.ResponseWriter, r *http.Request, v *visit, t admin.Token, rotated bool) {
	gateway := mounted(r).origin
	content := page.Shown{
		ID: t.ID, Name: t.Name, Owner: t.Owner, Sentence: t.Sentence(), Ends: h.moment(t.ExpiresAt),
		Token: t.Token, Gateway: gateway, Samples: h.samples(t, gateway), Rotated: rotated, Pending: t.State == token.StatePending,
	}
	if t.PreviousUntil.After(h.now()) {
		content.OldUntil = h.moment(t.PreviousUntil)
	}
	if t.Handover != nil && t.Token == "" {
		content.HandoverURL, content.HandoverEnds, content.Samples = t.Handover.URL, h.moment(t.Handover.ExpiresAt), nil
	}
	title := "shown.title"
	if content.HandoverURL != "" {
		title = "shown.link.title"
	}
	h.render(w, r, http.StatusCreated, "shown", v, page.Frame{Title: h.say(title, t.Name), Section: page.SectionMine, Content: content})
}

// samples are ready lines for clients, with the owner, the URL and the token filled in.
func (h *Handler) samples(t admin.Token, gateway string) []page.Sample {
	fill := strings.NewReplacer("{url}", gateway, "{owner}", t.Owner, "{token}", t.Token)
	var samples []page.Sample
	for _, client := range clients {
		samples = append(samples, page.Sample{
			ID: client.id, Name: client.name, Text: h.say("sample." + client.id), Lines: fill.Replace(client.lines),
		})
	}
	return samples
}

// clients are the programs for which the page shows lines.
var clients = []struct{ id, name, lines string }{
	{"curl", "curl", `curl --user '{owner}:{token}' \
  '{url}/rest/api/2/search?jql=order+by+created'`},
	{"python", "Python", `from jira import JIRA

jira = JIRA("{url}", basic_auth=("{owner}", "{token}"))
for issue in jira.search_issues("order by created"):
    print(issue.key, issue.fields.summary)`},
	{"javascript", "JavaScript", `const response = await fetch("{url}/rest/api/2/search?jql=order+by+created", {
  headers: { Authorization: "Basic " + btoa("{owner}:{token}") },
});
console.log(await response.json());`},
	{"java", "Java", `var request = HttpRequest.newBuilder(URI.create("{url}/rest/api/2/search?jql=order+by+created"))
    .header("Authorization", "Basic " + Base64.getEncoder().encodeToString("{owner}:{token}".getBytes()))
    .build();
System.out.println(HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());`},
	{"powerbi", "Power BI", `{url}`},
	{"tableau", "Tableau", `{url}`},
	{"mcp", "MCP", `{
  "mcpServers": {
    "jira": {
      "command": "npx",
      "args": ["-y", "@aashari/mcp-server-atlassian-jira"],
      "env": {
        "ATLASSIAN_SITE_URL": "{url}",
        "ATLASSIAN_USER_EMAIL": "{owner}",
        "ATLASSIAN_API_TOKEN": "{token}"
      }
    }
  }
}`},
	{"github", "GitHub Actions", `- run: curl --fail --user "{owner}:$JIRA_TOKEN" '{url}/rest/api/2/myself'
  env:
    JIRA_TOKEN: ${{ secrets.JIRA_TOKEN }}`},
}
