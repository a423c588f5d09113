package gatewaytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
)

// furnish gives the page something to show of everything, and returns a token of root's and
// the ID of a request that waits.
func (s *pageSite) furnish(t *testing.T) (tok issued, held string) {
	t.Helper()
	tok = s.issue("root", "read", "name", "Power BI, support dashboard", "allow_ip", []string{"127.0.0.0/8", "203.0.113.0/24"}, "limit", "600/m", "expires_at", "10d",
		"confine", map[string]any{"projects": []string{"DEMO", "OPS"}, "jql": "labels != secret", "hide": []string{"internal-comments"}})
	s.works(tok)
	s.do("DELETE", issuePath, tok.basic()) // a denial, for the trail
	s.issue("alice", "write", "name", "nightly sync")
	s.issue("ci", "read", "name", "release notes", "kind", "service", "responsible", "alice", "purpose", "publishes them")
	s.call("POST", "/jira_tokens/tokens/"+s.issue("alice", "read", "name", "old one").ID+"/revoke", nil, http.StatusOK, nil)
	s.call("POST", "/jira_tokens/tokens/"+s.issue("bea", "read", "name", "off for now").ID+"/disable", nil, http.StatusOK, nil)
	agent := s.issue("root", "write", "name", "agent", "hold_writes", true, "exempt", "for the test")
	a := s.do("POST", "/rest/api/2/issue/DEMO-1/comment", agent.basic(), `{"body":"a comment"}`)
	if held = a.header.Get("X-Jira-Token-Approval"); held == "" {
		t.Fatalf("a change is not held: %s", a)
	}
	return tok, held
}

// pages are the pages that somebody who manages can open.
func pages(tok issued, held, event string) []string {
	return []string{
		"overview", "tokens", "tokens?state=expired", "tokens/new", "tokens/new?template=agent", "tokens/" + tok.ID, "tokens/" + tok.ID + "/edit",
		"tokens/" + tok.ID + "?method=PUT&path=/rest/api/2/issue/DEMO-1&address=127.0.0.1", "tokens/" + tok.ID + "/rotate", "tokens/" + tok.ID + "/revoke",
		"all", "all?q=nobody", "requests", "requests/" + held, "owners", "owner?name=alice", "owner/revoke?name=alice", "owner/transfer?name=alice&to=bea",
		"accounts", "accounts/default", "account", "own", "trail", "trail?action=denied", "trail/" + event, "nothing",
	}
}

// TestPageForEverybody: axe-core finds nothing, light and dark; pages fit on a phone, are
// small, and only load what is theirs (every tab watches that).
func TestPageForEverybody(t *testing.T) {
	s, axe := startPage(t), browsertest.NewAxe(t)
	tok, held := s.furnish(t)
	p := s.as("root")
	check := func(path string) {
		t.Helper()
		what := "/tokens/" + path
		p.Width(1280)
		p.Dark(false)
		axe.Check(p, what)
		p.Dark(true)
		axe.CheckContrast(p, what+", dark")
		p.Width(320)
		fits(t, p)
		axe.CheckTouch(p, what+", dark, on a phone")
		touchable(t, p, what)
		const most = 100_000
		if size := p.Loaded(); size > most {
			t.Errorf("%s, its style and its scripts have %d bytes", what, size)
		}
	}
	for _, path := range pages(tok, held, s.firstEvent(t)) {
		p.Go("/tokens/" + path)
		check(path)
	}
	p.Go("/tokens/tokens/new")
	p.Fill("Name", "x")
	p.Fill("Works from these networks", "nonsense")
	p.Follow("button", "Create token")
	check("the form with a mistake")
	p.Fill("Works from these networks", "")
	p.Follow("button", "Create token")
	s.shown(p, "root")
	check("a token that is shown once")
	p.Width(1280)
	p.Go("/tokens/all")
	p.Click("checkbox", "Select nightly sync")
	p.Follow("button", "Disable…")
	check("several tokens")
	stranger := s.stranger()
	stranger.Go("/tokens/")
	p = stranger
	check("signin")
}

// TestPageKeepsStill: what is known about the form only once the pointer is on the button
// that sends it does not move the button away, so that a click does not miss it.
func TestPageKeepsStill(t *testing.T) {
	p := startPage(t).as("alice")
	p.Go("/tokens/tokens/new")
	browsertest.Evaluate[bool](p, `(() => {
		const ask = window.fetch;
		let answer;
		const until = new Promise((go) => { answer = go; });
		window.answer = () => { answer(); return true; };
		window.fetch = async (...asked) => {
			const response = await ask(...asked), text = await response.text();
			window.answered = "comes";
			await until;
			const read = async () => { setTimeout(() => { window.answered = "read"; }); return text; };
			return { ok: response.ok, text: read, json: async () => JSON.parse(await read()) };
		};
		return true;
	})()`)
	answered := func(how string) {
		t.Helper()
		eventually(t, "the answer to the page", func() error {
			if got := browsertest.Evaluate[string](p, "window.answered || ''"); got != how {
				return fmt.Errorf("it is %q, want %q", got, how)
			}
			return nil
		})
	}
	const mistake = "Invalid network"
	p.Fill("Works from these networks", "nonsense")
	answered("comes")
	p.Point("button", "Create token")
	browsertest.Evaluate[bool](p, "window.answer()")
	answered("read")
	p.Lacks(mistake)
	p.Point("textbox", "Name")
	p.Wait(mistake)
}

// TestPageByKeyboard makes and ends a token with Tab, Space and Enter alone.
func TestPageByKeyboard(t *testing.T) {
	s := startPage(t)
	p := s.as("alice")
	press := func(key string) int {
		t.Helper()
		return p.Leads("pressing "+key, func() { p.Press(key) })
	}
	p.Go("/tokens/")
	p.TabTo("Skip to the content")
	p.Press("Enter")
	p.TabTo("Create token")
	press("Enter")
	p.TabTo("Name")
	p.Type("by keyboard")
	p.TabTo("Hide internal comments")
	p.Press("Space")
	p.TabTo("Hide internal comments")
	p.Press("Space")
	p.TabTo("Create token")
	if status := press("Enter"); status >= http.StatusBadRequest {
		t.Fatalf("HTTP %d\n%s", status, p.Text())
	}
	tok := s.shown(p, "alice")
	if a, _ := s.works(tok); a.status != http.StatusOK {
		t.Errorf("the token: %s", a)
	}
	p.TabTo("Done")
	press("Enter")
	p.TabTo("Revoke")
	p.Press("Enter")
	p.Wait("This cannot be undone")
	p.Press("Enter") // as a key does that is held down: it must not answer the question
	p.TabTo("Revoke “by keyboard”")
	press("Enter")
	if a, _ := s.works(tok); a.reason() != "token_revoked" {
		t.Errorf("after it was revoked: %s", a)
	}
}

// TestPageWithoutScripts: everything works without JavaScript.
func TestPageWithoutScripts(t *testing.T) {
	s := startPage(t)
	other := s.issue("bea", "read", "name", "of somebody else")
	p := s.as("root")
	p.WithoutScripts()
	p.Go("/tokens/tokens")
	p.Follow("link", "Create token")
	p.Fill("Name", "plain")
	p.Follow("button", "AI agent")
	p.Fill("Projects", "DEMO")
	p.Follow("button", "Create token")
	tok := s.shown(p, "root")
	p.Follow("button", "Ask Jira who I am")
	p.Shows("Jira answers 200: " + accountUser + ".")
	p.Lacks("emailAddress") // the body is folded
	if again := s.shown(p, "root"); again != tok {
		t.Errorf("after it was tried, the page shows %+v", again)
	}
	p.Follow("link", "Done")
	p.Follow("link", "Change")
	p.Fill("Name", "plainer")
	p.Follow("button", "Save changes")
	p.Shows("plainer")
	p.Follow("link", "Rotate")
	p.Follow("button", "Rotate")
	rotated := s.shown(p, "root")
	if rotated.ID != tok.ID {
		t.Errorf("rotated: %+v", rotated)
	}
	p.Follow("link", "Done")
	p.Fill("Path", "/rest/api/2/issue/DEMO-1")
	p.Follow("button", "Check")
	p.Shows("Passes")
	p.Follow("link", "Change")
	p.Fill("Works from these networks", "203.0.113.0/24")
	p.Follow("button", "Save changes")
	p.Follow("link", "Rotate")
	p.Follow("button", "Rotate")
	rotated = s.shown(p, "root")
	p.Follow("button", "Ask Jira who I am")
	p.Shows("The gateway answers 403:", "127.0.0.1") // the gateway checks it as it checks every request
	p.Follow("link", "Done")
	p.Follow("link", "Revoke")
	p.Follow("button", "Revoke “plainer”")
	if a, _ := s.works(rotated); a.reason() != "token_revoked" {
		t.Errorf("revoked: %s", a)
	}
	p.Follow("link", "All tokens")
	p.Fill("Name, owner or ID", "bea")
	p.Follow("button", "Search")
	p.Lacks("plainer")
	p.Click("checkbox", "Select of somebody else")
	p.Follow("button", "Disable…")
	p.Fill("To confirm, type disable 1", "disable 1")
	p.Follow("button", "Disable 1 token")
	if a, _ := s.works(other); a.reason() != "token_disabled" {
		t.Errorf("disabled with others: %s", a)
	}
	for _, section := range []string{"Overview", "Requests", "Owners", "Accounts", "Trail"} {
		if status := p.Follow("link", section); status != http.StatusOK || !strings.Contains(p.Text(), section) {
			t.Errorf("%s: HTTP %d", section, status)
		}
	}
}
