package manager

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestAllTokensFilters(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	a.create(t, map[string]any{"owner": "alice", "name": "soon <b>", "expires_at": "5d"})
	a.create(t, map[string]any{"owner": "bob", "name": "later", "expires_at": "80d"})
	a.create(t, map[string]any{"owner": "ci", "name": "bot", "kind": "service", "expires_at": "20d"})
	for query, want := range map[string]string{
		"": "soon later bot", "q=LATER": "later", "search=LATER": "later", "search=later&q=bot": "later", "owner=ALICE": "soon", "kind=service": "bot", "kind=user": "soon later", "expiring=7d": "soon",
		"expiring=30d&kind=service": "bot", "state=revoked": "", "account=default": "soon later bot", "account=none": "", "unused=30d": "", "q=alice&state=active": "soon",
		"scope=read": "soon later bot", "scope=admin": "", "never_used=true": "soon later bot", "project=ACME": "", "network=192.0.2.1": "", "created_before=1h": "", "created_after=1h": "soon later bot", "used_before=1d": "",
	} {
		page := root.get("/tokens/all?" + query)
		page.want(t, query, http.StatusOK)
		var got []string
		for _, name := range []string{"soon", "later", "bot"} {
			if strings.Contains(page.body, ">"+name) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q lists %v, want %s", query, got, want)
		}
	}
	order := root.get("/tokens/all?sort=expires").body
	if strings.Index(order, ">soon") > strings.Index(order, ">bot") || strings.Index(order, ">bot") > strings.Index(order, ">later") {
		t.Error("the first one to end is not the first")
	}
	// What cannot be combined is not offered together.
	links := regexp.MustCompile(`class="chip" href="/tokens/(all[^"]*)"`)
	for _, from := range []string{"all?state=expired", "all?state=damaged", "all?never_used=true", "all?used_before=1d&owner=alice", "all?expiring=7d&scope=read&kind=user&sort=name"} {
		for _, link := range links.FindAllStringSubmatch(root.get("/tokens/"+from).body, -1) {
			root.get("/tokens/"+strings.ReplaceAll(link[1], "&amp;", "&")).want(t, from+" leads to "+link[1], http.StatusOK)
		}
	}
	// Every chip keeps the other filters.
	page := root.get("/tokens/all?q=x%26y&owner=%22%3E%3Cscript%3E&state=active&kind=user")
	page.want(t, "chips", http.StatusOK, `kind=service&amp;owner=%22%3E%3Cscript%3E&amp;search=x%26y&amp;state=active`, `href="/tokens/all?kind=user&amp;owner=%22%3E%3Cscript%3E&amp;search=x%26y"`, `value="&#34;&gt;&lt;script&gt;"`)
	root.get("/tokens/all?state=sleeping&owner=kept").want(t, "a state that is none", http.StatusBadRequest, "invalid state", `value="kept"`)
	root.get("/tokens/all?expiring=soon").want(t, "a time that is none", http.StatusBadRequest, "invalid length of time")
}

// TestMistypedFilters: a filter that does not exist lists nothing, and the page says so. To
// leave it out would show everything, and "all of the list" would change everything.
func TestMistypedFilters(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	id := a.create(t, map[string]any{"owner": "root", "name": "untouched"}).Record.ID
	for _, path := range []string{
		"all?stat=active", "all?State=active", "all?owner=bob&stat=", "all?state=revoked&state=active", "all?%3Cb%3E=x", "all?limit=1",
		"owners?name=bob", "owners?state=active&state=unknown", "trail?tokens=x", "trail?owner=bob&owner=root", "trail/export?actions=denied", "tokens?stat=active",
	} {
		answer := root.get("/tokens/" + path)
		answer.want(t, path, http.StatusBadRequest, "The", "filter", "othing is listed")
		if strings.Contains(answer.body, "untouched") {
			t.Errorf("%s lists tokens", path)
		}
	}
	root.get("/tokens/all?stat=active").want(t, "what there is", http.StatusBadRequest, "There is no filter “stat”", "never_used", "search", "state")
	for _, query := range []string{"stat=active", "state=active&state=revoked", "limit=1"} {
		root.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "all": {query}}).want(t, "all of "+query, http.StatusBadRequest, "othing is listed")
	}
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Status != token.StatusActive {
		t.Errorf("afterwards: %+v, %v", record, err)
	}
}

// TestFiltersThatAreSet: they stand above the list, and lead to the list without them.
func TestFiltersThatAreSet(t *testing.T) {
	root := newBrowser(t, serve(t, newApp(t), new(header)), "root")
	page := root.get("/tokens/all?state=active&kind=service&owner=bob&sort=name&never_used=true")
	page.want(t, "set", http.StatusOK, "For: Services", "Owner: bob", "Order: Name", "Unused for: Never used",
		`href="/tokens/all?kind=service&amp;never_used=true&amp;sort=name&amp;state=active" aria-current="true">Owner: bob`,
		`href="/tokens/all?never_used=true&amp;owner=bob&amp;sort=name&amp;state=active" aria-current="true">For: Services`)
	if strings.Contains(root.get("/tokens/all?state=active").body, "Filters that are set") {
		t.Error("nothing is set but the state")
	}
}

func TestWhoseIsThis(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	issued := a.create(t, map[string]any{"owner": "alice", "name": "found"})
	secret, id := issued.Token.Reveal(), issued.Record.ID
	find := func(pasted, leads string) {
		t.Helper()
		answer := root.post("/tokens/all/whose", url.Values{"token": {pasted}})
		if answer.status != http.StatusSeeOther || answer.header.Get("Location") != "/tokens/tokens/"+leads {
			t.Errorf("leads to %d %s, want %s", answer.status, answer.header.Get("Location"), leads)
		}
	}
	find(id, id)
	find(" "+secret+"\n", id+"?done=whose-current")
	find("curl -u 'alice:"+secret+"' https://jira.example.com", id+"?done=whose-current")
	find(secret[:30], id+"?done=whose-part")
	other, err := token.WithID(id)
	if err != nil {
		t.Fatal(err)
	}
	find(other.Reveal(), id+"?done=whose-other")
	if _, err := a.registry.Rotate(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id, 0); err != nil {
		t.Fatal(err)
	}
	find(secret, id+"?done=whose-old")
	root.get("/tokens/tokens/"+id+"?done=whose-old").want(t, "where it leads", http.StatusOK, "found", "rotated since")

	for what, pasted := range map[string]string{"nothing": "", "garbage": "<script>", "an unknown ID": "0123456789", "an unknown token": token.New().Reveal()} {
		answer := root.post("/tokens/all/whose", url.Values{"token": {pasted}})
		if answer.status != http.StatusBadRequest && answer.status != http.StatusNotFound {
			t.Errorf("%s: %d", what, answer.status)
		}
		if len(pasted) > 20 && strings.Contains(answer.body, pasted) {
			t.Errorf("%s: the page shows it", what)
		}
	}
	// A token in the address is cut from it, and no page has it.
	cut := root.get("/tokens/all?state=active&q=" + secret)
	if to := cut.header.Get("Location"); cut.status != http.StatusSeeOther || to != "/tokens/all?done=leaked&search="+id+"&state=active" {
		t.Errorf("leads to %d %s", cut.status, to)
	}
	root.get("/tokens/all?done=leaked&q="+id).want(t, "afterwards", http.StatusOK, "found", "rotate that token")
	newBrowser(t, server, "alice").post("/tokens/all/whose", url.Values{"token": {id}}).want(t, "for alice", http.StatusForbidden)
	page, err := a.registry.Events(t.Context(), registry.EventQuery{})
	if err != nil || strings.Contains(fmt.Sprint(page.Events), secret) {
		t.Errorf("the trail: %v, %v", page.Events, err)
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(do|id|version)" value="([^"]*)">`)

// confirmed returns the form of a page that asks before tokens are changed.
func confirmed(a answer, more url.Values) url.Values {
	form := url.Values{}
	for _, input := range hidden.FindAllStringSubmatch(a.body, -1) {
		form.Add(input[1], input[2])
	}
	for name, values := range more {
		form[name] = values
	}
	return form
}

func TestBulkOfMoreThanAPage(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	for i := range 70 {
		a.create(t, map[string]any{"owner": "alice", "name": "n" + strconv.Itoa(i)})
	}
	kept := a.create(t, map[string]any{"owner": "bob", "name": "of bob"}).Record.ID
	root.get("/tokens/all?owner=alice").want(t, "a page", http.StatusOK, "All tokens of this list", `name="all" value="owner=alice"`)
	asked := root.post("/tokens/all/bulk", url.Values{"do": {"disable"}, "id": {kept}, "all": {"owner=alice"}})
	asked.want(t, "all of the list", http.StatusOK, "Disable 70 tokens?", "disable 70")
	root.post("/tokens/all/bulk/take", confirmed(asked, url.Values{"typed": {"disable 69"}})).want(t, "another number", http.StatusBadRequest, "Nothing was done", `value="disable 69"`)
	root.post("/tokens/all/bulk/take", confirmed(asked, url.Values{"typed": {"disable 70"}})).want(t, "take", http.StatusSeeOther)
	if record, err := a.registry.Show(t.Context(), kept); err != nil || record.Status != token.StatusActive {
		t.Errorf("of bob: %+v, %v", record, err)
	}
	root.post("/tokens/all/bulk", url.Values{"do": {"disable"}, "all": {"%zz"}}).want(t, "no filter", http.StatusBadRequest)
	root.post("/tokens/all/bulk", url.Values{"do": {"disable"}, "all": {"state=sleeping"}}).want(t, "a filter with a mistake", http.StatusBadRequest)
}

func TestBulkMeetsOtherChanges(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	admin := registry.Actor{Kind: registry.ActorAdmin}
	var ids []string
	for _, name := range []string{"untouched", "changed", "revoked", "deleted"} {
		ids = append(ids, a.create(t, map[string]any{"owner": "alice", "name": name, "expires_at": "5d"}).Record.ID)
	}
	asked := root.post("/tokens/all/bulk", url.Values{"do": {"revoke"}, "id": append(ids, ids[0], "0123456789")})
	asked.want(t, "the question", http.StatusOK, "Revoke 4 tokens?", "no longer there", "alice")
	edit, err := token.NewEdit(map[string]any{"name": "another"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.registry.Update(t.Context(), admin, ids[1], edit); err != nil {
		t.Fatal(err)
	}
	if _, err := a.registry.Revoke(t.Context(), admin, ids[2]); err != nil {
		t.Fatal(err)
	}
	form := confirmed(asked, url.Values{"typed": {"revoke 4"}})
	taken := root.post("/tokens/all/bulk/take", form)
	taken.want(t, "take", http.StatusOK, "2 tokens are revoked. 2 stay as they were:", "another of alice: it has changed since", "revoked of alice: it has changed since")
	if record, err := a.registry.Show(t.Context(), ids[1]); err != nil || record.Status != token.StatusActive {
		t.Errorf("the changed one: %+v, %v", record, err)
	}
	if err := a.registry.Delete(t.Context(), admin, ids[3]); err != nil {
		t.Fatal(err)
	}
	root.post("/tokens/all/bulk/take", form).want(t, "one was deleted: the number is another", http.StatusBadRequest, "revoke 3", "Nothing was done")

	never := a.create(t, map[string]any{"owner": "alice", "name": "never ends", "exempt": "for the test"}).Record.ID
	long := a.create(t, map[string]any{"owner": "alice", "name": "ends late", "expires_at": "80d"}).Record.ID
	asked = root.post("/tokens/all/bulk", url.Values{"do": {"extend"}, "id": {ids[1], never, long}})
	asked.want(t, "extend", http.StatusOK, "in 30 days")
	root.post("/tokens/all/bulk/take", confirmed(asked, url.Values{"typed": {"extend 3"}, "by": {"30"}})).
		want(t, "take", http.StatusOK, "1 token is extended. 2 stay as they were:", "never ends of alice: it does not end before", "ends late of alice")
	for id, days := range map[string]int{ids[1]: 30, long: 80} {
		if record, err := a.registry.Show(t.Context(), id); err != nil || record.ExpiresAt.Sub(time.Now()).Round(24*time.Hour) != time.Duration(days)*24*time.Hour {
			t.Errorf("%s ends at %s, %v", record.Name, record.ExpiresAt, err)
		}
	}
	asked = root.post("/tokens/all/bulk", url.Values{"do": {"extend"}, "id": {long}})
	root.post("/tokens/all/bulk/take", confirmed(asked, url.Values{"typed": {"extend 1"}, "by": {"365"}})).want(t, "more than the policy allows", http.StatusOK, "0 tokens are extended. 1 stays as it was:")
	root.post("/tokens/all/bulk", url.Values{"do": {"revoke"}}).want(t, "nothing", http.StatusBadRequest, "Nothing was selected")
	root.post("/tokens/all/bulk", url.Values{"do": {"delete"}, "id": {long}}).want(t, "no such action", http.StatusBadRequest)
}
