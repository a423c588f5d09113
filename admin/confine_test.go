package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/notice/post"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// app is a configuration of the test.
type app struct {
	t        *testing.T
	registry *registry.Registry
	accounts *accounts.Set
	jiras    []handler.Jira
}

func (a *app) Registry() *registry.Registry         { return a.registry }
func (a *app) Jiras() []handler.Jira                { return a.jiras }
func (*app) PolicyOfOthers() *registry.LoadedPolicy { return nil }
func (*app) Trusted() *trust.Trust                  { return nil }
func (*app) AuditTree() *tree.Log                   { return nil }
func (*app) PublicAddress() string                  { return "https://jira.example.com" }
func (*app) Notifications() *post.Office            { return nil }
func (*app) GroupsHealth() *GroupsHealth            { return nil }
func (*app) Gateways() []*handler.Handler           { return nil }
func (*app) Held() *approvals.Keeper                { return nil }
func (a *app) JiraAccounts() *accounts.Set          { return a.accounts }

// configured are the accounts of the configuration.
func configured() map[string]*jira.Account {
	options := jira.AccountOptions{ProbeInterval: time.Minute}
	return map[string]*jira.Account{
		"default": jira.NewAccount("default", jira.Bearer(fakejira.DefaultBearer), options),
		"other":   jira.NewAccount("other", jira.Bearer(fakejira.DefaultBearer), options),
		"unknown": jira.NewAccount("unknown", jira.Bearer("wrong"), options),
	}
}

// newApp returns an app with a gateway for a Data Center that has the projects
// DEMO and OPS.
func newApp(t *testing.T) (*app, *fakejira.Server) {
	t.Helper()
	return newAppFor(t, nil)
}

// newAppFor returns an app whose owners have rights.
func newAppFor(t *testing.T, owners *registry.Directory) (*app, *fakejira.Server) {
	t.Helper()
	site := fakejira.New(fakejira.Options{Dress: fakejira.DataCenter, Issues: 1500})
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	options := storage.CacheOptions{Size: 100, TTL: time.Minute, Grace: time.Minute, ReadTimeout: time.Minute}
	cache := storage.NewCache(t.Context(), store, options)
	keys, err := accounts.NewKeys([]string{strings.Repeat("ab", 32)})
	if err != nil {
		t.Fatal(err)
	}
	set := accounts.NewSet(configured(), accounts.SetOptions{
		Store: store, Mirror: func(kind string) *storage.Mirror { return storage.NewMirror(store, kind, options) }, Keys: keys,
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	t.Cleanup(set.Close)
	r := registry.New(catalog.New(store, nil, background.New(t.Context())), cache, storage.NewUseLog(store, func(int, error) {}), owners, set.Names)
	return &app{t: t, registry: r, accounts: set, jiras: []handler.Jira{jiraAt(t, site)}}, site
}

func jiraAt(t *testing.T, site http.Handler) handler.Jira {
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return handler.Jira{URL: server.URL, Transport: http.DefaultTransport}
}

// call makes a request of the admin API.
func (a *app) call(serve endpoint, id, body string) (Token, error) {
	a.t.Helper()
	r := httptest.NewRequest(http.MethodPost, Base+"tokens", strings.NewReader(body))
	r.SetPathValue("id", id)
	_, answer, err := serve(&call{Request: r, w: httptest.NewRecorder(), app: a, tokens: a.registry})
	if err != nil {
		return Token{}, err
	}
	// As it is sent.
	text, err := json.Marshal(answer)
	if err != nil {
		a.t.Fatal(err)
	}
	var view Token
	if err := json.Unmarshal(text, &view); err != nil {
		a.t.Fatalf("%s: %v", text, err)
	}
	return view, nil
}

// stored returns the confinement as it is kept.
func (a *app) stored(id string) token.Confinement {
	a.t.Helper()
	record, err := a.registry.Show(a.t.Context(), id)
	if err != nil {
		a.t.Fatal(err)
	}
	return record.Confine
}

func TestCreateConfinedToken(t *testing.T) {
	a, site := newApp(t)
	for body, want := range map[string]struct {
		confine token.Confinement
		issues  int // -1: not told
		asked   bool
	}{
		`{}`:               {token.Confinement{}, -1, false},
		`{"confine":null}`: {token.Confinement{}, -1, false},
		`{"confine":{}}`:   {token.Confinement{}, -1, false},
		`{"check":null}`:   {token.Confinement{}, -1, false},
		`{"confine":{"projects":["demo","DEMO"]}}`:                             {token.Confinement{Projects: []token.Project{{ID: "10000", Key: "DEMO"}}}, 1500, true},
		`{"confine":{"projects":["DEMO"],"jql":"key = DEMO-1"}}`:               {token.Confinement{Projects: []token.Project{{ID: "10000", Key: "DEMO"}}, JQL: "key = DEMO-1"}, 1, true},
		`{"confine":{"hide":["internal-comments","Summary"]}}`:                 {token.Confinement{Hide: []string{"internal-comments", "Summary"}}, -1, true},
		`{"confine":{"projects":["NOPE"],"jql":"nonsense = 1"},"check":false}`: {token.Confinement{Projects: []token.Project{{Key: "NOPE"}}, JQL: "nonsense = 1"}, -1, false},
	} {
		site.Take()
		view, err := a.call((*call).create, "", `{"owner":"alice","name":"x",`+strings.TrimPrefix(body, "{"))
		if body == `{}` {
			view, err = a.call((*call).create, "", `{"owner":"alice","name":"x"}`)
		}
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := a.stored(view.ID); !reflect.DeepEqual(got, want.confine) {
			t.Errorf("%s: stored as %+v", body, got)
		}
		if asked := len(site.Take()) > 0; asked != want.asked || asked != (view.ConfineCheck != nil) {
			t.Errorf("%s: Jira was asked: %t, and the answer is %+v", body, asked, view.ConfineCheck)
			continue
		}
		issues := -1
		if want.asked && view.ConfineCheck.Issues != nil {
			issues = *view.ConfineCheck.Issues
		}
		if issues != want.issues || want.asked && view.ConfineCheck.Jira != a.jiras[0].URL {
			t.Errorf("%s: %+v", body, view.ConfineCheck)
		}
	}
}

func TestNoTokenWithAConfinementThatFails(t *testing.T) {
	a, site := newApp(t)
	refused := func(body string, status int, wants ...string) {
		t.Helper()
		_, err := a.call((*call).create, "", `{"owner":"alice","name":"x",`+strings.TrimPrefix(body, "{"))
		if err == nil {
			t.Errorf("%s: created", body)
			return
		}
		api := apiError(err)
		text := api.Message
		if text == "" {
			text = api.Error()
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q, want %q in it", body, text, want)
			}
		}
		if api.HTTPStatus != status {
			t.Errorf("%s: %d %s, want %d", body, api.HTTPStatus, text, status)
		}
	}
	refused(`{"confine":{"projects":["DEMO","NOPE"]}}`, 400, "confine: projects: ", "NOPE")
	refused(`{"confine":{"jql":"nonsense = 1"}}`, 400, "confine: jql: ", "nonsense")
	refused(`{"confine":{"hide":["Sumary"]}}`, 400, "confine: hide: ", "Sumary")
	for _, check := range []string{"true", "false"} {
		refused(`{"confine":{"jql":"project = DEMO ORDER BY created"},"check":`+check+`}`, 400, "confine: jql: ", "ORDER BY")
		refused(`{"confine":{"jql":"a = 1) OR (b = 2"},"check":`+check+`}`, 400, "confine: jql: ")
		refused(`{"confine":{"jql":" "},"check":`+check+`}`, 400, "confine: jql: ")
		refused(`{"confine":{"projects":[]},"check":`+check+`}`, 400, "confine: projects: empty")
	}
	refused(`{"confine":{"projects":["DEMO"]},"check":"no"}`, 400, "check: ")
	refused(`{"confine":{"projects":["DEMO"]},"chek":false}`, 400, `"chek"`)
	refused(`{"confine":{"projects":["DEMO"]},"account":"unknown"}`, 502, "account unknown", "--no-check")

	site.SetFaults(fakejira.Faults{Status: http.StatusServiceUnavailable})
	refused(`{"confine":{"projects":["DEMO"]}}`, 502, a.jiras[0].URL, "account default", "--no-check")
	site.SetFaults(fakejira.Faults{})

	a.jiras[0].Accounts = []string{"default"}
	refused(`{"confine":{"projects":["DEMO"]},"account":"other"}`, 409, "account other", "--no-check")
	a.jiras[0].Accounts = nil
	same := a.jiras[0]
	same.URL += "/" // another gateway of the same Jira
	a.jiras = append(a.jiras, same)
	if _, err := a.call((*call).create, "", `{"owner":"alice","name":"two gateways","confine":{"projects":["DEMO"]}}`); err != nil {
		t.Error(err)
	}
	a.jiras = append(a.jiras, jiraAt(t, site))
	refused(`{"confine":{"projects":["DEMO"]}}`, 409, "2 Jiras", a.jiras[0].URL, a.jiras[2].URL, "--no-check")

	page, err := a.registry.List(t.Context(), registry.Query{})
	if err != nil || len(page.Records) != 1 {
		t.Errorf("%d tokens, %v", len(page.Records), err)
	}
}

func TestUpdateConfinement(t *testing.T) {
	a, site := newApp(t)
	made, err := a.call((*call).create, "", `{"owner":"alice","name":"x","confine":{"projects":["DEMO"]}}`)
	if err != nil {
		t.Fatal(err)
	}
	demo, ops := token.Project{ID: "10000", Key: "DEMO"}, token.Project{ID: "10001", Key: "OPS"}
	for _, step := range []struct {
		body  string
		want  token.Confinement
		asked bool
	}{
		{`{"name":"y"}`, token.Confinement{Projects: []token.Project{demo}}, false},
		{`{"confine":{"projects":["ops","demo"],"hide":["internal-comments"]}}`, token.Confinement{Projects: []token.Project{ops, demo}, Hide: []string{"internal-comments"}}, true},
		{`{"account":"other"}`, token.Confinement{Projects: []token.Project{ops, demo}, Hide: []string{"internal-comments"}}, true},
		{`{"account":"default","check":false}`, token.Confinement{Projects: []token.Project{{Key: "OPS"}, {Key: "DEMO"}}, Hide: []string{"internal-comments"}}, false},
		{`{"confine":{"projects":[]},"check":false}`, token.Confinement{Hide: []string{"internal-comments"}}, false},
		{`{"confine":{"projects":[],"jql":"","hide":[]}}`, token.Confinement{}, false},
	} {
		site.Take()
		view, err := a.call((*call).update, made.ID, step.body)
		if err != nil {
			t.Errorf("%s: %v", step.body, err)
			continue
		}
		if got := a.stored(made.ID); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: stored as %+v", step.body, got)
		}
		if asked := len(site.Take()) > 0; asked != step.asked || asked != (view.ConfineCheck != nil) {
			t.Errorf("%s: Jira was asked: %t, and the answer is %+v", step.body, asked, view.ConfineCheck)
		}
	}
	if _, err := a.call((*call).update, made.ID, `{"confine":{"projects":["NOPE"]}}`); err == nil || !reflect.DeepEqual(a.stored(made.ID), token.Confinement{}) {
		t.Errorf("%v, stored %+v", err, a.stored(made.ID))
	}

	// The trail has the field with all of its parts.
	page, err := a.registry.Events(t.Context(), registry.EventQuery{TokenID: made.ID})
	if err != nil {
		t.Fatal(err)
	}
	var trail []string
	for _, event := range page.Events {
		for _, change := range event.Changes {
			if change.Field == "confine" {
				trail = append(trail, event.Action+" "+string(change.Old)+" → "+string(change.New))
			}
		}
	}
	want := []string{
		`create  → {"projects":["DEMO"]}`,
		`update {"projects":["DEMO"]} → {"projects":["OPS","DEMO"],"hide":["internal-comments"]}`,
		`update {"projects":["OPS","DEMO"],"hide":["internal-comments"]} → {"hide":["internal-comments"]}`,
		`update {"hide":["internal-comments"]} → `,
	}
	if !reflect.DeepEqual(trail, want) {
		t.Errorf("the trail has\n%s", strings.Join(trail, "\n"))
	}
}

// TestConfinementMoves: export writes it with the projects' IDs, import reads it
// back, and takes none that cannot be applied.
func TestConfinementMoves(t *testing.T) {
	a, _ := newApp(t)
	made, err := a.call((*call).create, "", `{"owner":"alice","name":"x","confine":{"projects":["DEMO"],"jql":"key = DEMO-1","hide":["Summary"]}}`)
	if err != nil {
		t.Fatal(err)
	}
	var exported strings.Builder
	if _, err := a.registry.Export(t.Context(), &exported, registry.ExportPosition{}, nil); err != nil {
		t.Fatal(err)
	}
	other, _ := newApp(t)
	if _, _, err := importInto(other, exported.String()); err != nil {
		t.Fatal(err)
	}
	if got, want := other.stored(made.ID), a.stored(made.ID); !reflect.DeepEqual(got, want) || got.Projects[0].ID != "10000" {
		t.Errorf("imported as %+v, exported as %+v", got, want)
	}
	third, _ := newApp(t)
	_, _, err = importInto(third, strings.Replace(exported.String(), "key = DEMO-1", "key = DEMO-1) OR (key = OPS-1", 1))
	if err == nil || !strings.Contains(err.Error(), "line 2: jql: ") {
		t.Errorf("imported: %v", err)
	}
}

func importInto(a *app, text string) (int, any, error) {
	r := httptest.NewRequest(http.MethodPost, Base+"import", strings.NewReader(text))
	return (&call{Request: r, w: httptest.NewRecorder(), app: a, tokens: a.registry}).importRecords()
}

// MovableDocuments implements App.
func (*app) MovableDocuments() map[string]registry.ImportedKind { return nil }
