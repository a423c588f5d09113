package manager

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestOwnAccount: a person connects their own Jira account and nobody else's, sees its
// state but not the credential, and disconnects it if no token uses it.
func TestOwnAccount(t *testing.T) {
	a := newApp(t)
	pat := newBrowser(t, serve(t, a, new(header)), "pat")
	pat.get("/tokens/own").wantText(t, "without a key", "Not possible here")
	site := withJira(t, a)
	server := serve(t, a, new(header))
	pat, alice := newBrowser(t, server, "pat"), newBrowser(t, server, "alice")
	pat.get("/tokens/").want(t, "the navigation", http.StatusOK, "My Jira account")
	page := pat.get("/tokens/own")
	page.want(t, "the page", http.StatusOK, site.URL, "Not connected")
	if strings.Contains(page.body, "Connect at Jira") {
		t.Error("consent is offered without an app")
	}
	form := url.Values{"jira": {site.URL}, "kind": {"bearer"}, "secret": {"wrong-secret"}, "expires_at": {"300d"}}
	refused := pat.post("/tokens/own", form)
	refused.want(t, "a wrong secret", http.StatusBadRequest, `value="300d"`, `class="wrong"`)
	form.Set("secret", bearer)
	other := alice.post("/tokens/own", form)
	other.want(t, "somebody else's", http.StatusBadRequest, `class="wrong"`)
	for _, answer := range []answer{refused, other} {
		if strings.Contains(answer.body, "wrong-secret") || strings.Contains(answer.body, bearer) {
			t.Error("the page shows the secret")
		}
	}
	pat.post("/tokens/own", url.Values{"jira": {"https://evil.example.com"}, "kind": {"bearer"}, "secret": {bearer}}).want(t, "another Jira", http.StatusBadRequest)
	pat.post("/tokens/own", form).want(t, "connect", http.StatusSeeOther)
	pat.get("/tokens/own?done=own").wantText(t, "connected", "Connected.", "Works", "Jira says it is pat", "Personal access token", "Ends in ")

	created := pat.post("/tokens/tokens/new", url.Values{"name": {"as myself"}, "scope": {"read"}, "expires": {"7d"}, "account": {"own"}})
	created.want(t, "a token", http.StatusCreated)
	id := secretPattern.FindString(created.body)[3:13]
	remove := "/tokens/own/remove?jira=" + url.QueryEscape(site.URL)
	pat.get(remove).wantText(t, "the question", "Disconnect from "+site.URL+"?")
	pat.post(remove, nil).want(t, "in use", http.StatusConflict)
	pat.post("/tokens/tokens/"+id+"/revoke", nil).want(t, "revoke", http.StatusSeeOther)
	pat.post(remove, nil).want(t, "disconnect", http.StatusSeeOther)
	pat.get("/tokens/own").wantText(t, "disconnected", "Not connected")
	for range 3 {
		alice.post("/tokens/own", form)
	}
	alice.post("/tokens/own", form).want(t, "too many", http.StatusTooManyRequests, "Try again in a minute")
}

// TestConsentLeadsBack: once somebody has consented at Jira, a link leads back to the page:
// to its own address, and never to one that only the request's Host says.
func TestConsentLeadsBack(t *testing.T) {
	for what, c := range map[string]struct {
		public  string // of the gateway; empty for the address of the test's server
		headers http.Header
		back    string // below the test's server, if it begins with a slash
		says    string
	}{
		"the gateway's own address":     {"", nil, "/tokens/own", "a link leads back here"},
		"a proxy in front speaks HTTPS": {"https://{host}", nil, "https://{host}/tokens/own", "a link leads back here"},
		"a forged host":                 {"https://jira.example.com", nil, "", "come back and load this page again"},
		"forged headers":                {"", http.Header{"X-Forwarded-Host": {"evil.example.com"}, "Referer": {"https://evil.example.com/"}}, "/tokens/own", "a link leads back here"},
	} {
		a := newApp(t)
		callback := "https://gateway.example.com" + accounts.CallbackPath
		site := withJiraOf(t, a, fakejira.Options{
			Dress: fakejira.DataCenter, Accounts: []fakejira.Account{{User: "pat", Bearer: bearer}},
			OAuthApps: []fakejira.OAuthApp{{ID: "app", Secret: "hunter2-app", RedirectURL: callback}},
		})
		site.Config.Handler.(*fakejira.Server).SetConsent(fakejira.Consent{User: "pat"})
		pat := newBrowser(t, serve(t, a, new(header)), "pat")
		host := strings.TrimPrefix(pat.server.URL, "http://")
		if a.public = strings.ReplaceAll(c.public, "{host}", host); a.public == "" {
			a.public = pat.server.URL
		}
		headers := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
		for name, values := range c.headers {
			headers[name] = values
		}
		asked := pat.do(http.MethodPost, "/tokens/own/connect", strings.NewReader(url.Values{"jira": {site.URL}, "from": {"https://evil.example.com"}}.Encode()), headers)
		asked.want(t, what, http.StatusCreated)
		asked.wantText(t, what, c.says)
		link := regexp.MustCompile(accounts.ConnectPath + `([A-Z2-7]+)"`).FindStringSubmatch(html.UnescapeString(asked.body))
		if link == nil {
			t.Fatalf("%s: no link: %s", what, asked.text())
		}
		opened, err := a.accounts.OpenLink(t.Context(), link[1])
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultTransport.RoundTrip(httptest.NewRequest(http.MethodGet, opened.ConsentURL, nil))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		back, err := url.Parse(response.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		_, from, err := a.accounts.Finish(t.Context(), accounts.Return{
			State: back.Query().Get("state"), Code: back.Query().Get("code"), Browser: opened.Browser, Actor: storage.Actor{Kind: storage.ActorOwner},
		})
		want := strings.ReplaceAll(c.back, "{host}", host)
		if strings.HasPrefix(want, "/") {
			want = pat.server.URL + want
		}
		if err != nil || from != want {
			t.Errorf("%s: it leads back to %q, %v", what, from, err)
		}
	}
}
