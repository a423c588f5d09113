package manager

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestBulkLeadsBack: once tokens were changed together, the list that they were selected on
// says so, and nothing is at an address that only takes forms.
func TestBulkLeadsBack(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	list := root.get("/tokens/all?search=n&owner=alice")
	list.want(t, "the list", http.StatusOK, `name="list" value="owner=alice&amp;search=n"`)
	asked := root.post("/tokens/all/bulk", url.Values{"do": {"disable"}, "id": {id}, "list": {"owner=alice&search=n"}})
	asked.want(t, "the question", http.StatusOK, "Scripts that use it stop", `href="/tokens/all?owner=alice&amp;search=n"`)
	taken := root.post("/tokens/all/bulk/take", confirmed(asked, url.Values{"typed": {"disable 1"}, "list": {"owner=alice&search=n"}}))
	taken.want(t, "take", http.StatusSeeOther)
	to := taken.header.Get("Location")
	if to != "/tokens/all?done=bulk-disable-1&owner=alice&search=n" {
		t.Errorf("leads to %s", to)
	}
	root.get(to).wantText(t, "afterwards", "1 token is disabled.", "Owner: alice")
	for _, path := range []string{"all/bulk", "all/bulk/take", "all/whose"} {
		if got := root.get("/tokens/" + path); got.status != http.StatusSeeOther || got.header.Get("Location") != "/tokens/all" {
			t.Errorf("%s: %d %s", path, got.status, got.header.Get("Location"))
		}
	}
	for _, done := range []string{"bulk-disable-x", "bulk-disable-0", "bulk-delete-1", "bulk--1", "x"} {
		if got := root.get("/tokens/all?done=" + done); strings.Contains(got.body, `class="notice good"`) {
			t.Errorf("%s: %s", done, got.text())
		}
	}
	root.post("/tokens/all/whose", url.Values{"token": {"nonsense"}}).want(t, "whose is nonsense", http.StatusBadRequest, `value="nonsense"`)
}

// TestHintsLeadToWhatTheyCount: of all one's tokens, not only those on the first page.
func TestHintsLeadToWhatTheyCount(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	used := a.create(t, map[string]any{"owner": "alice", "name": "used for long", "expires_at": "60d"}).Record.ID
	ending := a.create(t, map[string]any{"owner": "alice", "name": "ends soon", "expires_at": "5d"}).Record.ID
	uses := make(map[string]storage.Use)
	for _, id := range []string{used, ending} {
		uses[id] = storage.Use{At: time.Now(), Address: netip.MustParseAddr("192.0.2.1")}
	}
	if err := a.store.SaveUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
	for i := range 101 {
		a.create(t, map[string]any{"owner": "alice", "name": "unused " + strconv.Itoa(i), "expires_at": "60d"})
	}
	page := alice.get("/tokens/tokens")
	page.wantText(t, "the hints", "1 ends within 14 days", "101 were never used")
	page.want(t, "the hints", http.StatusOK, `href="/tokens/tokens?expiring=14d&amp;state=active"`, `href="/tokens/tokens?never_used=true&amp;state=active"`)
	soon := alice.get("/tokens/tokens?expiring=14d&state=active")
	soon.want(t, "ending", http.StatusOK, "ends soon", `aria-current="true">End within 14 days`)
	if strings.Contains(soon.body, "unused 1") || strings.Contains(soon.body, "used for long") {
		t.Errorf("others are listed: %s", soon.text())
	}
	unused := alice.get("/tokens/tokens?never_used=true&state=active")
	if strings.Contains(unused.body, "used for long") || !strings.Contains(unused.body, "never_used=true&amp;state=active\" rel=\"next\"") {
		t.Errorf("used ones are listed, or the next page is of all: %s", unused.text())
	}
}

// TestAllWrongFilters: all mistakes are named, beside the inputs, which can be seen.
func TestAllWrongFilters(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	a.create(t, map[string]any{"owner": "alice", "name": "n"})
	page := root.get("/tokens/all?network=foo&created_after=xyz&state=sleeping&owner=kept")
	page.want(t, "the list", http.StatusBadRequest, `href="#f-network"`, `href="#f-created_after"`, `id="f-network-about"`, `id="f-created_after-about"`, `<details class="more-filters" open>`, `value="kept"`)
	page.wantText(t, "the list", "so nothing is listed", "invalid network", "State: invalid state", "Nothing is listed")
	if strings.Contains(page.body, "No token matches") {
		t.Error("it says that no token matches")
	}
}

// TestAllMistakesOfTheForm: also those behind the first one, and in the words of a sentence.
func TestAllMistakesOfTheForm(t *testing.T) {
	a := newApp(t)
	bea := newBrowser(t, serve(t, a, new(header)), "bea")
	refused := bea.post("/tokens/tokens/new", url.Values{"name": {""}, "owner": {""}, "kind": {"user"}, "scope": {"read"}, "projects": {"<b>"}, "jql": {"foo = ("}, "expires": {"30d"}})
	refused.want(t, "the form", http.StatusBadRequest, `href="#name"`, `href="#owner"`, `href="#projects"`, `href="#jql"`, `value="foo = ("`)
	alice := newBrowser(t, bea.server, "alice")
	waits := secretPattern.FindString(alice.post("/tokens/tokens/new", url.Values{"name": {"waits"}, "scope": {"write"}, "expires": {"30d"}}).body)[3:13]
	rejected := newBrowser(t, bea.server, "root").post("/tokens/tokens/"+waits+"/reject", url.Values{"reason": {""}})
	rejected.want(t, "no reason", http.StatusBadRequest, `href="#reason"`, `aria-invalid="true" aria-describedby="reason-about"`, `<p class="wrong">Missing reason`)
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"somebody has left":              "Somebody has left.",
		"alice has 3 tokens":             "alice has 3 tokens.",
		"bob@acme.example can have none": "bob@acme.example can have none.",
		"token 0123: no such token":      "Token 0123: no such token.",
		"it is too long: at most 8":      "It is too long: at most 8.",
		"over?":                          "Over?",
		"über allem":                     "Über allem.",
		"":                               "",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
