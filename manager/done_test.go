package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestNoticesAreTrue: what a page says after an action is true of the token as it is now.
func TestNoticesAreTrue(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	active := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	for _, done := range []string{"revoke", "reject", "disable", "approve-change", "account", "own", "nonsense"} {
		if shown := root.get("/tokens/tokens/" + active + "?done=" + done); strings.Contains(shown.body, `class="notice`) {
			t.Errorf("%s: an active token's page says %s", done, shown.text())
		}
	}
	for _, path := range []string{"tokens", "owners"} {
		if shown := root.get("/tokens/" + path + "?done=revoke"); strings.Contains(shown.text(), "revoked. Whatever") {
			t.Errorf("%s says that a token is revoked", path)
		}
	}
	later := newBrowser(t, server, "alice").post("/tokens/tokens/new", url.Values{"name": {"later"}, "scope": {"write"}, "expires": {"30d"}, "not_before": {"5d"}})
	id := secretPattern.FindString(later.body)[3:13]
	root.post("/tokens/tokens/"+id+"/approve", nil).want(t, "approve", http.StatusSeeOther)
	root.get("/tokens/tokens/"+id+"?done=approve").wantText(t, "approved", "The token is approved. It works in ")
	pending := newBrowser(t, server, "alice").post("/tokens/tokens/new", url.Values{"name": {"pending"}, "scope": {"write"}, "expires": {"30d"}})
	id = secretPattern.FindString(pending.body)[3:13]
	shown := root.get("/tokens/tokens/" + id + "?done=enable")
	shown.wantText(t, "enabled, but pending", "must approve it before it works")
	if strings.Contains(shown.text(), "works again") || strings.Contains(root.get("/tokens/tokens/"+id+"?done=approve").text(), "is approved") {
		t.Error("a token that waits is said to work")
	}
	if _, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id); err != nil {
		t.Fatal(err)
	}
	root.get("/tokens/tokens/"+id+"?done=revoke").wantText(t, "revoked", "The token is revoked.")
}

// TestLookOnly: people who may only look may do what changes nothing, whatever the method.
func TestLookOnly(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	issued := a.create(t, map[string]any{"owner": "root", "name": "looks", "scope": "read"})
	b := newBrowser(t, server, "")
	b.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {issued.Token.Reveal()}}).want(t, "sign in", http.StatusSeeOther)
	id := issued.Record.ID
	b.post("/tokens/all/whose", url.Values{"token": {id}}).want(t, "whose", http.StatusSeeOther)
	b.post("/tokens/tokens/sentence", url.Values{"scope": {"read"}}).want(t, "the sentence", http.StatusOK)
	b.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "id": {id}}).want(t, "the preview", http.StatusOK, "Revoke 1 token?", "disabled")
	for path, form := range map[string]url.Values{
		"all/bulk/take": {"do": {"revoke"}, "id": {id}, "typed": {"revoke 1"}}, "tokens/" + id + "/revoke": nil, "owner/revoke?name=root": {"typed": {"root"}}, "tokens/new": {"name": {"n"}},
	} {
		b.post("/tokens/"+path, form).want(t, path, http.StatusForbidden, "change nothing")
	}
	for path, status := range map[string]int{"jira/matches": http.StatusBadRequest, "tokens": http.StatusForbidden, "tokens/" + id + "/revoke": http.StatusForbidden} {
		headers := http.Header{"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"same-origin"}}
		b.do(http.MethodPost, "/tokens/api/v1/"+path, strings.NewReader(`{"nonsense":1}`), headers).want(t, path, status)
	}
}

// TestTypedTokensAreCut: a token that is pasted into the wrong input is on no page.
func TestTypedTokensAreCut(t *testing.T) {
	a := newApp(t)
	withJira(t, a)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	secret := token.New().Reveal()
	id := a.create(t, map[string]any{"owner": "root", "name": "n"}).Record.ID
	for _, name := range []string{"name", "purpose", "owner", "responsible", "exempt", "jql", "projects", "hide", "limit", "not_before", "expires_on", "allow_ip", "find_project", "max_concurrent"} {
		form := url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}}
		form.Set(name, "x "+secret+" y")
		for _, path := range []string{"tokens/new", "tokens/" + id + "/edit", "tokens/sentence"} {
			for _, do := range []string{"", "update"} {
				form.Set("do", do)
				if answer := root.post("/tokens/"+path, form); strings.Contains(answer.body, secret) && answer.status != http.StatusCreated {
					t.Errorf("%s of %s is shown again:\n%s", name, path, answer.text())
				}
			}
		}
	}
	for path, form := range map[string]url.Values{
		"account":                  {"name": {secret}, "user": {secret}, "expires_at": {secret}, "kind": {"basic"}, "secret": {"x"}},
		"own":                      {"jira": {a.jiras[0].URL}, "user": {secret}, "expires_at": {secret}, "kind": {"basic"}, "secret": {"x"}},
		"owner/transfer?name=root": {"to": {secret}, "typed": {secret}},
		"owner/revoke?name=root":   {"typed": {secret}},
		"tokens/" + id + "/rotate": {"overlap": {secret}, "version": {"7"}},
		"all/bulk/take":            {"do": {"revoke"}, "id": {id}, "typed": {secret}},
	} {
		if answer := root.post("/tokens/"+path, form); strings.Contains(answer.body, secret) {
			t.Errorf("%s shows it again:\n%s", path, answer.text())
		}
	}
}
