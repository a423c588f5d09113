package gatewaytest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
)

// TestPagePolicyWhileTyping: what the policy would refuse is said before the form is sent,
// beside the input, without taking the focus, and goes once it is mended. Nothing is said
// about inputs that nobody has touched yet.
func TestPagePolicyWhileTyping(t *testing.T) {
	s := startPage(t)
	p := s.as("alice")
	p.Go("/tokens/tokens/new")
	const refused = "must expire within 90d of being created or rotated"
	browsertest.Evaluate[string](p, `document.getElementById("expires_on").value = "400d"`)
	p.Fill("Works from these networks", "127.0.0.0/8")
	p.Wait("from 127.0.0.0/8")
	p.Lacks(refused, "Give the token a name")

	p.Fill("Or ends on", "500d")
	p.Wait(refused)
	beside := func() string {
		return browsertest.Evaluate[string](p, `document.querySelector("#expires_on-about[aria-live=polite] > .wrong")?.textContent ?? ""`)
	}
	said := beside()
	if focus := p.Focused(); !strings.Contains(said, refused) || !strings.HasPrefix(focus.Name, "Or ends on") {
		t.Errorf("it says %q, and the focus is on %q", said, focus.Name)
	}
	if invalid := browsertest.Evaluate[bool](p, `document.getElementById("expires_on").ariaInvalid === "true"`); !invalid {
		t.Error("the input is not marked as wrong")
	}
	browsertest.NewAxe(t).Check(p, "the form with something that is forbidden")
	p.Fill("Or ends on", "60d")
	p.WaitGone(refused)
	if invalid := browsertest.Evaluate[bool](p, `document.getElementById("expires_on").ariaInvalid === "true"`); invalid {
		t.Error("the input is still marked as wrong")
	}
	browsertest.Evaluate[bool](p, `document.querySelector("[name=scope][value=admin]").disabled = false`) // the rules have changed since
	p.Click("radio", "Administer")
	p.Wait("The scope admin is not allowed for alice: expected read, write.")
	p.Click("radio", "Read Issues")
	p.WaitGone("The scope admin is not allowed for alice: expected read, write.")

	// Sending it says the same.
	p.Fill("Name", "n")
	p.Fill("Or ends on", "500d")
	p.Wait(refused)
	said = beside()
	if status := p.Follow("button", "Create token"); status != http.StatusForbidden {
		t.Errorf("sent: HTTP %d", status)
	}
	if sent := beside(); sent != said {
		t.Errorf("while typing %q, after sending %q", said, sent)
	}
	p.Fill("Or ends on", "60d")
	p.Follow("button", "Create token")
	s.shown(p, "alice")
}
