package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// Secrets of stored accounts. Their common part is searched for everywhere.
const (
	buried       = "n0b0dy-sees-this"
	firstSecret  = buried + "-first"
	secondSecret = buried + "-second"
	bearerSecret = buried + "-bearer"
)

func encryptionKey(digit string) string { return "encryption_key " + strings.Repeat(digit, 64) }

// startJira starts a stand-in Jira that accepts the gateway's account and the stored
// ones.
func startJira(t *testing.T, dress fakejira.Dress) (*fakejira.Server, string) {
	t.Helper()
	jira := fakejira.New(fakejira.Options{Dress: dress, Accounts: append(takesAccount(),
		fakejira.Account{User: "svc", Secret: firstSecret}, fakejira.Account{User: "svc", Secret: secondSecret},
		fakejira.Account{User: "pat", Bearer: bearerSecret})})
	url, err := jira.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { jira.Close() })
	return jira, url
}

// startStoring starts a gateway in front of a Jira that keeps accounts in a store.
func startStoring(t *testing.T, store, key, url string) *gateway {
	t.Helper()
	g := startGateway(t, options{store: store, apps: encryptionKey(key), instead: "log access\njira_gateway " + url})
	g.account = append(g.account, buried, strings.Repeat(key, 64))
	return g
}

// reaches checks, until it is so, that requests with a token get this status and
// reason, and are made by this user of Jira.
func reaches(t *testing.T, g *gateway, tok issued, status int, reason, user string) {
	t.Helper()
	eventually(t, "what a request with the token gets", func() error {
		got := g.send(get(myself, tok.basic()))
		if got.status != status || got.reason() != reason || !strings.Contains(got.body, user) {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
}

// TestStoredAccountsOnTwoGateways adds, replaces and removes an account on one gateway:
// that takes effect on the other one at once, without a reload, if it has the key.
func TestStoredAccountsOnTwoGateways(t *testing.T) {
	redis := redistest.Start(t)
	jira, url := startJira(t, fakejira.DataCenter)
	a := startStoring(t, redisStore(redis), "a", url)
	b := startStoring(t, redisStore(redis), "a", url)
	c := startStoring(t, redisStore(redis), "c", url)

	add := a.tokenWith(firstSecret+"\n", "account", "add", "bi", "--jira", url, "--user", "svc", "--expires", "20d")
	if add.code != 0 || !strings.Contains(add.out, "Added account bi") || !strings.Contains(add.out, "expires in 20 days") {
		t.Fatalf("add: %s", add)
	}
	tok := a.issue("alice", "read", "account", "bi")
	for _, g := range []*gateway{b, c} {
		g.guard(tok.Owner, tok.Token)
	}
	reaches(t, a, tok, http.StatusOK, "", `"svc"`)
	reaches(t, b, tok, http.StatusOK, "", `"svc"`)

	// c has another key: only this account is unusable there.
	reaches(t, c, tok, http.StatusBadGateway, "jira_rejected_account", "")
	other := c.issue("bob", "read")
	reaches(t, c, other, http.StatusOK, "", accountUser)
	c.loggedOnce(t, "a stored account is unreadable")
	if status, health := c.adminCall("GET", "/jira_tokens/health", ""); status != http.StatusServiceUnavailable ||
		!strings.Contains(health, `"bi":{"ok":false,"error":"account \"bi\" is unreadable`) || !strings.Contains(health, `"default":{"ok":true}`) {
		t.Errorf("health: %d %s", status, health)
	}
	if check := c.token("check"); check.code == 0 || !strings.Contains(oneLine(check.out), "is unreadable") || !strings.Contains(check.out, "accepted as") {
		t.Errorf("check: %s", check)
	}
	if list := c.token("account", "list"); list.code != 0 || !strings.Contains(list.out, "unreadable") || !strings.Contains(list.out, "configuration") {
		t.Errorf("list: %s", list)
	}
	if _, metrics := c.adminCall("GET", "/metrics", ""); !strings.Contains(metrics, `jira_tokens_account_up{account="bi"} 0`) {
		t.Error("the metric does not show the unreadable account")
	}

	// A new credential: the tokens stay, and the old one is no longer sent.
	if replace := a.tokenWith(bearerSecret, "account", "replace", "bi", "--bearer"); replace.code != 0 {
		t.Fatalf("replace: %s", replace)
	}
	reaches(t, a, tok, http.StatusOK, "", `"pat"`)
	reaches(t, b, tok, http.StatusOK, "", `"pat"`)
	if list := b.token("account", "list", "--output", "json"); !strings.Contains(oneLine(list.out), `"state": "valid"`) || strings.Contains(list.out, "expires_at") {
		t.Errorf("list: %s", list)
	}

	// An account in use stays.
	if remove := b.token("account", "remove", "bi"); remove.code == 0 || !strings.Contains(remove.err, "in use (tokens: 1)") {
		t.Errorf("remove: %s", remove)
	}
	if list := b.token("list", "--account", "bi"); !strings.Contains(list.out, tok.ID) || strings.Contains(list.out, other.ID) {
		t.Errorf("tokens of the account: %s", list)
	}
	a.call("PATCH", "/jira_tokens/tokens/"+tok.ID, map[string]any{"account": "default"}, http.StatusOK, nil)
	if remove := b.token("account", "remove", "bi"); remove.code != 0 {
		t.Errorf("remove: %s", remove)
	}
	for _, g := range []*gateway{a, b, c} {
		eventually(t, "the account to be gone", func() error {
			if status, answer := g.adminCall("GET", "/jira_tokens/accounts/bi", ""); status != http.StatusNotFound {
				return errors.New(answer)
			}
			return nil
		})
	}
	if create := a.token("create", "--owner", "x", "--name", "x", "--account", "bi"); create.code == 0 || !strings.Contains(create.err, `no account "bi"`) {
		t.Errorf("create: %s", create)
	}

	for place, text := range map[string]string{"redis": contents(redis), "trail": a.token("audit", "--output", "json").out, "export": a.token("export").out} {
		if strings.Contains(text, buried) {
			t.Errorf("a secret is in %s", place)
		}
	}
	if trail := a.token("audit").out; !strings.Contains(trail, "account_add  account bi") || !strings.Contains(trail, "account_replace  account bi") || !strings.Contains(trail, `secret: – → "replaced"`) {
		t.Errorf("trail: %s", trail)
	}
	for _, r := range jira.Take() {
		if strings.Contains(r.RequestURI, buried) {
			t.Error("a secret is in a URL")
		}
	}
}

// contents returns everything that a server keeps as text.
func contents(redis *redistest.Server) (all string) {
	for _, key := range redis.Do("keys", "*").([]any) {
		switch redis.Do("type", key) {
		case "string":
			all += fmt.Sprintln(key, redis.Do("get", key))
		case "stream":
			all += fmt.Sprintln(key, redis.Do("xrange", key, "-", "+"))
		case "zset":
			all += fmt.Sprintln(key, redis.Do("zrange", key, 0, -1))
		case "hash":
			all += fmt.Sprintln(key, redis.Do("hgetall", key))
		}
	}
	return all
}

// TestStoredAccountsOfSeveralJiras checks that a stored account is only ever sent to its
// own Jira, whatever the gateways list, and that it survives a reload and a restart.
func TestStoredAccountsOfSeveralJiras(t *testing.T) {
	one, oneURL := startJira(t, fakejira.DataCenter)
	two, twoURL := startJira(t, fakejira.Cloud)
	g := startGateway(t, options{apps: encryptionKey("a"), instead: fmt.Sprintf(
		"handle /two/* {\nuri strip_prefix /two\njira_gateway %s {\naccounts default\n}\n}\nhandle {\njira_gateway %s {\naccounts default\n}\n}", twoURL, oneURL)})
	g.account = append(g.account, buried)
	if add := g.tokenWith(firstSecret, "account", "add", "dc", "--jira", strings.ToUpper(oneURL[:4])+oneURL[4:]+"/", "--user", "svc"); add.code != 0 {
		t.Fatalf("add: %s", add)
	}
	if add := g.tokenWith(secondSecret, "account", "add", "cloud", "--cloud", twoURL, "--user", "svc"); add.code != 0 {
		t.Fatalf("add: %s", add)
	}
	dc, cloud := g.issue("alice", "read", "account", "dc"), g.issue("alice", "read", "account", "cloud")
	want := func() {
		t.Helper()
		one.Take()
		two.Take()
		for path, allowed := range map[string]issued{myself: dc, "/two" + myself: cloud} {
			for _, tok := range []issued{dc, cloud} {
				got := g.send(get(path, tok.basic()))
				if ok := tok.ID == allowed.ID; ok != (got.status == http.StatusOK) || !ok && got.reason() != "path_denied" {
					t.Errorf("%s with account %s: %s", path, tok.Account, got)
				}
			}
		}
		if len(one.Take()) != 1 || len(two.Take()) != 1 {
			t.Error("a request reached the wrong Jira")
		}
	}
	want()
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	want()
	g.stop()
	g.start()
	want()
	if check := g.token("check"); check.code != 0 || strings.Count(check.out, "accepted as") != 4 {
		t.Errorf("check: %s", check)
	}
	if explain := g.token("explain", "--token", dc.ID, "GET", myself); strings.Count(explain.out, "would be forwarded") != 1 || strings.Count(explain.out, "path_denied") != 1 {
		t.Errorf("explain: %s", explain)
	}
	if data, err := os.ReadFile(g.store); err != nil || strings.Contains(string(data), buried) {
		t.Errorf("a secret is in the store's file, or %v", err)
	}
}

// TestAddingAccountsFails checks that a mistake saves nothing, says what to do, and
// never shows the secret.
func TestAddingAccountsFails(t *testing.T) {
	jira, url := startJira(t, fakejira.DataCenter)
	g := startStoring(t, "", "a", url)
	for _, c := range []struct {
		name, secret, want string
		args               []string
	}{
		{"no secret", "", "standard input", []string{"add", "bi", "--jira", url, "--user", "svc"}},
		{"two lines", firstSecret + "\n" + secondSecret, "more than one line", []string{"add", "bi", "--jira", url, "--user", "svc"}},
		{"huge", strings.Repeat(buried, 10_000), "bytes", []string{"add", "bi", "--jira", url, "--user", "svc"}},
		{"long", strings.Repeat(buried, 600), "at most 8192 bytes", []string{"add", "bi", "--jira", url, "--user", "svc"}},
		{"control character", buried + "\x00", "control character", []string{"add", "bi", "--jira", url, "--user", "svc"}},
		{"wrong", buried + "-wrong", "nothing was saved", []string{"add", "bi", "--jira", url, "--user", "svc"}},
		{"colon in the user", firstSecret, "--user: it must not contain a colon", []string{"add", "bi", "--jira", url, "--user", "svc:x"}},
		{"no Jira", firstSecret, "expected --cloud or --jira", []string{"add", "bi", "--user", "svc"}},
		{"another Jira", firstSecret, "no gateway of the configuration forwards to", []string{"add", "bi", "--jira", "https://other.example.com", "--user", "svc"}},
		{"Cloud", firstSecret, "is not Jira Cloud", []string{"add", "bi", "--cloud", url, "--user", "svc"}},
		{"two kinds", firstSecret, "only one of", []string{"add", "bi", "--jira", url, "--user", "svc", "--bearer"}},
		{"no kind", firstSecret, "expected --user, --bearer or --oauth", []string{"add", "bi", "--jira", url}},
		{"configured", firstSecret, "which takes precedence", []string{"add", "default", "--jira", url, "--user", "svc"}},
		{"slash", firstSecret, "must not contain a slash", []string{"add", "a/b", "--jira", url, "--user", "svc"}},
		{"reserved", firstSecret, "has a meaning of its own", []string{"add", "own", "--jira", url, "--user", "svc"}},
		{"line break in the name", firstSecret, "not printable", []string{"add", "a\nb", "--jira", url, "--user", "svc"}},
		{"invisible", firstSecret, "not printable", []string{"add", "a\u200bb", "--jira", url, "--user", "svc"}},
		{"long name", firstSecret, "1 to 100 characters", []string{"add", strings.Repeat("n", 101), "--jira", url, "--user", "svc"}},
		{"past", firstSecret, "--expires: expiry 2020-01-01", []string{"add", "bi", "--jira", url, "--user", "svc", "--expires", "2020-01-01"}},
		{"secret as argument", "", "secret is read from standard input", []string{"add", "bi", firstSecret, "--jira", url, "--user", "svc"}},
		{"replace a missing one", firstSecret, "the store has no account", []string{"replace", "bi"}},
		{"replace a configured one", firstSecret, "change it there", []string{"replace", "default"}},
		{"remove a missing one", "", "the store has no account", []string{"remove", "bi"}},
		{"remove a configured one", "", "change it there", []string{"remove", "default"}},
		{"unknown command", "", "unknown command of account", []string{"forget"}},
	} {
		got := g.tokenWith(c.secret, append([]string{"account"}, c.args...)...)
		if got.code == 0 || !strings.Contains(got.err, c.want) || strings.Contains(got.out+got.err, buried) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	jira.SetFaults(fakejira.Faults{Intercept: func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><body><form action=/login><input type=password></form></body></html>")
		return true
	}})
	if got := g.tokenWith(firstSecret, "account", "add", "bi", "--jira", url, "--user", "svc"); got.code == 0 || !strings.Contains(got.err, "nothing was saved") {
		t.Errorf("a login page: %s", got)
	}
	jira.SetFaults(fakejira.Faults{})
	var listed struct{ Accounts []json.RawMessage }
	g.call("GET", "/jira_tokens/accounts", nil, http.StatusOK, &listed)
	if len(listed.Accounts) != 1 {
		t.Errorf("accounts: %s", listed.Accounts)
	}
	if got := g.tokenWith(firstSecret+"\r\n", "account", "add", "büro & söhne %2F", "--jira", url, "--user", "svc"); got.code != 0 {
		t.Errorf("an odd name: %s", got)
	}
	if got := g.token("account", "check", "büro & söhne %2F"); got.code != 0 {
		t.Errorf("an odd name: %s", got)
	}
	if got := g.token("account", "remove", "büro & söhne %2F"); got.code != 0 {
		t.Errorf("an odd name: %s", got)
	}
	for _, body := range []string{`{"name":"bi","secret":5}`, `{"secret":"` + buried, `{"name":"bi","jira":"` + url + `","user":"svc","secret":"` + buried + `","what":1}`} {
		if status, answer := g.adminCall("POST", "/jira_tokens/accounts", body); status != http.StatusBadRequest || strings.Contains(answer, buried) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}

	// Without a key, the command says how to make one.
	g.configure(options{instead: "jira_gateway " + url})
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	if got := g.tokenWith(firstSecret, "account", "add", "bi", "--jira", url, "--user", "svc"); got.code == 0 || !strings.Contains(got.err, "openssl rand -base64 32") {
		t.Errorf("without a key: %s", got)
	}
}

// TestConfiguredAccountTakesPrecedence checks that the configuration wins over the store,
// and that the gateway says so.
func TestConfiguredAccountTakesPrecedence(t *testing.T) {
	_, url := startJira(t, fakejira.DataCenter)
	g := startStoring(t, "", "a", url)
	if add := g.tokenWith(bearerSecret, "account", "add", "bi", "--jira", url, "--bearer"); add.code != 0 {
		t.Fatalf("add: %s", add)
	}
	tok := g.issue("alice", "read", "account", "bi")
	reaches(t, g, tok, http.StatusOK, "", `"pat"`)
	g.configure(options{instead: "jira_gateway " + url, apps: encryptionKey("a") + "\naccount bi {\nbasic svc " + firstSecret + "\n}"})
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	reaches(t, g, tok, http.StatusOK, "", `"svc"`)
	g.loggedOnce(t, "takes precedence")
	if check := g.token("check"); check.code == 0 || !strings.Contains(oneLine(check.out), "takes precedence") || strings.Count(check.out, "accepted as") != 2 {
		t.Errorf("check: %s", check)
	}
	if remove := g.token("account", "remove", "bi"); remove.code != 0 {
		t.Errorf("remove: %s", remove)
	}
	reaches(t, g, tok, http.StatusOK, "", `"svc"`)
	if check := g.token("check"); check.code != 0 {
		t.Errorf("check: %s", check)
	}
}

// TestStoredAccountInAnOutage checks that a known account goes on working while the
// store is away.
func TestStoredAccountInAnOutage(t *testing.T) {
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	_, url := startJira(t, fakejira.DataCenter)
	g := startStoring(t, redisStore(redis), "a", url)
	if add := g.tokenWith(firstSecret, "account", "add", "bi", "--jira", url, "--user", "svc"); add.code != 0 {
		t.Fatalf("add: %s", add)
	}
	tok := g.issue("alice", "read", "account", "bi")
	reaches(t, g, tok, http.StatusOK, "", `"svc"`)
	redis.Kill()
	for range 3 {
		if got := g.send(get(myself, tok.basic())); got.status != http.StatusOK {
			t.Errorf("in the outage: %s", got)
		}
		if r := g.reload(); r.code != 0 {
			t.Fatal(r)
		}
	}
	if got := g.tokenWith(secondSecret, "account", "replace", "bi"); got.code == 0 {
		t.Errorf("replaced in the outage: %s", got)
	}
	redis.Restart()
	eventually(t, "a change after the outage", func() error {
		if got := g.tokenWith(secondSecret, "account", "replace", "bi"); got.code != 0 {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	reaches(t, g, tok, http.StatusOK, "", `"svc"`)
}
