package gatewaytest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
)

// TestPageTokenLife follows a token through the page: made, used, rotated, revoked.
func TestPageTokenLife(t *testing.T) {
	s := startPage(t)
	p := s.as("alice")
	if status := p.Go("/tokens/"); status != http.StatusOK {
		t.Fatalf("HTTP %d\n%s", status, p.Text())
	}
	p.Shows("No tokens yet")
	p.Follow("link", "Create token")

	// What the policy forbids is there, cannot be chosen, and says why.
	if !p.Disabled("radio", "Administer") {
		t.Error("alice is offered the scope admin")
	}
	p.Shows("The policy does not allow it for you: ask somebody who manages tokens.")
	if !p.Disabled("option", "in 365 days") {
		t.Error("alice is offered a year")
	}
	p.Fill("Name", "Power BI")
	p.Choose("Ends", "in 30 days")
	p.Fill("Works from these networks", "127.0.0.0/8")
	p.Wait("from 127.0.0.0/8") // the sentence grows as one types
	p.Fill("Works from these networks", "not an address")
	if status := p.Follow("button", "Create token"); status != http.StatusBadRequest {
		t.Errorf("a wrong address: HTTP %d", status)
	}
	if got := p.Value("Name"); got != "Power BI" {
		t.Errorf("the name that was typed has become %q", got)
	}
	p.Fill("Works from these networks", "127.0.0.0/8")
	p.Follow("button", "Create token")
	p.Shows("it is shown only this once", "GitHub Actions")
	tok := s.shown(p, "alice")
	if a, who := s.works(tok); a.status != http.StatusOK || who != accountUser {
		t.Errorf("the new token: %s", a)
	}
	p.Click("button", "Ask Jira who I am")
	p.Wait("Jira answers 200: " + accountUser + ".")
	p.Lacks("emailAddress") // the body is folded

	// The page is shown once: to reload it is to send the form again, which does nothing.
	if status := p.Reload(); status != http.StatusConflict {
		t.Errorf("reloading the page that shows the token: HTTP %d", status)
	}
	if again := tokenText.FindString(p.Text()); again != "" {
		t.Error("reloading the page shows a token")
	}
	p.Go("/tokens/tokens")
	p.Follow("link", "Power BI") // there is only one
	p.Lacks(tok.Token)
	p.Shows("Power BI", "Active", "from 127.0.0.0/8", "just now")
	p.Follow("link", "My tokens")
	p.Shows("Power BI", "Reads everything", "from 127.0.0.0/8")

	p.Follow("link", "Power BI")
	p.Click("link", "Rotate")
	p.Choose("The old token goes on working for", "an hour")
	p.Follow("button", "Rotate “Power BI”")
	rotated := s.shown(p, "alice")
	if rotated.ID != tok.ID || rotated.Token == tok.Token {
		t.Errorf("rotated: %+v", rotated)
	}
	for what, tok := range map[string]issued{"old": tok, "new": rotated} {
		if a, _ := s.works(tok); a.status != http.StatusOK {
			t.Errorf("the %s token after the rotation: %s", what, a)
		}
	}
	if status := p.Reload(); status != http.StatusConflict || tokenText.MatchString(p.Text()) {
		t.Errorf("reloading the page after the rotation: HTTP %d", status)
	}
	p.Go("/tokens/tokens/" + tok.ID)

	p.Click("link", "Disable")
	p.Follow("button", "Disable “Power BI”")
	p.Shows("The token is disabled")
	if a, _ := s.works(rotated); a.status != http.StatusUnauthorized || a.reason() != "token_disabled" {
		t.Errorf("disabled: %s", a)
	}
	p.Click("link", "Enable")
	p.Follow("button", "Enable “Power BI”")
	p.Click("link", "Revoke")
	p.Wait("This cannot be undone")
	p.Follow("button", "Revoke “Power BI”")
	p.Shows("Revoked")
	for what, tok := range map[string]issued{"old": tok, "new": rotated} {
		if a, _ := s.works(tok); a.status != http.StatusUnauthorized || a.reason() != "token_revoked" && what == "new" {
			t.Errorf("the %s token after it was revoked: %s", what, a)
		}
	}
	if p.Has("link", "Rotate") {
		t.Error("a revoked token can be rotated")
	}
}

// TestPageApproval: a token that the policy wants approved waits for another person.
func TestPageApproval(t *testing.T) {
	s := startPage(t)
	alice, root := s.as("alice"), s.as("root")
	alice.Go("/tokens/tokens/new?template=script")
	alice.Fill("Name", "nightly sync")
	alice.Click("checkbox", "Everything that the account sees")
	alice.Follow("button", "Create token")
	alice.Shows("somebody who manages tokens must approve it first")
	tok := s.shown(alice, "alice")
	if a, _ := s.works(tok); a.reason() != "token_pending" {
		t.Errorf("before the approval: %s", a)
	}
	if status := alice.Go("/tokens/tokens/" + tok.ID + "/approve"); status != http.StatusNotFound {
		t.Errorf("alice approves her own token: HTTP %d", status)
	}
	if status := alice.Go("/tokens/requests"); status != http.StatusForbidden {
		t.Errorf("alice sees all requests: HTTP %d", status)
	}
	root.Go("/tokens/requests")
	root.Shows("nightly sync", "for alice")
	root.Follow("link", "Approve")
	root.Follow("button", "Approve “nightly sync”")
	root.Shows("Active")
	if a, _ := s.works(tok); a.status != http.StatusOK {
		t.Errorf("after the approval: %s", a)
	}

	// Nobody approves what they have asked for themselves.
	root.Go("/tokens/tokens/new?template=script")
	root.Fill("Name", "of root's own")
	root.Click("checkbox", "Everything that the account sees")
	root.Follow("button", "Create token")
	own := s.shown(root, "root")
	if a, _ := s.works(own); a.reason() == "token_pending" {
		root.Go("/tokens/tokens/" + own.ID)
		if root.Has("link", "Approve") {
			root.Go("/tokens/tokens/" + own.ID + "/approve")
			root.Follow("button", "Approve")
			if a, _ := s.works(own); a.reason() != "token_pending" {
				t.Errorf("root has approved root's token: %s", a)
			}
		}
	}
}

// TestPageBulk: somebody who manages ends the tokens of somebody else, all at once.
func TestPageBulk(t *testing.T) {
	s := startPage(t)
	tokens := []issued{s.issue("alice", "read", "name", "first"), s.issue("alice", "read", "name", "second"), s.issue("alice", "read", "name", "third")}
	kept := s.issue("bea", "read", "name", "kept")
	alice := s.as("alice")
	if status := alice.Go("/tokens/all"); status != http.StatusForbidden {
		t.Errorf("alice sees all tokens: HTTP %d", status)
	}
	p := s.as("root")
	p.Go("/tokens/all")
	p.Shows("first", "second", "third", "kept")
	p.Fill("Name, owner or ID", "alice")
	p.WaitGone("kept")
	p.Click("checkbox", "Select all 3 tokens on this page")
	p.Wait("With 3 selected tokens:")
	p.Click("checkbox", "Select third")
	p.Wait("With 2 selected tokens:")
	p.Follow("button", "Revoke…")
	p.Shows("Revoke 2 tokens?", "This cannot be undone", "first", "second")
	p.Lacks("third", "kept")
	p.Fill("To confirm, type revoke 2", "revoke")
	if status := p.Follow("button", "Revoke 2 tokens"); status != http.StatusBadRequest {
		t.Errorf("without the confirmation: HTTP %d", status)
	}
	p.Shows("Nothing was done")
	for _, tok := range tokens {
		if a, _ := s.works(tok); a.status != http.StatusOK {
			t.Errorf("without the confirmation, %s is ended: %s", tok.Name, a)
		}
	}
	p.Fill("To confirm, type revoke 2", "revoke 2")
	p.Follow("button", "Revoke 2 tokens")
	p.Shows("2 tokens are revoked")
	for i, want := range []string{"token_revoked", "token_revoked", ""} {
		if a, _ := s.works(tokens[i]); a.reason() != want {
			t.Errorf("%s: %s", tokens[i].Name, a)
		}
	}
	if a, _ := s.works(kept); a.status != http.StatusOK {
		t.Errorf("somebody else's: %s", a)
	}
}

// TestPageHandover: somebody gets a link to a token that others have made. It shows the token
// once; opening it again leaves an alarm.
func TestPageHandover(t *testing.T) {
	s := startPage(t)
	bea := s.as("bea")
	bea.Go("/tokens/tokens/new")
	bea.Fill("Name", "partner desk")
	bea.Fill("Owner", "carol")
	bea.Click("checkbox", "Show a link instead of the token")
	bea.Follow("button", "Create token")
	if secret := tokenText.FindString(bea.Text()); secret != "" {
		t.Error("whoever makes the link sees the token")
	}
	link := handoverLink.FindString(bea.Text())
	if link == "" {
		t.Fatalf("no link on %s\n%s", bea.Path(), bea.Text())
	}
	path := strings.TrimPrefix(link, s.origin())
	s.guard("carol", path[strings.LastIndex(path, "/")+1:])

	carol, axe := s.stranger(), browsertest.NewAxe(t)
	carol.Go(path)
	carol.Shows("partner desk")
	axe.Check(carol, "the link")
	if secret := tokenText.FindString(carol.Text()); secret != "" {
		t.Error("the link shows the token before it is opened")
	}
	mallory := s.stranger() // has got the link too, but is slower
	mallory.Go(path)
	carol.Follow("button", "Show the token, once")
	tok := s.shown(carol, "carol")
	carol.Shows("Jira’s address", s.origin(), "curl --user", "Power BI", "GitHub Actions")
	carol.Click("button", "Copy: curl")
	carol.Wait("✓ Copy")
	axe.Check(carol, "the link, opened")
	carol.Width(320)
	fits(t, carol)
	axe.CheckTouch(carol, "the link, opened, on a phone")
	if a, _ := s.works(tok); a.status != http.StatusOK {
		t.Errorf("the token: %s", a)
	}
	if status := mallory.Follow("button", "Show the token, once"); status != http.StatusGone {
		t.Errorf("the link again: HTTP %d", status)
	}
	mallory.Shows("already opened")
	if secret := tokenText.FindString(mallory.Text()); secret != "" {
		t.Error("the link shows the token again")
	}
	axe.Check(mallory, "the link, once it has ended")
	s.eventuallyLogged(t, "a hand-over link was opened again")
	root := s.as("root")
	root.Go("/tokens/trail")
	root.Shows("partner desk")
}

// handoverLink matches the links to tokens.
var handoverLink = regexp.MustCompile(`http://[0-9.:]+/rest/jira-tokens/1/handover/\S+`)
