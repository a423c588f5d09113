package gatewaytest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
)

// hostileTexts are what somebody types who wants to harm others.
var hostileTexts = []string{
	`"><script>document.title="owned"</script><img src=x onerror=document.title='owned'>`,
	`' onfocus='document.title="owned"' autofocus='{{.Base}} ${7*7} javascript:alert(1)`,
	"\u202egnp.exe\u202c", // refused: it would turn the text around it
	"\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 (42) " + strings.Repeat("W", 80),
	strings.Repeat("e\u0301\u0327", 33),
}

// TestPageHostileText: whatever is typed is shown as text, everywhere, and breaks no page.
func TestPageHostileText(t *testing.T) {
	s := startPage(t)
	root := s.as("root")
	check := func() {
		t.Helper()
		if title := browsertest.Evaluate[string](root, "document.title"); title == "owned" {
			t.Errorf("%s runs a script that somebody typed", root.Path())
		}
		if n := browsertest.Evaluate[int](root, "document.querySelectorAll('script:not([src]), img, [onerror], [onfocus]').length"); n > 0 {
			t.Errorf("%s has %d elements that somebody typed", root.Path(), n)
		}
		for _, width := range []int64{1280, 320} {
			root.Width(width)
			fits(t, root)
		}
	}
	for _, text := range hostileTexts {
		root.Go("/tokens/tokens/new")
		for _, label := range []string{"Name", "Owner", "Responsible", "Purpose", "Projects", "Only issues that match this JQL", "Hide fields", "Works from these networks"} {
			root.Fill(label, text)
		}
		root.Follow("button", "Create token")
		check()
		for _, label := range []string{"Owner", "Purpose", "Projects", "Only issues that match this JQL"} {
			if got := root.Value(label); got != text && strings.TrimSpace(got) != strings.TrimSpace(text) {
				t.Errorf("what was typed as %s has become %q", label, got)
			}
		}
		status, made := s.adminCall("POST", "/jira_tokens/tokens", fmt.Sprintf(`{"owner":"root","name":%s,"purpose":%s}`, quoted(text), quoted(text)))
		if status != http.StatusCreated {
			t.Logf("no token can be called %q: %s", text, made)
			continue
		}
		tok := decoded[issued](t, made)
		s.guard(tok.Owner, tok.Token)
		for _, path := range []string{
			"", "all", "all?q=" + escaped(text), "all?owner=" + escaped(text), "tokens/" + tok.ID, "tokens/" + tok.ID + "/edit", "tokens/" + tok.ID + "/revoke", "trail", "trail?actor=" + escaped(text),
			"owners?q=" + escaped(text), "tokens/" + tok.ID + "?method=GET&path=" + escaped("/rest/api/2/"+text), "nothing/" + escaped(text),
		} {
			root.Go("/tokens/" + path)
			check()
		}
	}
}

// fits fails the test if one must scroll sideways to see all of the page.
func fits(t *testing.T, p *browsertest.Tab) {
	t.Helper()
	if sizes := browsertest.Evaluate[[]int](p, "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"); sizes[0] > sizes[1] {
		widest := browsertest.Evaluate[string](p, `[...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((e) => e.outerHTML.slice(0, 200)).slice(-3).join("\n")`)
		t.Errorf("%s is %d pixels wide in a window of %d:\n%s", p.Path(), sizes[0], sizes[1], widest)
	}
}

// evil is a site whose pages attack the page. Its pages are at another port, which is
// another origin, but the same site: cookies are sent.
func evil(t *testing.T) (url string, write func(path, html string)) {
	t.Helper()
	pages := make(map[string]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, pages[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	return server.URL, func(path, html string) { pages[path] = "<!doctype html><title>evil</title>" + html }
}

// TestPageFromElsewhere: the page of another origin changes nothing and reads nothing, with
// the cookies of somebody who has signed in.
func TestPageFromElsewhere(t *testing.T) {
	s := startPage(t)
	tok := s.issue("alice", "read")
	alice := s.as("alice")
	if status := alice.Go("/tokens/"); status != http.StatusOK {
		t.Fatalf("HTTP %d", status)
	}
	url, write := evil(t)
	attacker := alice.Beside(url)
	for _, trouble := range []string{"another site", "blocked", "CORS", "ContentSecurityPolicy", "Refused"} {
		attacker.Expect(trouble)
	}
	target := s.origin() + "/tokens/"

	write("/form", `<form method="post" action="`+target+"tokens/"+tok.ID+`/revoke"><button>Win a prize</button></form>`)
	attacker.Go("/form")
	if status := attacker.Follow("button", "Win a prize"); status != http.StatusForbidden {
		t.Errorf("a form of another origin: HTTP %d", status)
	}
	attacker.Shows("This change came from another site")

	write("/fetch", `<p id="out">waiting</p><script>
		const attempts = [
			["POST", "tokens/`+tok.ID+`/revoke", { mode: "no-cors" }],
			["POST", "api/v1/tokens/`+tok.ID+`/revoke", { mode: "no-cors", headers: { "Content-Type": "text/plain" }, body: "{}" }],
			["POST", "api/v1/tokens/`+tok.ID+`/revoke", { headers: { "Content-Type": "application/json" }, body: "{}" }],
			["PATCH", "api/v1/tokens/`+tok.ID+`", { body: '{"name":"stolen"}' }],
			["GET", "api/v1/tokens", {}],
			["GET", "", {}],
		];
		(async () => {
			const read = [];
			for (const [method, path, more] of attempts) {
				try {
					const response = await fetch("`+target+`" + path, { method, credentials: "include", ...more });
					const text = await response.text();
					if (text) read.push(method + " " + path + " " + text);
				} catch (error) {}
			}
			document.getElementById("out").textContent = "read " + read.length + " answers " + read.join();
		})();
	</script>`)
	attacker.Go("/fetch")
	attacker.Wait("read 0 answers")

	write("/frame", `<iframe src="`+target+`" title="frame"></iframe>`)
	attacker.Go("/frame")
	attacker.Lacks("My tokens")
	if a, _ := s.works(tok); a.status != http.StatusOK {
		t.Errorf("the token after the attacks: %s", a)
	}
	alice.Go("/tokens/tokens/" + tok.ID)
	alice.Shows("Active")
	alice.Lacks("stolen")
}

// TestPageSession: signing in with a token, and what becomes of the session.
func TestPageSession(t *testing.T) {
	s := startPage(t)
	admin := s.issue("root", "admin", "exempt", "for the test")
	p := s.stranger()

	// Somebody has given the browser a cookie before.
	p.SetCookie("jira_tokens_session", "planted", "/tokens/")
	p.Go("/tokens/all?state=active")
	p.Shows("Sign in")
	p.Fill("Owner", "root")
	p.Fill("Token", admin.wrong())
	if status := p.Follow("button", "Sign in"); status != http.StatusForbidden {
		t.Errorf("a wrong token: HTTP %d", status)
	}
	p.Lacks(admin.ID)
	p.Fill("Token", admin.Token)
	p.Follow("button", "Sign in")
	if got := p.Path(); got != "/tokens/all?state=active" {
		t.Errorf("after signing in, the page is %s", got)
	}
	first := p.Cookie("jira_tokens_session", "/tokens/")
	if first == "" || first == "planted" {
		t.Fatalf("the session's cookie is %q", first)
	}
	if other := p.Cookie("jira_tokens_session", "/rest/api/2/myself"); other != "" {
		t.Error("Jira gets the session's cookie")
	}
	if readable := browsertest.Evaluate[string](p, "document.cookie"); strings.Contains(readable, "jira_tokens_session") {
		t.Error("scripts can read the session's cookie")
	}

	// An attacker's session, planted before signing in, is not taken over.
	victim := s.stranger()
	victim.SetCookie("jira_tokens_session", first, "/tokens/")
	victim.Go("/tokens/all")
	victim.Follow("button", "Sign out")
	victim.Go("/tokens/all")
	victim.Shows("Sign in")
	victim.Fill("Owner", "root")
	victim.Fill("Token", admin.Token)
	victim.Follow("button", "Sign in")
	second := victim.Cookie("jira_tokens_session", "/tokens/")
	if second == "" || second == first {
		t.Errorf("the session is the same as before")
	}

	// What was copied before signing out is worth nothing.
	thief := s.stranger()
	thief.SetCookie("jira_tokens_session", second, "/tokens/")
	thief.Go("/tokens/all")
	thief.Shows("All tokens")
	victim.Follow("button", "Sign out")
	victim.Shows("Sign in")
	thief.Go("/tokens/all")
	thief.Shows("Sign in")
	p.Go("/tokens/all")
	p.Shows("Sign in")
}
