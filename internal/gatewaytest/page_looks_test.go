package gatewaytest

import (
	"fmt"
	"testing"
)

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
