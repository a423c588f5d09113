package gatewaytest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
)

// touchable fails the test for everything on a page that a finger can miss: what can be
// pressed is 44 px high at least, but for links in sentences.
func touchable(t *testing.T, p *browsertest.Tab, what string) {
	t.Helper()
	const least = 44
	small := browsertest.Evaluate[[]string](p, fmt.Sprintf(`[...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")].flatMap((e) => {
		const target = e.matches("[type=checkbox], [type=radio]") ? e.closest("label") || e : e;
		const height = target.getBoundingClientRect().height;
		if (!e.checkVisibility() || e.closest(".visually-hidden, .skip") || height >= %d) return [];
		const around = getComputedStyle(e).display === "inline" ? e.parentElement.innerText.trim() : "";
		return around.length > e.innerText.trim().length ? [] : [height + " px: " + e.outerHTML];
	})`, least))
	if len(small) > 0 {
		t.Errorf("%s: too small for a finger:\n%s", what, strings.Join(small, "\n"))
	}
}

// TestPageSearchAsOneTypes: a search leaves what was ticked, opened and typed as it is, says
// what it has found, and leads to the sign-in page once the session has ended. What has the
// focus is never below the bar for what is ticked.
func TestPageSearchAsOneTypes(t *testing.T) {
	s := startPage(t)
	for i := range 25 {
		s.issue("alice", "read", "name", fmt.Sprintf("sync %02d", i))
	}
	s.issue("bea", "read", "name", "release notes")
	p := s.as("root")
	p.Go("/tokens/all")
	p.Click("checkbox", "Select release notes")
	p.Wait("With 1 selected token:")
	p.Click("checkbox", "Select sync 24")
	p.Wait("With 2 selected tokens:")
	for _, width := range []int64{1280, 800} { // rows at other heights
		p.Width(width)
		p.TabTo("Skip to the content")
		p.TabTo("sync 00") // the last one
	}
	p.Width(1280)
	p.Click("DisclosureTriangle", "More filters")
	p.Fill("Project", "OPS")
	p.Fill("Name, owner or ID", "release")
	p.Wait("1 token, 1 selected")
	p.Shows("With 1 selected token:")
	p.Lacks("sync 24")
	if got := p.Value("Project"); got != "OPS" {
		t.Errorf("the project that was typed has become %q", got)
	}
	if got := p.Path(); got != "/tokens/all?search=release" {
		t.Errorf("the address is %s", got)
	}
	p.Fill("Name, owner or ID", "nobody")
	p.Wait("No token matches")
	p.SetCookie("JSESSIONID", "ended", "/")
	p.Leads("searching without a session", func() { p.Fill("Name, owner or ID", "release") })
	p.Shows("Sign in")
}

// TestPageKeepsTheme: the chosen theme holds before the rest of the page is there, and a
// browser that keeps nothing has the other comforts all the same.
func TestPageKeepsTheme(t *testing.T) {
	p := startPage(t).as("alice")
	p.Go("/tokens/tokens/new")
	p.Click("button", "Light or dark")
	p.Go("/tokens/tokens")
	blocking := browsertest.Evaluate[bool](p, `(() => {
		const script = document.querySelector("head script:not([defer])");
		return script.compareDocumentPosition(document.querySelector("[rel=stylesheet]")) === Node.DOCUMENT_POSITION_FOLLOWING
			&& document.documentElement.dataset.theme === "dark";
	})()`)
	if !blocking {
		t.Error("the theme comes after the page")
	}
	p.Go("/tokens/tokens/new")
	p.Follow("button", "AI agent")
	if focus := p.Focused(); !strings.HasPrefix(focus.Name, "AI agent") {
		t.Errorf("after a template was chosen, the focus is on the %s", focus)
	}
}
