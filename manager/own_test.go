package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
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
