package manager

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// bearer is a personal access token of the test's Jira.
const bearer = "hunter2-bearer"

// withJira gives an app a Jira Data Center and accounts that the store keeps.
func withJira(t *testing.T, a *app) *httptest.Server {
	t.Helper()
	return withJiraOf(t, a, fakejira.Options{Dress: fakejira.DataCenter, Accounts: []fakejira.Account{{User: "pat", Bearer: bearer}}})
}

// withJiraOf is as withJira, with another Jira.
func withJiraOf(t *testing.T, a *app, site fakejira.Options) *httptest.Server {
	t.Helper()
	jiraSite := httptest.NewServer(fakejira.New(site))
	t.Cleanup(jiraSite.Close)
	a.jiras = []handler.Jira{{URL: jiraSite.URL, Transport: http.DefaultTransport}}
	keys, err := accounts.NewKeys([]string{encryptionKey})
	if err != nil {
		t.Fatal(err)
	}
	a.accounts = accounts.NewSet(map[string]*jira.Account{"default": jira.NewAccount("default", jira.Bearer("secret"), jira.AccountOptions{ProbeInterval: time.Minute})}, accounts.SetOptions{
		Store: a.store, Mirror: func(kind string) *storage.Mirror { return storage.NewMirror(a.store, kind, options) }, Keys: keys,
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: time.Now,
		Apps: consentApps(t, site, jiraSite.URL), PublicURL: a.public,
		Jira: func(string) (accounts.Jira, bool) {
			return accounts.Jira{URL: jiraSite.URL, Transport: http.DefaultTransport}, true
		},
	})
	t.Cleanup(a.accounts.Close)
	a.registry = registry.New(a.store, storage.NewCache(t.Context(), a.store, options), storage.NewUseLog(a.store, func(int, error) {}), a.people, a.accounts.TokenAccounts)
	return jiraSite
}

// consentApps returns the apps of a Jira.
func consentApps(t *testing.T, site fakejira.Options, url string) map[string]*jira.ConsentApp {
	t.Helper()
	apps := make(map[string]*jira.ConsentApp)
	for _, app := range site.OAuthApps {
		provisioned, err := (&accounts.OAuthApp{ClientID: app.ID, ClientSecret: app.Secret}).Provision(url, app.RedirectURL)
		if err != nil {
			t.Fatal(err)
		}
		apps[url] = provisioned
	}
	return apps
}

// TestAccountOfCloud: Jira Cloud need not be below atlassian.net, and what is chosen wrongly
// is said in the page's words.
func TestAccountOfCloud(t *testing.T) {
	a := newApp(t)
	site := withJiraOf(t, a, fakejira.Options{Accounts: []fakejira.Account{{User: "svc@example.com", Secret: "hunter2-secret"}}})
	root := newBrowser(t, serve(t, a, new(header)), "root")
	root.get("/tokens/account").want(t, "the form", http.StatusOK, `value="cloud" checked`)
	form := url.Values{"name": {"bot"}, "jira": {site.URL}, "product": {"jira"}, "kind": {"basic"}, "user": {"svc@example.com"}, "secret": {"hunter2-secret"}}
	wrong := root.post("/tokens/account", form)
	wrong.want(t, "the other product", http.StatusBadRequest, `value="jira" checked`, `value="bot"`)
	wrong.wantText(t, "the other product", "Nothing was saved: it says that it is Jira Cloud. Choose that.")
	form.Set("product", "cloud")
	form.Set("secret", "wrong")
	refused := root.post("/tokens/account", form)
	refused.wantText(t, "a wrong secret", "tick the box for that")
	form.Set("secret", "hunter2-secret")
	root.post("/tokens/account", form).want(t, "add", http.StatusSeeOther)
	again := root.post("/tokens/account", form)
	again.want(t, "again", http.StatusConflict)
	for what, answer := range map[string]answer{"the other product": wrong, "a wrong secret": refused, "again": again} {
		if strings.Contains(answer.text(), "--") || strings.Contains(answer.text(), "caddy jira-token") || strings.Contains(answer.text(), "give it as") {
			t.Errorf("%s: the page speaks of the command: %s", what, answer.text())
		}
	}
	created := root.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"30d"}})
	created.want(t, "the lines for clients", http.StatusCreated, "/rest/api/3/search/jql")
}

func TestAccounts(t *testing.T) {
	a := newApp(t)
	site := withJira(t, a)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	form := url.Values{"name": {"bot"}, "jira": {site.URL}, "product": {"jira"}, "kind": {"bearer"}, "secret": {"wrong-secret"}, "expires_at": {"30d"}}
	root.get("/tokens/account").want(t, "the form", http.StatusOK, "Validate &amp; save", site.URL)
	refused := root.post("/tokens/account", form)
	refused.want(t, "a wrong secret", http.StatusBadRequest, "nothing was saved", `value="bot"`, `value="30d"`, `value="bearer" checked`)
	form.Set("secret", bearer)
	form.Set("name", "a/<b>")
	root.post("/tokens/account", form).want(t, "a hostile name", http.StatusBadRequest, "a/&lt;b&gt;", `class="wrong"`)
	form.Set("name", "bot")
	form.Set("expires_at", "yesterday")
	root.post("/tokens/account", form).want(t, "an expiry that is none", http.StatusBadRequest, `value="yesterday"`, "class=\"wrong\"")
	form.Set("expires_at", "30d")
	root.post("/tokens/account", form).want(t, "add", http.StatusSeeOther)
	root.post("/tokens/account", form).want(t, "add again", http.StatusConflict, `value="bot"`)
	list := root.get("/tokens/accounts?done=account")
	list.want(t, "the list", http.StatusOK, "bot", "Ends in 30 days", "kept by the gateway", "in the configuration", "is saved", "not checked yet", `data-label="Jira">`+site.URL)
	details := root.get("/tokens/accounts/bot")
	details.want(t, "an account", http.StatusOK, "Personal access token", "by root from 127.0.0.1", "Check now", "Replace credential")
	root.get("/tokens/accounts/default").want(t, "of the configuration", http.StatusOK, "It is changed there", "Check now")
	if page := root.get("/tokens/accounts/default"); strings.Contains(page.body, "/accounts/default/remove") {
		t.Error("a configured account can be removed")
	}
	root.post("/tokens/accounts/bot/check", nil).want(t, "check", http.StatusOK, site.URL+" accepts it as")
	root.post("/tokens/accounts/default/check", nil).want(t, "check one that Jira refuses", http.StatusOK, "notice bad")
	root.get("/tokens/accounts/none").want(t, "none", http.StatusNotFound)

	replacement := url.Values{"kind": {"bearer"}, "secret": {"another-wrong-one"}, "expires_at": {"60d"}}
	root.get("/tokens/accounts/bot/replace").want(t, "the form", http.StatusOK, "New credential for bot")
	root.post("/tokens/accounts/bot/replace", replacement).want(t, "a wrong one", http.StatusBadRequest, `value="60d"`, "nothing was saved")
	replacement.Set("secret", bearer)
	root.post("/tokens/accounts/bot/replace", replacement).want(t, "replace", http.StatusSeeOther)
	root.get("/tokens/accounts").want(t, "replaced", http.StatusOK, "Works")

	issued := a.create(t, map[string]any{"owner": "alice", "name": "uses <bot>", "account": "bot", "exempt": "for the test"})
	root.get("/tokens/accounts/bot/remove").want(t, "in use", http.StatusOK, "cannot be removed while tokens use it", "uses &lt;bot&gt;")
	root.post("/tokens/accounts/bot/remove", url.Values{"typed": {"bot"}}).want(t, "remove what is in use", http.StatusConflict, "in use", "uses &lt;bot&gt;")
	if _, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, issued.Record.ID); err != nil {
		t.Fatal(err)
	}
	root.get("/tokens/accounts/bot/remove").want(t, "the question", http.StatusOK, "To confirm, type bot")
	root.post("/tokens/accounts/bot/remove", url.Values{"typed": {"box"}}).want(t, "typed wrongly", http.StatusBadRequest, "Nothing was done", `value="box"`)
	root.post("/tokens/accounts/bot/remove", url.Values{"typed": {"bot"}}).want(t, "remove", http.StatusSeeOther)
	root.get("/tokens/accounts/bot").want(t, "afterwards", http.StatusNotFound)
	for what, page := range map[string]answer{"refused": refused, "the list": list, "details": details} {
		for _, secret := range []string{"wrong-secret", bearer} {
			if strings.Contains(page.body, secret) {
				t.Errorf("%s: the secret is on the page", what)
			}
		}
	}
	for _, path := range []string{"account", "accounts", "accounts/default", "accounts/default/replace", "accounts/default/remove"} {
		alice.get("/tokens/"+path).want(t, path+" for alice", http.StatusForbidden)
	}
	for _, path := range []string{"account", "accounts/default/check", "accounts/default/replace", "accounts/default/remove"} {
		alice.post("/tokens/"+path, form).want(t, path+" by alice", http.StatusForbidden)
	}

	site.Close()
	root.post("/tokens/account", form).want(t, "Jira is away", http.StatusBadGateway, "Nothing was saved", `value="bot"`)
}

func TestAccountsWithoutKey(t *testing.T) {
	root := newBrowser(t, serve(t, newApp(t), new(header)), "root")
	root.get("/tokens/accounts").want(t, "the list", http.StatusOK, "encryption_key", "disabled")
	root.get("/tokens/account").want(t, "the form", http.StatusConflict, "encryption_key")
}
