package manager

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// app is the jira_tokens app of a test: alice has tokens of her own, bea may create them for
// others, and root and eve manage.
type app struct {
	App
	registry *registry.Registry
	accounts *accounts.Set
	store    storage.Store
	limits   *limits.Limits
	people   *registry.Directory
	mirrors  map[string]*storage.Mirror
}

func (a *app) Registry() *registry.Registry         { return a.registry }
func (a *app) JiraAccounts() *accounts.Set          { return a.accounts }
func (*app) Jiras() []handler.Jira                  { return nil }
func (*app) Gateways() []*handler.Handler           { return nil }
func (*app) GroupsHealth() *facts.Health            { return nil }
func (*app) PolicyOfOthers() *registry.LoadedPolicy { return nil }
func (a *app) Documents() storage.Documents         { return a.store }
func (a *app) Limits() *limits.Limits               { return a.limits }

func (a *app) Standing(record *token.Record) policy.Standing { return a.registry.Standing(record) }

func (a *app) Mirror(kind string) *storage.Mirror { return a.mirrors[kind] }

func (a *app) Lookup(ctx context.Context, presented token.Token) (*token.Record, error) {
	return a.registry.Lookup(ctx, presented)
}

var options = storage.CacheOptions{Size: 100, TTL: time.Minute, Grace: time.Minute, ReadTimeout: time.Minute}

func newApp(t *testing.T) *app {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	members := map[string]policy.Group{"bi": {Members: []string{"bea"}}, "admins": {Members: []string{"root", "eve"}}}
	rules, err := policy.New(&policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}, MaxLifetime: policy.Span(90 * 24 * time.Hour)},
		Groups:   []policy.Rule{{Group: "bi", OnBehalf: true}, {Group: "admins", Manage: true, OnBehalf: true}},
	}, policy.Surroundings{Groups: members, Account: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{store: store, people: registry.NewDirectory(rules, members), limits: &limits.Limits{Counters: limits.NewCounters(nil, nil, nil)}, mirrors: make(map[string]*storage.Mirror)}
	for _, kind := range []string{"session_key", "ended_session"} {
		a.mirrors[kind] = storage.NewMirror(store, kind, options)
	}
	a.accounts = accounts.NewSet(map[string]*jira.Account{"default": jira.NewAccount("default", jira.Bearer("secret"), jira.AccountOptions{ProbeInterval: time.Minute})}, accounts.SetOptions{
		Store: store, Mirror: func(kind string) *storage.Mirror { return storage.NewMirror(store, kind, options) },
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	t.Cleanup(a.accounts.Close)
	a.registry = registry.New(store, storage.NewCache(t.Context(), store, options), storage.NewUseLog(store, func(int, error) {}), a.people, a.accounts.Names)
	return a
}

// create creates a token without the page.
func (a *app) create(t *testing.T, fields map[string]any) registry.Issued {
	t.Helper()
	edit, err := token.NewEdit(fields)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.registry.Create(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, edit)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// header is an Identity that believes the header X-User.
type header struct{ identity.Placeholder }

func (*header) Recognize(r *http.Request) (*identity.Person, error) {
	if name := r.Header.Get("X-User"); name != "" {
		return &identity.Person{Name: name}, nil
	}
	return nil, nil
}

// serve serves a manager below /tokens/, as handle_path does.
func serve(t *testing.T, a *app, identities ...identity.Identity) *httptest.Server {
	t.Helper()
	h := &Handler{app: a, identities: identities, now: time.Now, logger: zap.NewNop()}
	for _, i := range identities {
		if user, ok := i.(identity.UsesApp); ok {
			user.Use(a)
		}
	}
	var err error
	if h.pages, err = page.New(); err != nil {
		t.Fatal(err)
	}
	h.sessions = session.New(a.Documents(), a.Mirror)
	if h.routes, err = h.newRoutes(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, "/tokens")
		if !ok {
			http.NotFound(w, r)
			return
		}
		original := *r
		address, _, _ := strings.Cut(r.RemoteAddr, ":")
		ctx := context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)
		ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: address})
		ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
		inner := r.Clone(ctx)
		inner.URL.Path = path
		if err := h.ServeHTTP(w, inner, nil); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// browser is a browser with cookies, which follows no redirects.
type browser struct {
	t      *testing.T
	server *httptest.Server
	user   string // for the identity header
	client *http.Client
}

func newBrowser(t *testing.T, server *httptest.Server, user string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, server, user, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(method, path string, body io.Reader, header http.Header) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if b.user != "" {
		r.Header.Set("X-User", b.user)
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do(http.MethodGet, path, nil, nil) }

// post sends a form, as a page of the manager does.
func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	return b.do(http.MethodPost, path, strings.NewReader(form.Encode()), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"},
	})
}

func (a answer) want(t *testing.T, what string, status int, contains ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, want %d:\n%s", what, a.status, status, a.body)
	}
	for _, text := range contains {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s: the page does not contain %q:\n%s", what, text, a.body)
		}
	}
}

var secretPattern = regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`)

func TestTokenOnThePage(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	alice.get("/tokens/").want(t, "no tokens", http.StatusOK, "No tokens yet")
	alice.get("/tokens/tokens/new").want(t, "the form", http.StatusOK, "What it may do", "Not possible: the scope admin is not allowed for alice")

	form := url.Values{"name": {"Power BI"}, "scope": {"read"}, "expires": {"30d"}, "projects": {"ACME, OPS"}, "hide_comments": {"true"}, "allow_ip": {"203.0.113.0/24"}}
	refused := alice.post("/tokens/tokens/new", form)
	// There is no Jira to ask about the projects: what was typed stays.
	refused.want(t, "projects without a Jira", http.StatusConflict, "ACME, OPS", "203.0.113.0/24", "Power BI")
	form.Del("projects")
	form.Del("hide_comments")
	created := alice.post("/tokens/tokens/new", form)
	created.want(t, "create", http.StatusCreated, "shown only this once", "curl", "GitHub Actions")
	secret := secretPattern.FindString(created.body)
	presented, err := token.Parse(secret)
	if err != nil {
		t.Fatalf("no token on the page: %v", err)
	}
	record, err := a.registry.Lookup(t.Context(), presented)
	if err != nil || record.Owner != "alice" || record.Name != "Power BI" {
		t.Fatalf("the token: %+v, %v", record, err)
	}
	for _, path := range []string{"/tokens/", "/tokens/tokens/" + record.ID} {
		page := alice.get(path)
		page.want(t, path, http.StatusOK, "Power BI", "from 203.0.113.0/24")
		if strings.Contains(page.body, secret) {
			t.Errorf("%s shows the token again", path)
		}
	}

	path := "/tokens/tokens/" + record.ID
	alice.post(path+"/edit", url.Values{"name": {"Tableau"}, "scope": {"read"}, "version": {"1"}}).want(t, "change", http.StatusSeeOther)
	alice.post(path+"/edit", url.Values{"name": {"Excel"}, "scope": {"read"}, "version": {"1"}}).want(t, "a stale form", http.StatusConflict, "Excel")
	alice.get(path).want(t, "changed", http.StatusOK, "Tableau")
	alice.get(path+"/rotate").want(t, "the question", http.StatusOK, "Replace the token")
	rotated := alice.post(path+"/rotate", url.Values{"overlap": {"1h"}})
	rotated.want(t, "rotate", http.StatusCreated, "still works until")
	if next := secretPattern.FindString(rotated.body); next == "" || next == secret {
		t.Errorf("rotating shows %q", next)
	}
	alice.post(path+"/disable", nil).want(t, "disable", http.StatusSeeOther)
	alice.post(path+"/disable", nil).want(t, "disable again", http.StatusConflict)
	alice.post(path+"/enable", nil).want(t, "enable", http.StatusSeeOther)
	alice.post(path+"/revoke", nil).want(t, "revoke", http.StatusSeeOther)
	if _, err := a.registry.Lookup(t.Context(), presented); err == nil {
		if record, _ := a.registry.Show(t.Context(), record.ID); record.Status != token.StatusRevoked {
			t.Error("the token still works")
		}
	}
}

func TestPagesOfOthers(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	mine := a.create(t, map[string]any{"owner": "alice", "name": "of alice"}).Record.ID
	alice, bea, root := newBrowser(t, server, "alice"), newBrowser(t, server, "bea"), newBrowser(t, server, "root")
	for _, path := range []string{"", "/edit", "/revoke"} {
		bea.get("/tokens/tokens/"+mine+path).want(t, "another's token"+path, http.StatusNotFound)
	}
	bea.post("/tokens/tokens/"+mine+"/revoke", nil).want(t, "revoking another's token", http.StatusNotFound)
	for _, path := range []string{"all", "requests", "owners", "accounts", "trail"} {
		if page := alice.get("/tokens/" + path); page.status != http.StatusForbidden || strings.Contains(page.body, "of alice") {
			t.Errorf("%s for alice: %d", path, page.status)
		}
		root.get("/tokens/"+path).want(t, path+" for root", http.StatusOK)
	}
	root.get("/tokens/all?q=of+alice").want(t, "search", http.StatusOK, "of alice")
	alice.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "id": {mine}}).want(t, "bulk", http.StatusForbidden)

	root.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "id": {mine}}).want(t, "the question", http.StatusOK, "Revoke 1 token?", "of alice", "revoke 1")
	root.post("/tokens/all/bulk/take", url.Values{"do": {"revoke"}, "id": {mine}, "typed": {"revoke 2"}}).want(t, "typed wrongly", http.StatusBadRequest, "Nothing was done")
	root.post("/tokens/all/bulk/take", url.Values{"do": {"revoke"}, "id": {mine}, "typed": {"revoke 1"}}).want(t, "bulk", http.StatusOK, "1 token is revoked")
	if record, err := a.registry.Show(t.Context(), mine); err != nil || record.Status != token.StatusRevoked {
		t.Errorf("after it: %+v, %v", record, err)
	}
}

func TestApproval(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root, eve := newBrowser(t, server, "alice"), newBrowser(t, server, "root"), newBrowser(t, server, "eve")
	created := alice.post("/tokens/tokens/new", url.Values{"name": {"script"}, "scope": {"write"}, "expires": {"30d"}})
	created.want(t, "create", http.StatusCreated, "must approve it first")
	id := secretPattern.FindString(created.body)[3:13]
	alice.post("/tokens/tokens/"+id+"/approve", nil).want(t, "approving one's own", http.StatusConflict)
	root.get("/tokens/requests").want(t, "the requests", http.StatusOK, "script", "for alice")
	own := root.post("/tokens/tokens/new", url.Values{"name": {"mine"}, "scope": {"write"}, "expires": {"30d"}})
	own.want(t, "of root", http.StatusCreated)
	ofRoot := secretPattern.FindString(own.body)[3:13]
	root.post("/tokens/tokens/"+ofRoot+"/approve", nil).want(t, "approving one's own", http.StatusForbidden, "nobody approves")
	eve.post("/tokens/tokens/"+ofRoot+"/reject", nil).want(t, "rejecting without a reason", http.StatusBadRequest)
	eve.post("/tokens/tokens/"+ofRoot+"/reject", url.Values{"reason": {"not needed"}}).want(t, "rejecting", http.StatusSeeOther)
	root.post("/tokens/tokens/"+id+"/approve", nil).want(t, "approving", http.StatusSeeOther)
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Status != token.StatusActive {
		t.Errorf("%+v, %v", record, err)
	}
}

func TestNobodySeesAPageWithData(t *testing.T) {
	a := newApp(t)
	id := a.create(t, map[string]any{"owner": "alice", "name": "hidden name"}).Record.ID
	stranger := newBrowser(t, serve(t, a, new(header), new(identity.Token)), "")
	for _, path := range []string{"", "tokens", "tokens/new", "tokens/" + id, "all", "requests", "owners", "accounts", "trail"} {
		answer := stranger.get("/tokens/" + path)
		answer.want(t, path, http.StatusSeeOther)
		if !strings.HasPrefix(answer.header.Get("Location"), "/tokens/signin?next=") {
			t.Errorf("%s leads to %s", path, answer.header.Get("Location"))
		}
	}
	for _, path := range []string{"tokens/new", "tokens/" + id + "/revoke", "all/bulk"} {
		stranger.post("/tokens/"+path, nil).want(t, path, http.StatusUnauthorized)
	}
	stranger.get("/tokens/api/v1/tokens").want(t, "the API", http.StatusUnauthorized, `{"error":"sign in first"}`)
	stranger.get("/tokens/nothing").want(t, "no such page", http.StatusNotFound)
	gone := newBrowser(t, stranger.server, "gone")
	a.people.Learn(map[string]registry.Facts{"gone": {Name: "gone", Inactive: true}})
	gone.get("/tokens/").want(t, "somebody who has left", http.StatusForbidden, "gone is no longer active")
	gone.get("/tokens/api/v1/tokens").want(t, "the API for somebody who has left", http.StatusUnauthorized)
}

func TestSignInWithToken(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	root := a.create(t, map[string]any{"owner": "root", "name": "sign in", "scope": "admin", "exempt": "for the test"})
	alice := a.create(t, map[string]any{"owner": "alice", "name": "no manager"})
	b := newBrowser(t, server, "")
	for what, form := range map[string]url.Values{
		"no manager":  {"owner": {"alice"}, "token": {alice.Token.Reveal()}},
		"wrong owner": {"owner": {"eve"}, "token": {root.Token.Reveal()}},
		"no token":    {"owner": {"root"}, "token": {"password"}},
		"nothing":     {},
	} {
		answer := b.post("/tokens/signin", form)
		answer.want(t, what, http.StatusForbidden)
		if answer.header.Get("Set-Cookie") != "" || strings.Contains(answer.body, root.Token.Reveal()) {
			t.Errorf("%s: a session, or the token is shown", what)
		}
	}
	answer := b.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {root.Token.Reveal()}, "next": {"all?state=active"}})
	answer.want(t, "sign in", http.StatusSeeOther)
	cookie := answer.header.Get("Set-Cookie")
	if answer.header.Get("Location") != "/tokens/all?state=active" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") ||
		!strings.Contains(cookie, "Path=/tokens/") || strings.Contains(cookie, "Domain") {
		t.Errorf("leads to %q with %q", answer.header.Get("Location"), cookie)
	}
	b.get("/tokens/all").want(t, "signed in", http.StatusOK, "no manager")
	b.get("/tokens/api/v1/tokens").want(t, "the API", http.StatusOK, `"tokens":[`)

	// What is in the cookie is still good for nothing after signing out.
	stolen := http.Header{"Cookie": {strings.Split(cookie, ";")[0]}}
	thief := newBrowser(t, server, "")
	thief.do(http.MethodGet, "/tokens/all", nil, stolen).want(t, "before signing out", http.StatusOK)
	b.post("/tokens/signout", nil).want(t, "sign out", http.StatusSeeOther)
	b.get("/tokens/all").want(t, "signed out", http.StatusSeeOther)
	thief.do(http.MethodGet, "/tokens/all", nil, stolen).want(t, "after signing out", http.StatusSeeOther)
	for what, value := range map[string]string{"forged": cookie[:len(session.CookieName)+20] + "x.y.z", "none": session.CookieName + "=", "unsigned": session.CookieName + "=eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."} {
		thief.do(http.MethodGet, "/tokens/all", nil, http.Header{"Cookie": {value}}).want(t, what, http.StatusSeeOther)
	}
}

func TestOtherSitesChangeNothing(t *testing.T) {
	a := newApp(t)
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	for what, header := range map[string]http.Header{
		"cross-site": {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":  {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.example.com"}},
		"an origin":  {"Origin": {"https://evil.example.com"}},
		"null":       {"Origin": {"null"}},
	} {
		for _, path := range []string{"tokens/" + id + "/revoke", "api/v1/tokens/" + id + "/revoke"} {
			alice.do(http.MethodPost, "/tokens/"+path, nil, header).want(t, what+" "+path, http.StatusForbidden)
		}
	}
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Status != token.StatusActive {
		t.Errorf("%+v, %v", record, err)
	}
	answer := alice.get("/tokens/")
	policy := answer.header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || answer.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", answer.header)
	}
}

func TestHostileText(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)> {{.}} javascript:alert(1)`
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	id := a.create(t, map[string]any{"owner": "root", "name": hostile, "purpose": hostile}).Record.ID
	owner := a.create(t, map[string]any{"owner": "<script>alert(2)</script>", "name": "n", "kind": "service"}).Record.ID
	for _, path := range []string{"", "all", "all?q=" + url.QueryEscape(hostile), "all?owner=" + url.QueryEscape(hostile), "tokens/" + id, "tokens/" + owner, "tokens/" + id + "/edit", "tokens/" + id + "/revoke",
		"owners?q=" + url.QueryEscape(hostile), "trail", "signin?next=" + url.QueryEscape(hostile), "tokens/" + id + "?done=" + url.QueryEscape(hostile),
		"tokens/" + id + "?path=" + url.QueryEscape("/rest/api/2/"+hostile), "tokens/" + url.PathEscape(hostile), "nothing" + url.PathEscape(hostile)} {
		answer := root.get("/tokens/" + path)
		if strings.Contains(answer.body, "<script>alert") || strings.Contains(answer.body, "<img src=x") || strings.Contains(answer.body, `href="javascript:`) {
			t.Errorf("%s: hostile text is not escaped", path)
		}
	}
	answer := root.post("/tokens/tokens/new", url.Values{"name": {hostile + hostile}, "scope": {hostile}, "expires": {hostile}, "jql": {hostile}, "allow_ip": {hostile}})
	if answer.status < 400 || strings.Contains(answer.body, "<script>alert") {
		t.Errorf("the form: %d", answer.status)
	}
}

func TestSafeNext(t *testing.T) {
	for text, want := range map[string]string{
		"all?state=active": "all?state=active", "tokens/0123456789": "tokens/0123456789", "": "",
		"https://evil.example.com/": "", "//evil.example.com/": "", "/etc": "", `\\evil.example.com`: "", "../../admin": "admin", "signin/0": "", "javascript:alert(1)": "",
	} {
		if got := safeNext(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestAPI(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	send := func(b *browser, method, path, body string) answer {
		return b.do(method, "/tokens/api/v1/"+path, strings.NewReader(body), http.Header{"Content-Type": {"application/json"}})
	}
	created := send(alice, http.MethodPost, "tokens", `{"owner":"alice","name":"by the API"}`)
	created.want(t, "create", http.StatusCreated, `"token":"jt_`)
	var view struct{ ID string }
	if err := json.Unmarshal([]byte(created.body), &view); err != nil {
		t.Fatal(err)
	}
	send(alice, http.MethodPost, "tokens", `{"owner":"bob","name":"n"}`).want(t, "for another", http.StatusForbidden, "on_behalf")
	send(alice, http.MethodGet, "tokens/"+view.ID, "").want(t, "show", http.StatusOK, "by the API")
	send(alice, http.MethodDelete, "tokens/"+view.ID, "").want(t, "delete", http.StatusMethodNotAllowed)
	for _, path := range []string{"owners", "accounts", "health", "check", "audit"} {
		send(alice, http.MethodGet, path, "").want(t, path, http.StatusForbidden)
	}
	send(root, http.MethodGet, "audit", "").want(t, "the trail", http.StatusOK, `"name":"alice"`)
	for _, b := range []*browser{alice, root} {
		send(b, http.MethodGet, "export", "").want(t, "an export", http.StatusNotFound)
		send(b, http.MethodPost, "import", "").want(t, "an import", http.StatusNotFound)
	}
}

func TestAddressOfTheActor(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}}).want(t, "create", http.StatusCreated)
	page, err := a.registry.Events(t.Context(), registry.EventQuery{})
	if err != nil || len(page.Events) == 0 {
		t.Fatalf("%v, %v", page, err)
	}
	last := page.Events[len(page.Events)-1]
	if _, err := netip.ParseAddr(last.Actor.Address); err != nil || last.Actor.Name != "alice" || last.Actor.Kind != registry.ActorOwner {
		t.Errorf("the actor is %+v", last.Actor)
	}
}

func TestSignInWithLimitedTokens(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	signIn := func(secret string) (*browser, answer) {
		t.Helper()
		b := newBrowser(t, server, "")
		return b, b.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {secret}})
	}
	for what, fields := range map[string]map[string]any{
		"confined": {"confine": map[string]any{"hide": []string{"summary"}}},
		"held":     {"hold_writes": true},
	} {
		limited := map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"}
		maps.Copy(limited, fields)
		_, answer := signIn(a.create(t, limited).Token.Reveal())
		answer.want(t, what, http.StatusForbidden, "limited to a part")
	}

	// A token that only reads is good for looking.
	reader := a.create(t, map[string]any{"owner": "root", "name": "reader"})
	b, answer := signIn(reader.Token.Reveal())
	answer.want(t, "a token that reads", http.StatusSeeOther)
	b.get("/tokens/all").want(t, "looking", http.StatusOK, "reader")
	b.post("/tokens/tokens/"+reader.Record.ID+"/revoke", nil).want(t, "changing", http.StatusForbidden, "change nothing")
	b.post("/tokens/api/v1/tokens/"+reader.Record.ID+"/revoke", nil).want(t, "changing by the API", http.StatusForbidden, "can only look")

	// The session ends with the token, or with its secret.
	ends := map[string]func(id string) error{
		"revoked": func(id string) error {
			_, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id)
			return err
		},
		"disabled": func(id string) error {
			_, err := a.registry.Disable(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id)
			return err
		},
		"deleted": func(id string) error {
			return a.registry.Delete(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id)
		},
	}
	for what, end := range ends {
		issued := a.create(t, map[string]any{"owner": "root", "name": "n"})
		b, _ := signIn(issued.Token.Reveal())
		b.get("/tokens/all").want(t, "before it is "+what, http.StatusOK)
		if err := end(issued.Record.ID); err != nil {
			t.Fatal(err)
		}
		b.get("/tokens/all").want(t, what, http.StatusSeeOther)
	}
	rotated := a.create(t, map[string]any{"owner": "root", "name": "n"})
	if _, err := a.registry.Rotate(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, rotated.Record.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	_, answer = signIn(rotated.Token.Reveal())
	answer.want(t, "a secret in its overlap", http.StatusForbidden, "replaced by a rotation")
}

// TestPeopleSendAccountsNowhere: whoever says where an account's requests are sent, reads
// them.
func TestPeopleSendAccountsNowhere(t *testing.T) {
	root := newBrowser(t, serve(t, newApp(t), new(header)), "root")
	for _, path := range []string{"accounts", "accounts/bot/replace"} {
		for _, field := range []string{"api_url", "token_url"} {
			body := `{"name":"bot","cloud":"https://acme.atlassian.net","user":"x","secret":"y","scoped":true,"` + field + `":"https://evil.example.com"}`
			root.do(http.MethodPost, "/tokens/api/v1/"+path, strings.NewReader(body), http.Header{"Content-Type": {"application/json"}}).
				want(t, path+" "+field, http.StatusForbidden, field)
		}
	}
}
