package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
)

// owner is the owner of the tokens, and so the user name to send with them.
const owner = "demo"

// lifetime is the lifetime of the tokens in days. It is short because they end up
// in the shell's history.
const lifetime = 7

// tour is the data that the printed commands use.
type tour struct {
	gateway     *gateway
	account     string // the account's user in Jira
	cloud       bool
	read, write string // tokens
	signIn      string // the token for the page
	issue       issue
}

// issue is an issue to show, and the template for a new one.
type issue struct {
	Key    string `json:"key"`
	Fields struct {
		Project struct {
			Key string `json:"key"`
		} `json:"project"`
		Type struct {
			Name    string `json:"name"`
			Subtask bool   `json:"subtask"`
		} `json:"issuetype"`
	} `json:"fields"`
}

// prepareTour creates the tokens and queries Jira through the gateway.
func prepareTour(ctx context.Context, g *gateway) (*tour, error) {
	t := &tour{gateway: g}
	var err error
	if t.account, err = g.accountUser(ctx); err != nil {
		return nil, err
	}
	if g.settings.standIn {
		if err := g.createSample(ctx); err != nil {
			return nil, err
		}
	}
	if t.signIn, err = g.createSignIn(ctx); err != nil {
		return nil, err
	}
	if t.read, err = g.createToken(ctx, "read"); err != nil {
		return nil, err
	}
	if t.write, err = g.createToken(ctx, "write"); err != nil {
		return nil, err
	}
	var server struct {
		DeploymentType string `json:"deploymentType"`
	}
	if err := t.get(ctx, "/rest/api/2/serverInfo", &server); err != nil {
		return nil, fmt.Errorf("calling Jira through the gateway: %w", err)
	}
	t.cloud = server.DeploymentType == "Cloud"
	if t.issue, err = t.findIssue(ctx); err != nil {
		return nil, fmt.Errorf("searching Jira through the gateway: %w", err)
	}
	return t, nil
}

// accountUser checks that Jira accepts the account and returns its user.
func (g *gateway) accountUser(ctx context.Context) (string, error) {
	var answer struct {
		Accounts []struct {
			OK    bool   `json:"ok"`
			User  string `json:"user"`
			Error string `json:"error"`
		} `json:"accounts"`
	}
	err := g.manage(ctx, http.MethodGet, "check", nil, &answer)
	switch {
	case err != nil:
		return "", fmt.Errorf("checking the account: %w", err)
	case len(answer.Accounts) != 1:
		return "", fmt.Errorf("checking the account: expected 1 account, got %d", len(answer.Accounts))
	}
	if account := answer.Accounts[0]; !account.OK {
		return "", fmt.Errorf("%s: %s", g.settings.jira, account.Error)
	}
	return answer.Accounts[0].User, nil
}

func (g *gateway) createToken(ctx context.Context, scope string) (string, error) {
	return g.create(ctx, map[string]any{
		"owner": owner, "name": "quickstart, " + scope, "scope": scope, "expires_at": fmt.Sprintf("%dd", lifetime),
	})
}

// get calls Jira through the gateway with the read token.
func (t *tour) get(ctx context.Context, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.gateway.address+path, nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(owner, t.read)
	return send(request, answer)
}

// findIssue finds an issue that can serve as a template.
func (t *tour) findIssue(ctx context.Context) (issue, error) {
	query := url.Values{
		// Cloud refuses unbounded searches.
		"jql": {`created >= "2000-01-01" ORDER BY created ASC`}, "fields": {"project,issuetype"}, "maxResults": {"50"},
	}
	var found struct {
		Issues []issue `json:"issues"`
	}
	if err := t.get(ctx, t.searchPath()+"?"+query.Encode(), &found); err != nil {
		return issue{}, err
	}
	if len(found.Issues) == 0 {
		return issue{}, errors.New("the account sees no issues: give it access to a project that has some")
	}
	return found.Issues[max(0, slices.IndexFunc(found.Issues, issue.plain))], nil
}

// plain reports whether an issue of this type needs only a summary. A sub-task
// needs a parent, and on Data Center an epic needs a name.
func (i issue) plain() bool {
	return !i.Fields.Type.Subtask && i.Fields.Type.Name != "Epic"
}

// api returns the path of Jira's API. Data Center has no version 3.
func (t *tour) api() string {
	if t.cloud {
		return "/rest/api/3"
	}
	return "/rest/api/2"
}

// searchPath returns the path of the search. Cloud has removed the old one.
func (t *tour) searchPath() string {
	if t.cloud {
		return t.api() + "/search/jql"
	}
	return t.api() + "/search"
}

// paste is a command and a description of it.
type paste struct{ does, command string }

// pastes returns the commands to try.
func (t *tour) pastes() []paste {
	base := "http://" + t.gateway.address
	project := t.issue.Fields.Project.Key
	jql := "project = " + project
	search := fmt.Sprintf(`{"jql": %q, "fields": ["summary"], "maxResults": 3}`, jql)
	created := fmt.Sprintf(`{"fields": {"project": {"key": %q}, "issuetype": {"name": %q}, "summary": "Created through the gateway"}}`,
		project, t.issue.Fields.Type.Name)
	return []paste{
		{"Read an issue.", t.curl(t.read, "", base+t.api()+"/issue/"+t.issue.Key+"?fields=summary,status")},
		{"Search by GET.", t.curl(t.read, "", base+t.searchPath()+"?jql="+url.QueryEscape(jql)+"&fields=summary&maxResults=3")},
		{"Search by POST, which counts as a read.", t.curl(t.read, search, base+t.searchPath())},
		{"Try to create an issue with the read token: 403.", t.curl(t.read, created, base+t.api()+"/issue") + ` -w '\nHTTP %{http_code}\n'`},
		{"Create an issue with the write token" + t.caution() + ".", t.curl(t.write, created, base+t.api()+"/issue")},
	}
}

// caution warns that the issue will be real.
func (t *tour) caution() string {
	if t.gateway.settings.standIn {
		return ""
	}
	return ", a real one in " + t.issue.Fields.Project.Key
}

// curl returns a curl command that uses a token, with a JSON body if it is not
// empty.
func (t *tour) curl(token, body, address string) string {
	command := "curl -sS -u " + owner + ":" + token + " "
	if body != "" {
		command += "-H 'Content-Type: application/json' -d " + quote(body) + " "
	}
	return command + quote(address)
}

// quote quotes text for the shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// print prints the addresses, the tokens and the commands.
func (t *tour) print(out io.Writer) {
	g := t.gateway
	jira := g.settings.jira
	if g.settings.standIn {
		jira += "  (a stand-in with sample issues, discarded when you stop it)"
	}
	store := ".run/tokens.db"
	if g.settings.redis != "" {
		store = "Redis"
	}
	fmt.Fprint(out, "\nThe gateway is running. Ctrl-C stops everything.\n\n")
	// As links to tokens name the gateway: the page can try tokens at its own origin.
	site := "http://" + strings.Replace(g.address, "127.0.0.1", "localhost", 1)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"page", site + pagePath + "/"},
		{"sign in", "as " + manager + ", with the token " + t.signIn},
		{"gateway", "http://" + g.address},
		{"Jira", jira},
		{"account", t.account},
		{"admin API", "http://" + g.admin + "/jira_tokens/tokens"},
		{"tokens", store},
		{"Caddy", "configured by .run/Caddyfile, log in .run/caddy.log"},
		{"read token", t.read},
		{"write token", t.write},
	} {
		fmt.Fprintf(table, "  %s\t%s\n", row[0], row[1])
	}
	_ = table.Flush() // out is the terminal
	if g.settings.standIn {
		fmt.Fprint(out, "\nOn the page are sample tokens of other people: one waits for your approval, and so does a change by an AI agent.\n")
		fmt.Fprintf(out, "Somebody who manages no tokens sees less: open %s%s/ as %s, with the password %s.\n", site, personPagePath, alice, g.settings.personPassword)
		fmt.Fprint(out, "To try tokens that work as their owner, connect an account under \"My Jira account\":\n")
		for _, person := range standInPeople {
			fmt.Fprintf(out, "  Jira knows %s by the API token %s\n", person.User, person.Secret)
		}
	}
	fmt.Fprintf(out, "\nThe tokens belong to %s and expire in %d days. Paste into another terminal:\n", owner, lifetime)
	for _, p := range t.pastes() {
		fmt.Fprintf(out, "\n  # %s\n  %s\n", p.does, p.command)
	}
	command := ".run/caddy jira-token"
	fmt.Fprintf(out, "\n  # List the tokens, create one of your own, see the audit trail.\n")
	fmt.Fprintf(out, "  %s list --address %s\n", command, g.admin)
	fmt.Fprintf(out, "  %s create --address %s --owner you --name 'My first' --scope read --expires 30d\n", command, g.admin)
	fmt.Fprintf(out, "  %s audit --address %s\n", command, g.admin)
}
