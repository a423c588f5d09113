package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// owned returns how many tokens of an owner there are that are not revoked.
func (a *app) owned(t *testing.T, owner string) (n int) {
	t.Helper()
	page, err := a.registry.List(t.Context(), registry.Query{Query: storage.Query{Owner: owner}})
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range page.Records {
		if record.Status != token.StatusRevoked {
			n++
		}
	}
	return n
}

func TestOwners(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, bea, root := newBrowser(t, server, "alice"), newBrowser(t, server, "bea"), newBrowser(t, server, "root")
	const carol = "carol/<b>&x=1"
	about := func(path string) string {
		return "/tokens/owner" + path + "?" + url.Values{"name": {carol}}.Encode()
	}
	for _, name := range []string{"one", "two <i>"} {
		a.create(t, map[string]any{"owner": carol, "name": name})
	}
	a.create(t, map[string]any{"owner": carol, "name": "desk", "kind": "external", "exempt": "for the test", "responsible": "dave", "purpose": "p", "expires_at": "7d"})
	a.people.Learn(map[string]registry.Facts{token.Fold(carol): {Name: carol, Groups: []string{"staff <g>"}}})

	root.get("/tokens/owners").want(t, "the list", http.StatusOK, "carol/&lt;b&gt;", "staff &lt;g&gt;", "3 active")
	root.get("/tokens/owners?q=CAROL&state=active&group=staff+%3Cg%3E").want(t, "filters", http.StatusOK, "carol/&lt;b&gt;", "in staff &lt;g&gt;")
	root.get("/tokens/owners?q=nobody").want(t, "no such owner", http.StatusOK, "No owner matches")
	root.get("/tokens/owners?state=gone&q=kept").want(t, "no such state", http.StatusBadRequest, "Invalid state", `value="kept"`)
	root.get(about("")).want(t, "an owner", http.StatusOK, "two &lt;i&gt;", "staff &lt;g&gt;", "End all tokens", "Give tokens to somebody else")
	root.get("/tokens/owner?name=nobody").want(t, "nobody", http.StatusNotFound)
	root.get("/tokens/owner?name=..").want(t, "a name that is a path", http.StatusBadGateway)
	for _, b := range []*browser{alice, bea} {
		for _, path := range []string{"", "/revoke", "/transfer"} {
			b.get(about(path)).want(t, path+" for "+b.user, http.StatusForbidden)
			if path != "" {
				b.post(about(path), url.Values{"typed": {carol}, "to": {b.user}}).want(t, path+" by "+b.user, http.StatusForbidden)
			}
		}
	}

	root.get(about("/transfer")).want(t, "who gets them", http.StatusOK, "Who gets the 3 tokens of carol", "New owner")
	preview := root.get(about("/transfer") + "&to=dave")
	preview.want(t, "the preview", http.StatusOK, "2 tokens go to dave", "These stay as they are", "dave is responsible for it", "Is it spelled right?", "type dave")
	root.get(about("/transfer")+"&to="+url.QueryEscape(carol)).want(t, "the same owner", http.StatusBadRequest, "is the same owner")
	root.get(about("/transfer")+"&to=a:b").want(t, "no name", http.StatusBadRequest, "must not contain a colon", `value="a:b"`)
	root.post(about("/transfer"), url.Values{"to": {"dave"}, "typed": {"eve"}}).want(t, "typed wrongly", http.StatusBadRequest, "Nothing was done", `value="eve"`, `value="dave"`)
	if n := a.owned(t, "dave"); n != 0 {
		t.Fatalf("dave has %d tokens", n)
	}
	root.post(about("/transfer"), url.Values{"to": {"dave"}, "typed": {" Dave "}}).want(t, "the transfer", http.StatusOK, "2 tokens now belong to dave", "desk: dave is responsible")
	if n := a.owned(t, "dave"); n != 2 {
		t.Errorf("dave has %d tokens", n)
	}

	root.get(about("/revoke")).want(t, "the question", http.StatusOK, "End 1 token of carol", "cannot be undone", "desk")
	root.post(about("/revoke"), url.Values{"typed": {"carol"}}).want(t, "typed wrongly", http.StatusBadRequest, "Nothing was done", `value="carol"`)
	root.post(about("/revoke"), url.Values{"typed": {carol}}).want(t, "the end", http.StatusOK, "1 token is revoked")
	if n := a.owned(t, carol); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
	if again := root.get(about("")); strings.Contains(again.body, "End all tokens") {
		t.Error("there is something to end")
	}
}
