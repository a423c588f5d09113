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

func TestPagesOfOthers(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	mine := a.create(t, map[string]any{"owner": "alice", "name": "of alice"}).Record.ID
	alice, bea, root := newBrowser(t, server, "alice"), newBrowser(t, server, "bea"), newBrowser(t, server, "root")
	for _, path := range []string{"", "/edit", "/revoke"} {
		bea.get("/tokens/tokens/"+mine+path).want(t, "another's token"+path, http.StatusNotFound)
	}
	bea.post("/tokens/tokens/"+mine+"/revoke", nil).want(t, "revoking another's token", http.StatusNotFound)
	for _, path := range []string{"all", "requests", "owners", "accounts", "trail"} {
		if page := alice.get("/tokens/" + path); page.status != http.StatusForbidden || strings.Contains(page.body, "of alice") {
			t.Errorf("%s for alice: %d", path, page.status)
		}
		root.get("/tokens/"+path).want(t, path+" for root", http.StatusOK)
	}
	root.get("/tokens/all?q=of+alice").want(t, "search", http.StatusOK, "of alice")
	alice.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "id": {mine}}).want(t, "bulk", http.StatusForbidden)

	root.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "id": {mine}}).want(t, "the question", http.StatusOK, "Revoke 1 token?", "of alice", "revoke 1")
	root.post("/tokens/all/bulk/take", url.Values{"do": {"revoke"}, "id": {mine}, "typed": {"revoke 2"}}).want(t, "typed wrongly", http.StatusBadRequest, "Nothing was done")
	root.post("/tokens/all/bulk/take", url.Values{"do": {"revoke"}, "id": {mine}, "typed": {"revoke 1"}}).want(t, "bulk", http.StatusSeeOther)
	if record, err := a.registry.Show(t.Context(), mine); err != nil || record.Status != token.StatusRevoked {
		t.Errorf("after it: %+v, %v", record, err)
	}
}

func TestApproval(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root, eve := newBrowser(t, server, "alice"), newBrowser(t, server, "root"), newBrowser(t, server, "eve")
	created := alice.post("/tokens/tokens/new", url.Values{"name": {"script"}, "scope": {"write"}, "expires": {"30d"}})
	created.want(t, "create", http.StatusCreated, "must approve it first")
	id := secretPattern.FindString(created.body)[3:13]
	alice.post("/tokens/tokens/"+id+"/approve", nil).want(t, "approving one's own", http.StatusConflict)
	root.get("/tokens/requests").want(t, "the requests", http.StatusOK, "script", "for alice")
	own := root.post("/tokens/tokens/new", url.Values{"name": {"mine"}, "scope": {"write"}, "expires": {"30d"}})
	own.want(t, "of root", http.StatusCreated)
	ofRoot := secretPattern.FindString(own.body)[3:13]
	root.post("/tokens/tokens/"+ofRoot+"/approve", nil).want(t, "approving one's own", http.StatusForbidden, "nobody approves")
	eve.post("/tokens/tokens/"+ofRoot+"/reject", nil).want(t, "rejecting without a reason", http.StatusBadRequest)
	eve.post("/tokens/tokens/"+ofRoot+"/reject", url.Values{"reason": {"not needed"}}).want(t, "rejecting", http.StatusSeeOther)
	root.post("/tokens/tokens/"+id+"/approve", nil).want(t, "approving", http.StatusSeeOther)
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Status != token.StatusActive {
		t.Errorf("%+v, %v", record, err)
	}
}

func TestNobodySeesAPageWithData(t *testing.T) {
	a := newApp(t)
	id := a.create(t, map[string]any{"owner": "alice", "name": "hidden name"}).Record.ID
	stranger := newBrowser(t, serve(t, a, new(header), new(identity.Token)), "")
	for _, path := range []string{"", "tokens", "tokens/new", "tokens/" + id, "all", "requests", "owners", "accounts", "trail"} {
		answer := stranger.get("/tokens/" + path)
		answer.want(t, path, http.StatusSeeOther)
		if !strings.HasPrefix(answer.header.Get("Location"), "/tokens/signin?next=") {
			t.Errorf("%s leads to %s", path, answer.header.Get("Location"))
		}
	}
	for _, path := range []string{"tokens/new", "tokens/" + id + "/revoke", "all/bulk"} {
		stranger.post("/tokens/"+path, nil).want(t, path, http.StatusUnauthorized)
	}
	stranger.get("/tokens/api/v1/tokens").want(t, "the API", http.StatusUnauthorized, `{"error":"sign in first"}`)
	stranger.get("/tokens/nothing").want(t, "no such page", http.StatusNotFound)
	gone := newBrowser(t, stranger.server, "gone")
	a.people.Learn(map[string]registry.Facts{"gone": {Name: "gone", Inactive: true}})
	gone.get("/tokens/").want(t, "somebody who has left", http.StatusForbidden, "gone is no longer active")
	gone.get("/tokens/api/v1/tokens").want(t, "the API for somebody who has left", http.StatusUnauthorized)
}
