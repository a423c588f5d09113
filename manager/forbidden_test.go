package manager

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/policy"
)

// disabledButton returns a pattern for a button that cannot be pressed, and has this text.
func disabledButton(text string) *regexp.Regexp {
	return regexp.MustCompile(`<button [^>]*disabled[^>]* aria-describedby="[^"]+"[^>]*>` + text + `</button>`)
}

// TestForbiddenActions: what somebody may not do with a token is there, disabled, and says why
// and who can help.
func TestForbiddenActions(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n", "expires_at": "30d"}).Record.ID
	path := "/tokens/tokens/" + id

	alice.post(path+"/disable", nil).want(t, "alice disables", http.StatusSeeOther)
	if page := alice.get(path); !strings.Contains(page.body, path+`/enable"`) {
		t.Errorf("alice may enable what she has disabled: %s", page.text())
	}
	root.post("/tokens/all/bulk/take", url.Values{"do": {"disable"}, "id": {id}, "typed": {"disable 1"}})
	page := alice.get(path)
	page.wantText(t, "disabled by root", "You cannot enable it: somebody who manages tokens has disabled it; ask them to enable it.")
	if !disabledButton("Enable").MatchString(page.body) || strings.Contains(page.body, path+`/enable"`) {
		t.Errorf("alice is offered to enable it: %s", page.body)
	}
	asked := alice.get(path + "/enable")
	asked.want(t, "the question", http.StatusForbidden, "somebody who manages tokens has disabled it", `aria-label="Sections"`, `href="`+path+`"`)
	alice.post(path+"/enable", nil).want(t, "alice enables", http.StatusForbidden)
	if page := root.get(path); !strings.Contains(page.body, path+`/enable"`) {
		t.Errorf("root may enable it: %s", page.text())
	}
}

// TestLooksOnly: whoever has signed in with a token that only reads is told so on each page,
// and is offered no change.
func TestLooksOnly(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	id := a.create(t, map[string]any{"owner": "alice", "name": "of alice"}).Record.ID
	pending := a.create(t, map[string]any{"owner": "alice", "name": "waits", "scope": "write", "expires_at": "30d"}).Record.ID
	reader := a.create(t, map[string]any{"owner": "root", "name": "reader"})
	b := newBrowser(t, server, "")
	b.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {reader.Token.Reveal()}}).want(t, "sign in", http.StatusSeeOther)
	live := regexp.MustCompile(`href="[^"]*/(new|edit|rotate|disable|enable|revoke|approve|reject|transfer|account|replace|remove)"|href="[^"]*/owner/(revoke|transfer)`)
	for path, buttons := range map[string][]string{
		"overview": {"Create token"}, "tokens": {"Create token"}, "all": {"Create token", "Disable…", "Revoke…", "Extend…"}, "requests": {"Approve", "Reject"},
		"tokens/" + id: {"Change", "Rotate", "Disable", "Revoke"}, "tokens/" + pending: {"Approve", "Reject", "Change", "Revoke"}, "owner?name=alice": {"End all tokens", "Give tokens to somebody else"},
		"owners": nil, "accounts": {"Add account"}, "accounts/default": {"Check now"}, "trail": nil, "none": nil,
	} {
		page := b.get("/tokens/" + path)
		page.wantText(t, path, "You can look, but change nothing")
		if found := live.FindString(page.body); found != "" {
			t.Errorf("%s offers %s", path, found)
		}
		for _, button := range buttons {
			if !disabledButton(button).MatchString(page.body) {
				t.Errorf("%s: no disabled button %q: %s", path, button, page.body)
			}
		}
	}
	for _, path := range []string{"tokens/new", "tokens/" + id + "/edit", "tokens/" + id + "/revoke", "account", "owner/revoke?name=alice", "own/remove"} {
		b.get("/tokens/"+path).want(t, path, http.StatusForbidden, "you can look, but change nothing", `aria-label="Sections"`)
	}
}

// TestWayBack: a page about what went wrong has the navigation, and leads to where one was.
func TestWayBack(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice := newBrowser(t, server, "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	from := func(path string) http.Header {
		if path == "" {
			return nil
		}
		return http.Header{"Referer": {server.URL + "/tokens/" + path}}
	}
	for _, c := range []struct{ path, from, leads string }{
		{"none", "tokens?state=active", "tokens?state=active"},
		{"none", "none", ""},
		{"none", "", ""},
		{"tokens/" + id + "/enable", "", "tokens/" + id},
		{"tokens/0123456789", "", "tokens"},
		{"all", "", ""},
	} {
		page := alice.do(http.MethodGet, "/tokens/"+c.path, nil, from(c.from))
		if page.status < 400 || !strings.Contains(page.body, `<a class="button" href="/tokens/`+c.leads+`">Back</a>`) || !strings.Contains(page.body, `aria-label="Sections"`) {
			t.Errorf("%s from %q: %d: %s", c.path, c.from, page.status, page.body)
		}
	}
	foreign := alice.do(http.MethodGet, "/tokens/none", nil, http.Header{"Referer": {"https://evil.example.com/tokens/tokens"}})
	if strings.Contains(foreign.body, "evil") || !strings.Contains(foreign.body, `<a class="button" href="/tokens/">`) {
		t.Errorf("from another site: %s", foreign.body)
	}
}

// TestPolicyInTheForm: the form says before anything is typed what the policy forbids and what
// it requires, and who can help.
func TestPolicyInTheForm(t *testing.T) {
	a := newAppWith(t, &policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read"}, Confine: policy.ConfineRequired, Networks: []string{"10.0.0.0/8"}, MaxLifetime: policy.Span(14 * 24 * time.Hour)},
		Groups:   []policy.Rule{{Group: "bi", OnBehalf: true}, {Group: "admins", Manage: true}},
	})
	server := serve(t, a, new(header))
	alice := newBrowser(t, server, "alice")
	form := alice.get("/tokens/tokens/new")
	form.wantText(t, "the form", "Script writes The policy does not allow you tokens with “Read and change”. Ask somebody who manages tokens.",
		"AI agent The policy does not allow you", "Administer Also changes Jira's administration. The policy does not allow it for you: ask somebody who manages tokens.",
		"Required: the policy wants the token confined", "inside 10.0.0.0/8", "At most 14 days, as the policy says.",
		"Reads …, from 10.0.0.0/8, until", "It must still be confined.")
	for _, wrong := range []string{"Empty: all projects", "Empty: from anywhere", "everything that its account sees", "template=script", "template=agent", "expected read", "of the policy"} {
		if strings.Contains(form.body, wrong) {
			t.Errorf("the form says %q: %s", wrong, form.text())
		}
	}
	if optional := regexp.MustCompile(`for="(projects|jql|hide)">[^<]*<span`).FindString(form.body); optional != "" {
		t.Errorf("called optional: %s", optional)
	}
	if !regexp.MustCompile(`value="7d" selected`).MatchString(form.body) {
		t.Error("an end is chosen that the policy does not allow")
	}
	for _, name := range []string{"service", "script"} {
		alice.get("/tokens/tokens/new?template="+name).wantText(t, name, "was not chosen. ")
	}
	alice.get("/tokens/tokens/new?template=x").wantText(t, "no template", "There is no such template.")
	said := describe(t, alice, url.Values{"name": {"x"}, "scope": {"read"}, "hide_comments": {"true"}, "expires": {"7d"}})
	if strings.Contains(said.Sentence, "must still") || !strings.Contains(said.Sentence, "Reads everything that its account sees in Jira, not internal comments, from 10.0.0.0/8") {
		t.Errorf("confined: %s", said.Sentence)
	}
	newBrowser(t, server, "bea").get("/tokens/tokens/new?template=service").wantText(t, "a service of bea", "The policy does not allow “Read and change” for tokens of your own, so “Read” is chosen.")

	owner := newBrowser(t, server, "root").get("/tokens/owner?name=bea")
	if owner.status == http.StatusNotFound {
		a.create(t, map[string]any{"owner": "bea", "name": "n", "exempt": "for the test"})
		owner = newBrowser(t, server, "root").get("/tokens/owner?name=bea")
	}
	owner.wantText(t, "the owner", "Tokens that may Read For how long at most 14 days", "Confinement required", "From networks 10.0.0.0/8", "Besides creates tokens for others")
}

// TestEnoughTokens: whoever has as many tokens as the policy allows is told so where another
// would be created, and not after the whole form was typed.
func TestEnoughTokens(t *testing.T) {
	a := newAppWith(t, &policy.Config{Everyone: &policy.Rule{Scopes: []string{"read"}, MaxTokens: 1}})
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	alice.get("/tokens/tokens").want(t, "before", http.StatusOK, `href="/tokens/tokens/new"`)
	form := url.Values{"name": {"first"}, "scope": {"read"}, "expires": {"30d"}}
	alice.post("/tokens/tokens/new", form).want(t, "the first", http.StatusCreated)
	const why = "You may have 1 token that is neither expired nor revoked, and you have it already. Revoke it if you no longer need it, or ask somebody who manages tokens."
	for _, path := range []string{"tokens", "tokens/new"} {
		page := alice.get("/tokens/" + path)
		page.wantText(t, path, why)
		if !disabledButton("Create token").MatchString(page.body) || strings.Contains(page.body, `href="/tokens/tokens/new"`) {
			t.Errorf("%s offers another one: %s", path, page.body)
		}
	}
	form.Set("name", "second")
	refused := alice.post("/tokens/tokens/new", form)
	refused.want(t, "a second", http.StatusForbidden, `value="second"`)
	refused.wantText(t, "a second", why)
	if strings.Contains(refused.body, `href="#owner"`) {
		t.Error("a link leads to an input that the form does not have")
	}
}
