package gatewaytest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

const (
	heldPath = "/rest/api/2/issue/ABC-1/comment"
	heldJSON = "Content-Type: application/json\r\n"
	heldBody = `{"body":"x"}`
)

// change sends a change with a token.
func (g *gateway) change(tok issued, body string) answer {
	g.t.Helper()
	return g.do("POST", heldPath, tok.basic()+heldJSON, body)
}

// wantHeld checks that a request was held, and returns its ID.
func (g *gateway) wantHeld(t *testing.T, a answer) string {
	t.Helper()
	id := a.header.Get("X-Jira-Token-Approval")
	if a.status != http.StatusForbidden || a.reason() != "approval_required" || id == "" || len(g.up.take()) > 0 {
		t.Errorf("not held: %s", a)
	}
	checkErrorBody(t, a)
	return id
}

// TestHeldWrites: a change waits for its approval, also over kill -9, and passes once.
func TestHeldWrites(t *testing.T) {
	redis := redistest.Start(t)
	for name, store := range map[string]string{"file": "", "redis": redisStore(redis)} {
		t.Run(name, func(t *testing.T) { testHeldWrites(t, store) })
	}
}

func testHeldWrites(t *testing.T, store string) {
	g := startGateway(t, options{store: store, apps: "public_url https://jira.example.com"})
	tok, other := g.issue("agent", "write", "hold_writes", true), g.issue("other", "write", "hold_writes", true)
	g.up.take()
	id := g.wantHeld(t, g.change(tok, heldBody))
	if again := g.wantHeld(t, g.change(tok, heldBody)); again != id {
		t.Errorf("sent again it is %s, not %s", again, id)
	}
	chunked := g.send("POST " + heldPath + " HTTP/1.1\r\nHost: " + g.addr + "\r\n" + tok.basic() + heldJSON + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n{\"bod\r\n7\r\ny\":\"x\"}\r\n0\r\n\r\n")
	if same := g.wantHeld(t, chunked); same != id {
		t.Errorf("chunked it is %s, not %s", same, id)
	}
	if !strings.Contains(chunked.body, "https://jira.example.com/rest/jira-tokens/1/approvals/"+id) {
		t.Errorf("no link: %s", chunked)
	}
	if a := g.do("GET", issuePath, tok.basic()); a.status != http.StatusOK {
		t.Errorf("a read: %s", a)
	}
	g.up.take()
	if r := g.token("approvals"); r.code != 0 || !strings.Contains(r.out, id) {
		t.Errorf("approvals: %s", r)
	}
	if r := g.token("approvals", "show", id); r.code != 0 || !strings.Contains(r.out, "Adds a comment to ABC-1") {
		t.Errorf("show: %s", r)
	}
	g.up.take()
	state := func(tok issued) answer { return g.do("GET", "/rest/jira-tokens/1/approvals/"+id, tok.basic()) }
	if a := state(tok); a.status != http.StatusOK || !strings.Contains(a.body, `"pending"`) {
		t.Errorf("state: %s", a)
	}
	if a := state(other); a.status != http.StatusNotFound {
		t.Errorf("another token's: %s", a)
	}
	if r := g.token("approve", id); r.code != 0 || !strings.Contains(r.out, heldPath) {
		t.Errorf("approve: %s", r)
	}
	if r := g.token("approve", id); r.code == 0 {
		t.Errorf("approved twice: %s", r)
	}
	_ = g.cmd.Process.Kill()
	<-g.exited
	g.start()
	g.wantHeld(t, g.change(tok, `{"body":"y"}`))
	g.wantHeld(t, g.change(other, heldBody))
	if a := g.change(tok, heldBody); a.reason() != "" {
		t.Errorf("approved: %s", a)
	}
	if reached := g.up.take(); len(reached) != 1 || !strings.Contains(reached[0].body, heldBody) {
		t.Errorf("%d requests reached Jira", len(reached))
	}
	next := g.wantHeld(t, g.change(tok, heldBody))
	if next == id {
		t.Error("the ID of a used request is used again")
	}
	if r := g.token("reject", next); r.code == 0 || !strings.Contains(r.err, "--reason") {
		t.Errorf("rejected without a reason: %s", r)
	}
	if r := g.token("reject", next, "--reason", "no duplicates"); r.code != 0 {
		t.Errorf("reject: %s", r)
	}
	if a := g.change(tok, heldBody); a.status != http.StatusForbidden || !strings.Contains(a.body, "no duplicates") {
		t.Errorf("rejected: %s", a)
	}
	if r := g.token("audit", "--token", tok.ID); r.code != 0 || !strings.Contains(r.out, "approval_approve") || !strings.Contains(r.out, "approval_use") {
		t.Errorf("audit: %s", r)
	}
	if r := g.token("explain", "--token", tok.ID, "POST", heldPath); !strings.Contains(oneLine(r.out), "would be held") {
		t.Errorf("explain: %s", r)
	}
	if r := g.token("update", tok.ID, "--hold-writes=false"); r.code != 0 {
		t.Fatal(r)
	}
	if a := g.change(tok, heldBody); a.reason() != "" {
		t.Errorf("no longer held: %s", a)
	}
}

// TestHeldWritesRace: of 50 copies of an approved request on two gateways, one reaches
// Jira.
func TestHeldWritesRace(t *testing.T) {
	o := options{store: redisStore(redistest.Start(t))}
	a, b := startGateway(t, o), startGateway(t, o)
	tok := a.issue("agent", "write", "hold_writes", true)
	b.guard(tok.Owner, tok.Token)
	id := a.wantHeld(t, a.change(tok, heldBody))
	if r := b.token("approve", id, "--output", "json"); r.code != 0 || !json.Valid([]byte(r.out)) {
		t.Fatal(r)
	}
	a.up.take()
	b.up.take()
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			answer := []*gateway{a, b}[i%2].change(tok, heldBody)
			if answer.reason() != "" && answer.reason() != "approval_required" {
				t.Errorf("%s", answer)
			}
		})
	}
	wait.Wait()
	if reached := len(a.up.take()) + len(b.up.take()); reached != 1 {
		t.Errorf("%d requests reached Jira, want 1", reached)
	}
}

// TestApprovalOutlivesRefusals: a request that the gateway refuses although somebody has
// approved it passes later, without another approval.
func TestApprovalOutlivesRefusals(t *testing.T) {
	server := redistest.Start(t)
	g := startGateway(t, options{store: redisStore(server), apps: "audit strict\nlimit_writes 1/d"})
	tok, limited := g.issue("agent", "write", "hold_writes", true, "limit_writes", "off"), g.issue("agent", "write", "hold_writes", true)
	approved := func(tok issued, body string) {
		t.Helper()
		g.up.take()
		id := g.wantHeld(t, g.change(tok, body))
		if r := g.token("approve", id); r.code != 0 {
			t.Fatal(r)
		}
		g.up.take() // what Jira was asked about the issue
	}
	approved(tok, heldBody)
	server.Do("config", "set", "maxmemory", 1)
	g.check(t, g.change(tok, heldBody), refused(503, "store_unavailable"))
	server.Do("config", "set", "maxmemory", 0)
	g.check(t, g.change(tok, heldBody), passes)
	g.wantHeld(t, g.change(tok, heldBody))

	approved(limited, heldBody)
	g.check(t, g.change(limited, heldBody), passes)
	const second = `{"body":"second"}`
	approved(limited, second)
	g.check(t, g.change(limited, second), refused(429, "rate_limited"))
	o := g.options
	o.apps = "audit strict\nlimit_writes 9/d"
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	if seen := g.check(t, g.change(limited, second), passes); len(seen) == 1 && seen[0].body != second {
		t.Errorf("Jira got %s", seen[0])
	}
	g.wantHeld(t, g.change(limited, second))
}
