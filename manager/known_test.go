package manager

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// seesJira gives the app's default account a Jira, and returns how often that was asked.
func seesJira(t *testing.T, a *app, dress fakejira.Dress) *atomic.Int64 {
	t.Helper()
	asked := new(atomic.Int64)
	site := fakejira.New(fakejira.Options{Dress: dress, Accounts: []fakejira.Account{{User: "bot", Bearer: "secret"}}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		site.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.jiras = []handler.Jira{{URL: server.URL, Transport: http.DefaultTransport}}
	return asked
}

// TestFormAsksJira about projects, fields and JQL, as the account that the token would use.
func TestFormAsksJira(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.DataCenter, fakejira.Cloud} {
		a := newApp(t)
		asked := seesJira(t, a, dress)
		alice := newBrowser(t, serve(t, a, new(header)), "alice")
		alice.get("/tokens/tokens/new").want(t, "the form", http.StatusOK)
		if n := asked.Load(); n > 0 {
			t.Errorf("opening the form waits for Jira: %d questions", n)
		}
		update := func(fields url.Values) answer {
			t.Helper()
			form := url.Values{"name": {"x"}, "scope": {"read"}, "do": {"update"}}
			for name, values := range fields {
				form[name] = values
			}
			return alice.post("/tokens/tokens/new", form)
		}
		update(nil).want(t, "all projects", http.StatusOK, `name="project" value="DEMO"`, `name="project" value="OPS"`, `<option value="summary">`)
		found := update(url.Values{"find_project": {"op"}})
		found.want(t, "a search", http.StatusOK, `name="project" value="OPS"`, `value="op"`)
		if strings.Contains(found.body, `value="DEMO"`) {
			t.Error("the search finds everything")
		}
		added := update(url.Values{"projects": {"demo"}, "project": {"OPS"}})
		added.want(t, "adding a project", http.StatusOK, `name="projects" value="DEMO OPS"`)
		added.wantText(t, "adding a project", "Reads issues of DEMO and OPS", "issues match now.")
		update(url.Values{"jql": {"project = OPS"}}).wantText(t, "JQL", "match now.")
		wrong := update(url.Values{"jql": {"nonsense = 1"}})
		wrong.want(t, "wrong JQL", http.StatusOK, `value="nonsense = 1"`, `aria-invalid="true"`)
		wrong.wantText(t, "wrong JQL", "Jira does not accept it")
		update(url.Values{"projects": {"NOPE"}}).wantText(t, "an unknown project", `"NOPE": there is no such project`)
		update(url.Values{"hide": {"Margn"}}).wantText(t, "an unknown field", `"Margn": Jira has no field`)

		// What Jira has said is remembered shortly.
		before := asked.Load()
		update(url.Values{"find_project": {"op"}}).want(t, "the search again", http.StatusOK, `value="OPS"`)
		if n := asked.Load() - before; n > 0 {
			t.Errorf("%d questions that were answered a moment ago", n)
		}
	}
}

// TestJiraIsNotAskedForOthers: what an account sees is only told to those who can have a
// token that sees it.
func TestJiraIsNotAskedForOthers(t *testing.T) {
	a := newApp(t)
	asked := seesJira(t, a, fakejira.DataCenter)
	server := serve(t, a, new(header))
	alice, bea := newBrowser(t, server, "alice"), newBrowser(t, server, "bea")
	for _, path := range []string{"projects?owner=bob", "fields?owner=bob", "projects?owner=bob&kind=service", "projects?kind=external", "projects?account=own"} {
		if answer := alice.get("/tokens/api/v1/jira/" + path); answer.status < 400 || strings.Contains(answer.body, "DEMO") {
			t.Errorf("%s: %d %s", path, answer.status, answer.body)
		}
	}
	body := `{"owner":"bob","confine":{"jql":"text ~ secret"}}`
	alice.do(http.MethodPost, "/tokens/api/v1/jira/matches", strings.NewReader(body), http.Header{"Content-Type": {"application/json"}}).want(t, "an oracle", http.StatusForbidden)
	if n := asked.Load(); n > 0 {
		t.Errorf("Jira was asked %d times", n)
	}
	alice.get("/tokens/api/v1/jira/projects?search=dem").want(t, "for oneself", http.StatusOK, `"key":"DEMO"`)
	bea.get("/tokens/api/v1/jira/projects?owner=robot&kind=service").want(t, "for a service", http.StatusOK, `"key":"DEMO"`)
	newBrowser(t, server, "").get("/tokens/api/v1/jira/projects").want(t, "a stranger", http.StatusUnauthorized)
}

// TestJiraIsAway while somebody types: that is said, and stops nothing.
func TestJiraIsAway(t *testing.T) {
	a := newApp(t)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(away.Close)
	a.jiras = []handler.Jira{{URL: away.URL, Transport: http.DefaultTransport}}
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	form := url.Values{"name": {"typed name"}, "scope": {"read"}, "expires": {"30d"}, "projects": {"DEMO"}, "jql": {"labels = x"}, "do": {"update"}}
	updated := alice.post("/tokens/tokens/new", form)
	updated.want(t, "update", http.StatusOK, `value="typed name"`, `value="labels = x"`)
	updated.wantText(t, "update", "Not known: asking Jira as account default")
	at := strings.TrimPrefix(away.URL, "http://")
	root := newBrowser(t, alice.server, "root")
	root.post("/tokens/tokens/new", form).wantText(t, "update by root", "Not known: asking "+away.URL)
	form.Del("do")
	refused := alice.post("/tokens/tokens/new", form)
	refused.want(t, "create", http.StatusBadGateway, `value="labels = x"`)
	refused.wantText(t, "create", "Save without asking Jira")
	away.Close()
	gone := alice.post("/tokens/tokens/new", form)
	gone.wantText(t, "nothing listens", "Jira could not be asked")
	for _, answer := range []answer{updated, refused, gone} {
		if strings.Contains(answer.body, at) || strings.Contains(answer.body, "dial") {
			t.Errorf("alice sees where the gateway reaches Jira:\n%s", answer.text())
		}
	}
	root.post("/tokens/tokens/new", form).wantText(t, "for root", at)
	form.Set("without_asking", "true")
	alice.post("/tokens/tokens/new", form).want(t, "without asking", http.StatusCreated)
}
