package admin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// forCommand matches what is only for somebody at the command.
var forCommand = regexp.MustCompile(`(^|[ (])--[a-z]|caddy jira-token`)

// TestPeopleReadNoFlags: whatever messages of these packages say to somebody at the command,
// people read something else.
func TestPeopleReadNoFlags(t *testing.T) {
	found := 0
	for _, pattern := range []string{"../registry/*.go", "../accounts/*.go", "../policy/*.go", "../confine/*.go", "../manager/session/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(filepath.Base(name), "import") { // which people cannot
				continue
			}
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(node ast.Node) bool {
				literal, ok := node.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil || !strings.Contains(text, " ") || !forCommand.MatchString(text) {
					return true
				}
				if strings.HasPrefix(text, "--owner ") || strings.HasSuffix(text, " --owner ") || strings.HasSuffix(name, "confine_hint.go") {
					return true // part of a message, see below
				}
				found++
				if said := Plain(strings.NewReplacer("%s", "x", "%d", "2").Replace(text)); forCommand.MatchString(said) {
					t.Errorf("%s: people read %q", name, said)
				}
				return true
			})
		}
	}
	if found < 10 {
		t.Errorf("only %d messages were found", found)
	}
	for text, want := range map[string]string{
		"The token would see it with caddy jira-token update abc --project ACME --project OPS.":                                            "The token would see it with these projects: ACME OPS.",
		"The token could use it if it were not confined: caddy jira-token update abc --unconfine.":                                         "The token could use it if it were not confined.",
		"bot is in use (tokens: 2): give them another account first; to list them, run: caddy jira-token list --account own --owner alice": "bot is in use (tokens: 2): give them another account first",
	} {
		if got := Plain(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// ruledApp returns an app with a policy that has something to tell, and the JSON API for the
// person whom the header Person names.
func ruledApp(t *testing.T) (*app, func(person, method, path, body string) *httptest.ResponseRecorder) {
	t.Helper()
	members := map[string]policy.Group{"bi": {Members: []string{"bea"}}, "admins": {Members: []string{"root"}}, "free": {Members: []string{"carol"}}}
	everyone := &policy.Rule{
		Scopes: []string{"read", "write"}, Approval: []string{"read", "write"}, Networks: []string{"203.0.113.0/24"}, Accounts: []string{"default"}, MaxTokens: 3, Place: "Caddyfile:7",
	}
	rules, err := policy.New(&policy.Config{Everyone: everyone, Groups: []policy.Rule{
		{Group: "bi", OnBehalf: true, Place: "Caddyfile:8"}, {Group: "admins", Manage: true, OnBehalf: true, Place: "Caddyfile:9"},
		{Group: "free", Scopes: []string{"read"}, Networks: []string{"192.0.2.0/24"}, Accounts: []string{"other"}, Place: "Caddyfile:10"},
	}}, policy.Surroundings{Groups: members, Account: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := newAppFor(t, registry.NewDirectory(rules, members))
	api := ForPeople(a, func(r *http.Request) (*Visitor, error) {
		person := r.Header.Get("Person")
		return &Visitor{Desk: a.registry.DeskOf(person), Actor: registry.Actor{Kind: registry.ActorOwner, Name: person, Address: "192.0.2.1"}}, nil
	})
	return a, func(person, method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/"+path, strings.NewReader(body))
		r.Header.Set("Person", person)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
}

// TestPolicyIsForManagers: people who do not manage learn why something is refused, but not
// which networks and accounts are allowed, nor where that is written.
func TestPolicyIsForManagers(t *testing.T) {
	_, as := ruledApp(t)
	secret := regexp.MustCompile(`203\.0\.113\.|192\.0\.2\.0|expected [a-z]|Caddyfile|--|in JSON`)
	for _, refused := range []struct{ person, body, why string }{
		{"alice", `{"owner":"alice","name":"n","allow_ip":["198.51.100.1"]}`, "the network 198.51.100.1/32 is not inside those that are allowed for alice"},
		{"alice", `{"owner":"alice","name":"n","account":"unknown"}`, "the account unknown is not allowed for alice"},
		{"alice", `{"owner":"alice","name":"n","scope":"admin"}`, "the scope admin is not allowed for alice"},
		{"bea", `{"owner":"carol","name":"n","allow_ip":["198.51.100.1"]}`, "is not inside those that are allowed for carol"},
		{"bea", `{"owner":"carol","name":"n","account":"default","scope":"write","allow_ip":["198.51.100.1"]}`, "carol"},
	} {
		answer := as(refused.person, http.MethodPost, "tokens", refused.body)
		body := answer.Body.String()
		if answer.Code != http.StatusForbidden || !strings.Contains(body, refused.why) {
			t.Errorf("%s: %d %s", refused.body, answer.Code, body)
		}
		if found := secret.FindString(strings.ReplaceAll(body, "expected read and write", "")); found != "" && !strings.Contains(refused.body, "admin") {
			t.Errorf("%s learns %q: %s", refused.person, found, body)
		}
		manager := as("root", http.MethodPost, "tokens", refused.body)
		if !strings.Contains(manager.Body.String(), "Caddyfile:") || strings.Contains(manager.Body.String(), "--") {
			t.Errorf("root reads %s", manager.Body)
		}
	}

	// What one creates for somebody else, and what one has, tells no more.
	made := as("bea", http.MethodPost, "tokens", `{"owner":"carol","name":"n"}`)
	if found := secret.FindString(made.Body.String()); made.Code != http.StatusCreated || found != "" {
		t.Errorf("%d, %q: %s", made.Code, found, made.Body)
	}
	for range 4 {
		as("alice", http.MethodPost, "tokens", `{"owner":"alice","name":"n"}`)
	}
	full := as("alice", http.MethodPost, "tokens", `{"owner":"alice","name":"n"}`)
	if full.Code != http.StatusForbidden || !strings.Contains(full.Body.String(), "alice has 3 tokens") || secret.MatchString(full.Body.String()) {
		t.Errorf("too many: %d %s", full.Code, full.Body)
	}
	listed := as("alice", http.MethodGet, "tokens", "").Body.String()
	if strings.Contains(listed, "Caddyfile") || !strings.Contains(listed, "somebody must approve it") || !strings.Contains(listed, "203.0.113.0/24") {
		t.Errorf("alice's own tokens: %s", listed)
	}
	if listed := as("root", http.MethodGet, "tokens", "").Body.String(); !strings.Contains(listed, "Caddyfile:7") {
		t.Errorf("root reads no rules: %s", listed)
	}
}

// TestIssueCountsAreForThoseWhoMayAsk: how many issues match tells people more than a token
// that nobody has approved yet.
func TestIssueCountsAreForThoseWhoMayAsk(t *testing.T) {
	a, as := ruledApp(t)
	counted := regexp.MustCompile(`"confine_check":\{"jira":"[^"]*"(,"issues":\d+)?\}`)
	for person, want := range map[string]bool{"alice": false, "carol": true} {
		account := map[string]string{"alice": "default", "carol": "other"}[person]
		answer := as(person, http.MethodPost, "tokens", `{"owner":"`+person+`","name":"n","account":"`+account+`","confine":{"projects":["DEMO"]}}`)
		found := counted.FindStringSubmatch(answer.Body.String())
		if answer.Code != http.StatusCreated || found == nil || (found[1] != "") != want {
			t.Fatalf("%s: %d %s", person, answer.Code, answer.Body)
		}
		id := regexp.MustCompile(`"id":"(\w+)"`).FindStringSubmatch(answer.Body.String())[1]
		answer = as(person, http.MethodPatch, "tokens/"+id, `{"confine":{"projects":["OPS"],"jql":"labels = x"}}`)
		found = counted.FindStringSubmatch(answer.Body.String())
		if answer.Code != http.StatusOK || found == nil || (found[1] != "") != want {
			t.Errorf("%s changes it: %d %s", person, answer.Code, answer.Body)
		}
		if answer := as(person, http.MethodPost, "jira/matches", `{"account":"`+account+`","confine":{"projects":["DEMO"]}}`); (answer.Code == http.StatusOK) != want {
			t.Errorf("%s asks: %d %s", person, answer.Code, answer.Body)
		}
	}
	// At the admin endpoint, everything is told.
	made, err := a.call((*call).create, "", `{"owner":"alice","name":"n","confine":{"projects":["DEMO"]}}`)
	if err != nil || made.ConfineCheck == nil || made.ConfineCheck.Issues == nil {
		t.Errorf("%+v, %v", made.ConfineCheck, err)
	}
}
