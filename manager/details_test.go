package manager

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

func TestChart(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "busy"}).Record.ID
	alice.get("/tokens/tokens/"+id).wantText(t, "unused", "It was not used in that time.")
	for range 9 {
		a.registry.Count(id, false, 250_000)
	}
	a.registry.Count(id, true, 0)
	page := alice.get("/tokens/tokens/" + id)
	page.wantText(t, "used", "10 requests, 1 of them denied; 2.2 MB from Jira.", "at most 10 a day")
	page.want(t, "used", http.StatusOK, `class="bar-allowed"`, `class="bar-denied"`, `class="bar-sent"`, `<td class="end">10</td><td class="end">1</td><td class="end">2.2 MB</td>`)
	if n := strings.Count(page.body, `class="hover"`); n != 2*30 {
		t.Errorf("%d bars", n)
	}
	for text, n := range map[string]uint64{"0 B": 0, "999 B": 999, "1 kB": 1000, "12.3 GB": 12_345_678_901, "18.4 EB": 1<<64 - 1} {
		if got := bytesText(n); got != text {
			t.Errorf("%d bytes are %q", n, got)
		}
	}
}

func TestWouldThisPass(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	alice.get("/tokens/tokens/"+id+"?method=GET&path=/rest/api/2/issue/X-1").wantText(t, "without a gateway", "there is nothing to explain")
	alice.get("/tokens/tokens/"+id+"?method=GET&path=/x&address=nonsense").wantText(t, "a wrong address", `Invalid address "nonsense"`)
}

// TestEverythingAboutAToken is on its page.
func TestEverythingAboutAToken(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	full := a.create(t, map[string]any{
		"owner": "alice", "name": "full", "deny_ip": []string{"192.0.2.0/24"}, "limit": "60/m", "limit_writes": "5/d", "max_concurrent": "2", "hold_writes": true,
		"scope": "write", "exempt": "for the test", "not_before": "1h", "confine": map[string]any{"projects": []string{"ACME"}, "hide": []string{"Margin"}},
	}).Record
	alice.get("/tokens/tokens/"+full.ID).wantText(t, "its page", "192.0.2.0/24", "60/m", "5/d", "Requests at the same time 2",
		"wait until somebody approves them", "Does not work before", "for the test", "ACME", "Margin")
}

// TestEveryStepHasAWord: what a request fails at is never called by its name for programs.
func TestEveryStepHasAWord(t *testing.T) {
	words, err := page.English()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range handler.StepNames() {
		if _, err := words.Say("step." + step); err != nil {
			t.Error(err)
		}
	}
}

// TestProbeShowsEveryStep: behind the step that refuses a request, those are listed that it did
// not get to, but not behind one of the gateway's own endpoints.
func TestProbeShowsEveryStep(t *testing.T) {
	pages, err := newPages()
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{pages: pages}
	states := func(taken ...handler.Step) (words string) {
		for _, step := range h.probeAnswer(admin.Explanation{Steps: taken, AnyAddress: true}).Steps {
			words += step.Name + ": " + step.State.Word + ". "
		}
		return words
	}
	want := "Token: Passes. Policy: Refused. Networks: Not checked. Limits: Not checked. Scope: Not checked. Not from another site: Not checked. " +
		"Query: Not checked. Form: Not checked. Held changes: Not checked. Account: Not checked. What it sees: Not checked. To Jira: Not checked. Jira: Not checked. "
	if got := states(handler.Step{Step: "token", Passed: true}, handler.Step{Step: "policy"}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := states(handler.Step{Step: "endpoint"}); got != "The gateway itself: Refused. " {
		t.Error(got)
	}
}

// TestPastedAddress: people paste what they see in the address bar.
func TestPastedAddress(t *testing.T) {
	for pasted, want := range map[string]string{
		"https://acme.atlassian.net/browse/DEMO-1": "/browse/DEMO-1", " http://jira.example.com/rest/api/2/search?jql=a%20%3D%20b ": "/rest/api/2/search?jql=a%20%3D%20b",
		"https://jira.example.com": "/", "/rest/api/2/myself": "/rest/api/2/myself", "nonsense": "nonsense", "ftp://x/y": "ftp://x/y",
	} {
		if got := pastedPath(pasted); got != want {
			t.Errorf("%q: %q, want %q", pasted, got, want)
		}
	}
}
