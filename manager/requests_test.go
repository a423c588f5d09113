package manager

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// hold makes a token's change wait, and returns its ID.
func (a *app) hold(t *testing.T, record *token.Record, body string) string {
	t.Helper()
	held, err := a.Held().Check(t.Context(), &handler.HeldRequest{
		Record: record, Jira: "https://jira.example.com", BaseURL: "https://gateway.example.com", Method: http.MethodPut,
		URI: "/rest/api/2/issue/ACME-1?notify=<b>", ContentType: "application/json", Body: []byte(body), Digest: sha256.Sum256([]byte(body)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return held.ID
}

func TestHeldChanges(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root, eve := newBrowser(t, server, "alice"), newBrowser(t, server, "root"), newBrowser(t, server, "eve")
	agent := a.create(t, map[string]any{"owner": "alice", "name": "agent <i>", "hold_writes": true}).Record
	ofRoot := a.create(t, map[string]any{"owner": "root", "name": "of root", "hold_writes": true}).Record
	if nav := root.get("/tokens/requests"); strings.Contains(nav.body, `class="count"`) {
		t.Errorf("nothing waits, but the navigation counts: %s", nav.body)
	}
	first := a.hold(t, agent, `{"fields":{"summary":"<script>alert(1)</script>"}}`)
	second := a.hold(t, agent, `{"fields":{"summary":"another"}}`)
	own := a.hold(t, ofRoot, `{"fields":{"summary":"own"}}`)

	eve.get("/tokens/requests").want(t, "the list", http.StatusOK, `<span class="count">3</span>`)
	root.get("/tokens/requests").want(t, "the list", http.StatusOK, `<span class="count">2</span>`, "ACME-1?notify=&lt;b&gt;", "agent &lt;i&gt;", "for alice")
	root.get("/tokens/requests/"+first).want(t, "a change", http.StatusOK, "PUT", "&lt;script&gt;alert(1)", "Approve this change", "for alice")
	for _, path := range []string{"", "/" + first} {
		alice.get("/tokens/requests"+path).want(t, "for alice", http.StatusForbidden)
	}
	alice.post("/tokens/requests/"+first, url.Values{"verdict": {"approve"}}).want(t, "alice decides", http.StatusForbidden)
	root.post("/tokens/requests/"+own, url.Values{"verdict": {"approve"}, "reason": {"typed before"}}).want(t, "one's own", http.StatusForbidden, "Nobody approves")
	root.post("/tokens/requests/"+first, url.Values{"verdict": {"reject"}}).want(t, "no reason", http.StatusBadRequest, "say why", "Approve this change")
	ownPage := root.get("/tokens/requests/" + own)
	ownPage.wantText(t, "one's own change", "Nobody approves the changes of their own tokens", "Reject this change")
	if strings.Contains(ownPage.body, "Approve this change") {
		t.Error("one's own change can be approved")
	}
	root.get("/tokens/tokens/"+agent.ID).want(t, "the token's page", http.StatusOK, `href="/tokens/requests/`+first+`"`)
	long := strings.Repeat("x", 5000)
	root.post("/tokens/requests/"+first, url.Values{"verdict": {"reject"}, "reason": {long}}).want(t, "a long reason", http.StatusBadRequest, long)
	root.post("/tokens/requests/"+first, url.Values{"verdict": {"delete"}}).want(t, "no verdict", http.StatusBadRequest)

	root.post("/tokens/requests/"+first, url.Values{"verdict": {"reject"}, "reason": {"not <now>"}}).want(t, "reject", http.StatusSeeOther)
	root.get("/tokens/requests?done=reject-change").want(t, "afterwards", http.StatusOK, "is rejected", `<span class="count">1</span>`)
	late := eve.post("/tokens/requests/"+first, url.Values{"verdict": {"approve"}, "reason": {"typed before"}})
	late.wantText(t, "decided meanwhile", "You had typed this reason: typed before")
	late.want(t, "decided meanwhile", http.StatusConflict, "Nothing was done", "is rejected", "not &lt;now&gt;", "root from")
	if strings.Contains(late.body, "Approve this change") {
		t.Error("it can be decided again")
	}
	eve.post("/tokens/requests/"+second, url.Values{"verdict": {"approve"}, "reason": {"fine"}}).want(t, "approve", http.StatusSeeOther)
	if view, _, err := a.Held().Show(t.Context(), second); err != nil || view.State != approvals.StateApproved || view.Reason != "fine" || view.DecidedBy.Name != "eve" {
		t.Errorf("%+v, %v", view, err)
	}
	root.get("/tokens/requests/"+agent.ID+"-"+strings.Repeat("0", 16)).want(t, "none", http.StatusNotFound)
	root.get("/tokens/requests/x").want(t, "no ID", http.StatusNotFound)

	// A change of a token that was changed since can no longer be approved.
	third := a.hold(t, agent, `{"fields":{"summary":"third"}}`)
	if _, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, agent.ID); err != nil {
		t.Fatal(err)
	}
	root.post("/tokens/requests/"+third, url.Values{"verdict": {"approve"}}).want(t, "of a revoked token", http.StatusConflict, "is revoked")
}

func TestReadableDifferences(t *testing.T) {
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	shown := differences([]approvals.Difference{
		{Field: "summary", Old: raw(`"The printer is on fire"`), New: raw(`"The printer is off now"`)},
		{Field: "assignee", New: raw(`{"accountId":"5","displayName":"Alice"}`)},
		{Field: "reporter", Old: raw(`{"accountId":"5","displayName":"Alice"}`), New: raw(`{"displayName":"Bob"}`)},
		{Field: "labels", Old: raw(`["a","b"]`), New: raw(`[{"add":"c"}]`)},
		{Field: "description", New: raw(`{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"See "},{"type":"text","text":"this","marks":[{"type":"link","attrs":{"href":"https://evil.example.com"}}]}]},{"type":"mediaSingle","content":[{"type":"media"}]}]}`)},
	})
	for i, want := range []struct{ before, old, new, after string }{
		{"The printer is ", "on fire", "off now", ""},
		{"", "", `{"accountId":"5","displayName":"Alice"}`, ""},
		{"", "Alice", "Bob", ""},
		{"", "a, b", `[{"add":"c"}]`, ""},
		{"", "", "See this (https://evil.example.com)\n[media]", ""},
	} {
		if got := shown[i]; got.Before != want.before || got.Old != want.old || got.New != want.new || got.After != want.after {
			t.Errorf("%s: %q", got.Field, got)
		}
	}
	for _, pair := range [][2]string{{"", ""}, {"a", "a"}, {"a b", "a c b"}, {"same end", "other end"}, {"x", ""}, {"a a", "a a a"}, {"ü ä", "ö ä"}} {
		before, old, new, after := middle(pair[0], pair[1])
		if before+old+after != pair[0] || before+new+after != pair[1] {
			t.Errorf("%q: %q %q %q %q", pair, before, old, new, after)
		}
	}
}

// TestPendingTokens: whoever decides sees what about, and whoever may not sees why.
func TestPendingTokens(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root, eve := newBrowser(t, server, "alice"), newBrowser(t, server, "root"), newBrowser(t, server, "eve")
	made := alice.post("/tokens/tokens/new", url.Values{"name": {"nightly"}, "purpose": {"closes issues"}, "scope": {"write"}, "expires": {"30d"}})
	made.wantText(t, "made", "“nightly” was created, and waits for approval")
	if strings.Contains(made.text(), "is ready") {
		t.Error("a token that does not work yet is called ready")
	}
	ofAlice := secretPattern.FindString(made.body)[3:13]
	ofRoot := secretPattern.FindString(root.post("/tokens/tokens/new", url.Values{"name": {"of root"}, "scope": {"write"}, "expires": {"30d"}, "exempt": {"the auditors want it"}}).body)[3:13]

	list := root.get("/tokens/requests")
	list.want(t, "the list of root", http.StatusOK, `<span class="count">1</span>`, "tokens/"+ofAlice+"/approve")
	list.wantText(t, "the list of root", "Owner alice", "closes issues", "Asked for by alice from 127.0.0.1", "Why it waits The policy requires the approval of tokens with “Read and change” (rule everyone", "You cannot approve or reject it: nobody approves")
	if strings.Contains(list.body, "tokens/"+ofRoot+"/approve") {
		t.Error("root's own token can be approved")
	}
	for _, path := range []string{"", "/approve", "/reject"} {
		root.get("/tokens/tokens/"+ofAlice+path).wantText(t, "alice's token"+path, "Reads and changes everything", "Asked for by alice from 127.0.0.1", "The policy requires the approval of tokens with")
	}
	eve.get("/tokens/tokens/"+ofRoot+"/approve").wantText(t, "an exemption", "Somebody asks for an exemption from the policy: the auditors want it")
	own := root.get("/tokens/tokens/" + ofRoot)
	own.wantText(t, "root's own", "You cannot approve or reject it")
	if strings.Contains(own.body, "/approve") {
		t.Error("root's own token can be approved on its page")
	}
	// Where a rule is written means nothing to people who do not manage.
	for _, path := range []string{"tokens", "tokens/" + ofAlice, "tokens/new"} {
		if page := alice.get("/tokens/" + path); strings.Contains(page.text(), "rule:") || strings.Contains(page.text(), "rule ") {
			t.Errorf("%s names rules to alice: %s", path, page.text())
		}
	}
}
