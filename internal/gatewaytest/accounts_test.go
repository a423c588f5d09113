package gatewaytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// withJira starts a gateway in front of a stand-in Jira that accepts the gateway's
// account, and returns both.
func withJira(t *testing.T, jiraOptions fakejira.Options, o options) (*gateway, *fakejira.Server) {
	t.Helper()
	jira := fakejira.New(jiraOptions)
	url, err := jira.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { jira.Close() })
	o.instead = fmt.Sprintf("log access\njira_gateway %s {\n%s\n}", url, o.site)
	o.apps = strings.ReplaceAll(o.apps, "JIRA", url)
	return startGateway(t, o), jira
}

// takesAccount is the account that the stand-in accepts: the one of every gateway
// under test.
func takesAccount() []fakejira.Account {
	return []fakejira.Account{{User: accountUser, Secret: accountSecret}}
}

func get(path, credentials string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + credentials + "Connection: close\r\n\r\n"
}

const myself = "/rest/api/2/myself"

func TestRefusedAccountIsNotTheCallersFault(t *testing.T) {
	for name, faults := range map[string]fakejira.Faults{
		"anonymous, failed": {AnonymousFallback: "AUTHENTICATED_FAILED"},
		"anonymous, denied": {AnonymousFallback: "AUTHENTICATION_DENIED"},
		"anonymous, out":    {AnonymousFallback: "OUT"},
		"captcha":           {Captcha: true},
		"basic disabled":    {BasicDisabled: true},
		"401":               {},
	} {
		t.Run(name, func(t *testing.T) {
			g, jira := withJira(t, fakejira.Options{Dress: fakejira.DataCenter, Accounts: takesAccount(), Faults: faults},
				options{apps: ""})
			tok := g.issue("alice", "read")
			if !faults.Captcha && !faults.BasicDisabled {
				jira.SetAccounts([]fakejira.Account{{User: accountUser, Secret: "changed"}})
			}
			jira.Take()
			for i := range 5 {
				a := g.send(get("/rest/api/2/serverInfo", tok.basic()))
				if a.status != http.StatusBadGateway || a.reason() != "jira_rejected_account" {
					t.Fatalf("request %d: %s", i, a)
				}
				if a.header.Get("Www-Authenticate") != "" || a.header.Get("X-Seraph-Loginreason") != "" || strings.Contains(a.body, "baseUrl") {
					t.Errorf("Jira's answer got through: %s %v", a, a.header)
				}
				if a.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			// A refusal may concern one resource only: the gateway asks Jira for the
			// account's user, and meanwhile lets few other requests through.
			if n := len(jira.Take()); n < 1 || n > 4 {
				t.Errorf("Jira got %d requests with an account that it refuses, want at most 4", n)
			}
			g.eventuallyLogged(t, "Jira does not accept the account")
			if a := g.send(get("/rest/api/2/serverInfo", tok.basic())); a.reason() != "jira_rejected_account" || len(jira.Take()) > 5 {
				t.Errorf("%s", a)
			}
			if a := g.send(get("/rest/api/2/serverInfo", tok.basic())); a.reason() != "jira_rejected_account" || len(jira.Take()) != 0 {
				t.Errorf("Jira got a request while the account is paused: %s", a)
			}
			status, health := g.adminCall("GET", "/jira_tokens/health", "")
			if status != http.StatusServiceUnavailable || !strings.Contains(health, `"default":{"ok":false`) {
				t.Errorf("health is %d %s", status, health)
			}
			eventually(t, "the audit event", func() error {
				if trail := g.token("audit").out; !strings.Contains(trail, "account_refused  account default") {
					return fmt.Errorf("the trail has %s", trail)
				}
				return nil
			})
			g.loggedOnce(t, "Jira does not accept the account")
			_, metrics := g.adminCall("GET", "/metrics", "")
			if !strings.Contains(metrics, `jira_tokens_account_up{account="default"} 0`) {
				t.Error("the metric does not show the refusal")
			}
		})
	}
}

func TestRestingAccountIsAskedForAgain(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Accounts: takesAccount()}, options{apps: `
		account brief {
			basic ` + accountUser + ` ` + accountSecret + `
			probe_interval 100ms
		}`})
	tok := g.issue("alice", "read", "account", "brief")
	jira.SetAccounts([]fakejira.Account{{User: accountUser, Secret: "changed"}})
	if a := g.send(get(myself, tok.basic())); a.reason() != "jira_rejected_account" {
		t.Fatalf("%s", a)
	}
	g.eventuallyLogged(t, "Jira does not accept the account")
	jira.SetAccounts(takesAccount())
	eventually(t, "the account to be accepted again", func() error {
		if a := g.send(get(myself, tok.basic())); a.status != http.StatusOK {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	g.loggedOnce(t, "Jira accepts the account again")
	if check := g.token("check", "--account", "brief"); check.code != 0 || !strings.Contains(oneLine(check.out), "accepted as "+accountUser) {
		t.Errorf("check: %s", check)
	}
}

// TestOneRefusedResourceIsNotTheAccount: a 401 for one path affects nobody else if
// Jira accepts the account.
func TestOneRefusedResourceIsNotTheAccount(t *testing.T) {
	g, _ := withJira(t, fakejira.Options{Accounts: takesAccount(), Faults: fakejira.Faults{
		Intercept: func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/watchers") {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return strings.Contains(r.URL.Path, "/watchers")
		},
	}}, options{})
	tok := g.issue("alice", "read")
	for range 3 {
		if a := g.send(get("/rest/api/2/issue/DEMO-1/watchers", tok.basic())); a.status != http.StatusBadGateway {
			t.Errorf("%s", a)
		}
		if a := g.send(get(myself, tok.basic())); a.status != http.StatusOK {
			t.Errorf("%s", a)
		}
	}
}

// TestAccountsOfOneJira: each of several Jiras only gets its own accounts.
func TestAccountsOfOneJira(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Accounts: takesAccount()}, options{
		site: "accounts default",
		apps: "account other {\nbearer other-secret\n}",
	})
	g.account = append(g.account, "other-secret")
	tok := g.issue("alice", "read", "account", "other")
	if a := g.send(get(myself, tok.basic())); a.status != http.StatusForbidden || a.reason() != "path_denied" {
		t.Errorf("%s", a)
	}
	if check := g.token("check"); check.code == 0 || !strings.Contains(check.out, "accepted as") || !strings.Contains(oneLine(check.out), "no gateway uses this account") {
		t.Errorf("check: %s", check)
	}
	for _, r := range jira.Take() {
		if strings.Contains(strings.Join(r.Header("Authorization"), " "), "other-secret") {
			t.Error("an account's secret reached another Jira")
		}
	}
}

func TestJirasOwnRefusalsPass(t *testing.T) {
	for status, faults := range map[int]fakejira.Faults{
		http.StatusTooManyRequests:    {RateLimit: &fakejira.RateLimit{}},
		http.StatusServiceUnavailable: {Status: http.StatusServiceUnavailable},
		http.StatusGone:               {SearchRemoved: true},
	} {
		g, _ := withJira(t, fakejira.Options{Accounts: takesAccount(), Faults: faults}, options{})
		tok := g.issue("alice", "read")
		a := g.send(get("/rest/api/3/search?jql=project=DEMO", tok.basic()))
		if a.status != status || a.reason() != "" {
			t.Errorf("want Jira's %d, got %s", status, a)
		}
		if limited := a.header.Get("X-Jira-Token-Limited-By"); (limited == "jira") != (status == http.StatusTooManyRequests) {
			t.Errorf("%d is limited by %q", status, limited)
		}
		if status == http.StatusTooManyRequests && a.header.Get("X-Ratelimit-Limit") == "" && a.header.Get("Ratelimit-Reason") == "" {
			t.Errorf("the rate limit headers are missing: %v", a.header)
		}
	}
}

func TestAccountByCloudID(t *testing.T) {
	scoped := fakejira.Account{User: "scoped@example.com", Secret: "scoped-secret", Bearer: "scoped-bearer", Scoped: true}
	for name, credential := range map[string]string{
		"basic":  "cloud JIRA basic scoped@example.com scoped-secret",
		"bearer": "cloud JIRA bearer scoped-bearer",
		"oauth":  "oauth client-id client-secret\ntoken_url API/oauth/token",
	} {
		t.Run(name, func(t *testing.T) {
			// The API by cloud ID is on a separate host.
			api := fakejira.New(fakejira.Options{
				Accounts:     []fakejira.Account{scoped},
				OAuthClients: []fakejira.OAuthClient{{ID: "client-id", Secret: "client-secret", User: scoped.User}},
			})
			apiURL, err := api.Start()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { api.Close() })
			credential = strings.ReplaceAll(credential, "API", apiURL)
			g, jira := withJira(t, fakejira.Options{}, options{apps: "account scoped {\n" + credential + "\napi_url " + apiURL + "\n}"})
			g.account = append(g.account, "scoped-secret", "scoped-bearer", "client-secret")
			tok := g.issue("alice", "read", "account", "scoped")
			for range 3 {
				a := g.send(get("/rest/api/3/search?jql=project=DEMO", tok.basic()))
				if a.status != http.StatusOK || !strings.Contains(a.body, `"http://127.0.0.1/rest/api/3/issue/`) {
					t.Fatalf("%s", a)
				}
				if strings.Contains(a.body, "/ex/jira/6d1c5a0e-9f2b-4c3a-8e57-0b1f4d2a7c11/rest/") {
					t.Errorf("a link bypasses the gateway: %s", a)
				}
			}
			counts := make(map[string]int)
			for _, r := range append(jira.Take(), api.Take()...) {
				path, _, _ := strings.Cut(r.RequestURI, "?")
				counts[path[:min(len(path), 12)]]++
			}
			if counts["/_edge/tenan"] != 1 || counts["/ex/jira/6d1"] != 3 || counts["/oauth/token"] > 1 {
				t.Errorf("Jira got %v", counts)
			}
			if check := g.token("check", "--account", "scoped"); check.code != 0 {
				t.Errorf("check: %s", check)
			}
		})
	}
}

func TestOAuthClientThatIsRefused(t *testing.T) {
	g, _ := withJira(t, fakejira.Options{}, options{apps: "account scoped {\noauth client-id wrong-secret\ntoken_url JIRA/oauth/token\napi_url JIRA\n}"})
	g.account = append(g.account, "wrong-secret")
	tok := g.issue("alice", "read", "account", "scoped")
	if a := g.send(get(myself, tok.basic())); a.status != http.StatusBadGateway || a.reason() != "jira_rejected_account" {
		t.Errorf("%s", a)
	}
	if check := g.token("check", "--account", "scoped"); check.code == 0 || !strings.Contains(oneLine(check.out), "refuses the OAuth client") {
		t.Errorf("check: %s", check)
	}
}

func TestSessionsStayApart(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Dress: fakejira.DataCenter, Accounts: takesAccount()}, options{})
	alice, bob := g.issue("alice", "read"), g.issue("bob", "read")
	for range 3 {
		for _, credentials := range []string{alice.basic(), bob.basic(), bob.basic() + "Cookie: JSESSIONID=stolen\r\n"} {
			a := g.send(get(myself, credentials))
			if a.status != http.StatusOK || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s %v", a, a.header)
			}
		}
	}
	for _, r := range jira.Take() {
		if cookies := r.Header("Cookie"); cookies != nil {
			t.Errorf("a cookie reached Jira: %v", cookies)
		}
	}
}

func TestExplain(t *testing.T) {
	g := startGateway(t, options{site: "reads POST /rest/other/1/find"})
	tok := g.issue("alice", "read", "deny_ip", []string{"10.0.0.0/8"})
	for _, test := range []struct{ question, want string }{
		{"GET /rest/api/2/issue/A-1", "The request would be forwarded"},
		{"POST /rest/api/3/search/jql", "The request would be forwarded"},
		{"POST /rest/other/1/find", "(reads)"},
		{"POST /rest/api/2/issue", "The request would be denied with 403 scope_insufficient"},
		{"GET /rest/auth/1/session", "The request would be denied with 403 path_denied"},
		{"GET /rest/api/2/issue/../x", "The request would be denied with 400 ambiguous_request"},
		{"GET /rest/api/2/myself --from 10.1.2.3", "The request would be denied with 403 network_denied"},
	} {
		got := g.token(append([]string{"explain", "--token", tok.ID}, strings.Fields(test.question)...)...)
		if got.code != 0 || !strings.Contains(oneLine(got.out), test.want) || !strings.Contains(got.out, g.up.url()) {
			t.Errorf("explain %s: %s", test.question, got)
		}
	}
	if seen := g.up.take(); len(seen) != 0 {
		t.Errorf("explain sent %v", seen)
	}
	for _, bad := range []string{"--token zzzzzzzzzz GET /rest", "--token " + tok.ID + " GET rest", "--token " + tok.ID + " GET"} {
		if got := g.token(append([]string{"explain"}, strings.Fields(bad)...)...); got.code == 0 || got.err == "" {
			t.Errorf("explain %s: %s", bad, got)
		}
	}
}

// eventuallyLogged waits for a log line, which may come after the response, and
// returns it.
func (g *gateway) eventuallyLogged(t *testing.T, text string) (line string) {
	t.Helper()
	eventually(t, "a log line", func() error {
		log := g.log.String()
		written := log[:strings.LastIndexByte(log, '\n')+1]
		if line = lineWith(written, text); line == "" {
			return fmt.Errorf("the log does not contain %q", text)
		}
		return nil
	})
	return line
}
