package manager

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
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
