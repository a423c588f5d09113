package manager

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var (
	keptPattern   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(<input type="hidden".*?)<div`)
	hiddenPattern = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// hiddenIn returns the hidden fields in a part of a page.
func hiddenIn(text string) url.Values {
	values := url.Values{}
	for _, field := range hiddenPattern.FindAllStringSubmatch(text, -1) {
		values.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return values
}

// keptIn returns the form that a page keeps, and where it goes.
func keptIn(t *testing.T, a answer) (action string, values url.Values) {
	t.Helper()
	found := keptPattern.FindStringSubmatch(a.body)
	if found == nil {
		t.Fatalf("the page keeps no form:\n%s", a.body)
	}
	return html.UnescapeString(found[1]), hiddenIn(found[2])
}

// TestSessionEndsWhileTyping: after signing in again, what was typed is there.
func TestSessionEndsWhileTyping(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	admin := a.create(t, map[string]any{"owner": "root", "name": "sign in", "scope": "admin", "exempt": "for the test"})
	b := newBrowser(t, server, "")
	typed := url.Values{"name": {`typed "name"`}, "purpose": {"typed purpose & more"}, "scope": {"write"}, "expires": {"30d"}, "project": {"ACME", "OPS"}, "number": {strings.Repeat("A", 26)}}
	lost := b.post("/tokens/tokens/new", typed)
	lost.want(t, "without a session", http.StatusUnauthorized, `name="token"`)
	lost.wantText(t, "without a session", "what you typed is still here", `typed "name"`, "purpose & more")
	signIn := hiddenIn(lost.body[:strings.Index(lost.body, `name="token"`)])
	signIn.Set("owner", "root")
	signIn.Set("token", "wrong")
	wrong := b.post("/tokens/signin", signIn)
	wrong.want(t, "a wrong token", http.StatusForbidden)
	wrong.wantText(t, "a wrong token", `typed "name"`)
	signIn = hiddenIn(wrong.body[:strings.Index(wrong.body, `name="token"`)])
	signIn.Set("owner", "root")
	signIn.Set("token", admin.Token.Reveal())
	back := b.post("/tokens/signin", signIn)
	back.want(t, "signed in", http.StatusOK, "Back to the form")
	if strings.Contains(back.body, admin.Token.Reveal()) {
		t.Error("the page shows the token that somebody has signed in with")
	}
	action, values := keptIn(t, back)
	if action != "/tokens/tokens/new" {
		t.Errorf("the form goes to %q", action)
	}
	form := b.post(action, values)
	form.want(t, "the form", http.StatusOK, `value="typed &#34;name&#34;"`, `name="number" value="`+strings.Repeat("A", 26)+`"`)
	form.wantText(t, "the form", "Create a token")
	if !strings.Contains(form.body, `value="ACME OPS"`) || !strings.Contains(form.body, `value="write" checked`) {
		t.Errorf("not all that was typed is in the form:\n%s", form.body)
	}
	if n := tokensOf(t, a, "root"); n != 1 {
		t.Errorf("root has %d tokens before the form is sent", n)
	}
	for _, name := range []string{"do", "project"} { // there is no Jira to ask about projects
		values.Del(name)
		typed.Del(name)
	}
	b.post(action, values).want(t, "sent again", http.StatusCreated)
	b.post(action, typed).want(t, "once more", http.StatusConflict, "This form was sent already")
}

// TestSecretsAreNotKept: they are in no page that a form without a session is answered with.
func TestSecretsAreNotKept(t *testing.T) {
	a := newApp(t)
	b := newBrowser(t, serve(t, a, new(identity.Token)), "")
	secret := token.New().Reveal()
	for path, form := range map[string]url.Values{
		"account":            {"name": {"bot"}, "user": {"typed user"}, "secret": {"the secret"}},
		"accounts/x/replace": {"user": {"typed user"}, "secret": {"the secret"}},
		"own":                {"user": {"typed user"}, "secret": {"the secret"}},
		"all/whose":          {"token": {"the secret"}, "user": {"typed user"}},
		"tokens/new":         {"name": {"n"}, "user": {"typed user"}, "purpose": {"for " + secret}},
	} {
		answer := b.post("/tokens/"+path, form)
		answer.want(t, path, http.StatusUnauthorized, "typed user")
		if strings.Contains(answer.body, "the secret") || strings.Contains(answer.body, secret) || strings.Contains(answer.body, "the+secret") {
			t.Errorf("%s: the page has a secret:\n%s", path, answer.body)
		}
	}
}

// TestKeptFormsStayHere: a form that is carried through signing in is sent nowhere else, and
// what another site sends is not shown.
func TestKeptFormsStayHere(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	admin := a.create(t, map[string]any{"owner": "root", "name": "sign in", "scope": "admin", "exempt": "for the test"})
	for _, to := range []string{"https://evil.example.com/", "//evil.example.com", `\\evil.example.com`, "/etc", "javascript:alert(1)", "signin", ""} {
		answer := newBrowser(t, server, "").post("/tokens/signin", url.Values{"owner": {"root"}, "token": {admin.Token.Reveal()}, "kept": {"name=x"}, "kept_to": {to}})
		if found := keptPattern.FindStringSubmatch(answer.body); found != nil {
			t.Errorf("%q: the form goes to %q", to, found[1])
		}
	}
	foreign := newBrowser(t, server, "").do(http.MethodPost, "/tokens/tokens/new", strings.NewReader("name=theirs"), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"cross-site"}})
	foreign.want(t, "from another site", http.StatusForbidden)
	if strings.Contains(foreign.body, "theirs") {
		t.Error("what another site has sent is shown")
	}
}

// TestFormIsTooLong: the page says so, and shows what was typed up to a limit.
func TestFormIsTooLong(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	for _, path := range []string{"tokens/new", "tokens/" + id + "/edit", "tokens/" + id + "/revoke"} {
		// Encode sorts by name, so the purpose comes last, and is cut off in the middle.
		answer := alice.post("/tokens/"+path, url.Values{"name": {"typed name"}, "purpose": {"typed purpose " + strings.Repeat("ü", maxForm)}})
		answer.want(t, path, http.StatusRequestEntityTooLarge)
		answer.wantText(t, path, "nothing was done", "256 KB", "typed name", "typed purpose üüü")
		if len(answer.body) > 4*maxShown {
			t.Errorf("%s: the page has %d bytes", path, len(answer.body))
		}
	}
	if n := tokensOf(t, a, "alice"); n != 1 {
		t.Errorf("alice has %d tokens", n)
	}
}

// TestStoreGoesAwayMidway: what was typed into any form can be sent again.
func TestStoreGoesAwayMidway(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	pending := a.create(t, map[string]any{"owner": "alice", "name": "script", "scope": "write"}).Record.ID
	for path, form := range map[string]url.Values{
		"/tokens/tokens/" + pending + "/reject":    {"reason": {"typed reason"}, "version": {"1"}},
		"/tokens/owner/transfer?name=alice":        {"to": {"typed-owner"}, "typed": {"typed-owner"}},
		"/tokens/owner/revoke?name=alice":          {"typed": {"alice"}, "reason": {"typed reason"}},
		"/tokens/all/bulk/take":                    {"do": {"revoke"}, "id": {pending}, "version": {"1"}, "typed": {"revoke 1"}},
		"/tokens/tokens/" + pending + "/no-action": {"reason": {"typed reason"}},
	} {
		a.store.away.Store(true)
		away := root.post(path, form)
		a.store.away.Store(false)
		away.want(t, path, http.StatusServiceUnavailable)
		action, values := keptIn(t, away)
		if action != path || values.Encode() != form.Encode() {
			t.Errorf("%s: kept for %s: %s", path, action, values.Encode())
		}
	}
	a.store.away.Store(true)
	away := root.post("/tokens/tokens/"+pending+"/reject", url.Values{"reason": {"typed reason"}, "version": {"1"}})
	a.store.away.Store(false)
	action, values := keptIn(t, away)
	root.post(action, values).want(t, "once it is back", http.StatusSeeOther)
	if record, err := a.registry.Show(t.Context(), pending); err != nil || record.StatusReason != "typed reason" {
		t.Errorf("%+v, %v", record, err)
	}
}

// elsewhere is a provider to which people are sent, and which may be down.
type elsewhere struct {
	identity.Identity
	begin, finish error
}

func (*elsewhere) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jira_tokens.identities.elsewhere"}
}
func (*elsewhere) Title() string { return "Example" }

func (e *elsewhere) Begin(context.Context, string) (string, identity.Flow, error) {
	return "https://id.example.com/", identity.Flow{State: "s"}, e.begin
}

func (e *elsewhere) Finish(context.Context, string, url.Values, identity.Flow) (*identity.Person, error) {
	return &identity.Person{Name: "alice"}, e.finish
}

// TestProviderIsDown: the page that was asked for is not forgotten, and a form that was sent
// stays in its tab.
func TestProviderIsDown(t *testing.T) {
	way := &elsewhere{begin: errors.New("connection refused")}
	b := newBrowser(t, serve(t, newApp(t), way), "")
	b.post("/tokens/tokens/new", url.Values{"name": {"typed name"}}).want(t, "without a session", http.StatusUnauthorized, "typed name", `target="_blank"`, "Back to the form")
	const next = "next=all%3Fstate%3Dactive"
	b.get("/tokens/signin/0?"+next).want(t, "it is down", http.StatusBadGateway, next, "Example")
	way.begin = nil
	b.get("/tokens/signin/0?"+next).want(t, "it is up", http.StatusSeeOther)
	way.finish = errors.New("unexpected end of JSON input")
	b.get("/tokens/signin/0/callback?code=x&state=s").want(t, "it answers nonsense", http.StatusBadGateway, next, "Example")
	way.finish = nil
	b.get("/tokens/signin/0?" + next)
	if done := b.get("/tokens/signin/0/callback?code=x&state=s"); done.header.Get("Location") != "/tokens/all?state=active" {
		t.Errorf("leads to %q", done.header.Get("Location"))
	}
}
