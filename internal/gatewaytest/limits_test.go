package gatewaytest

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// spend sends n requests with a token and returns how many were allowed. The others must
// be denied with 429 rate_limited.
func (g *gateway) spend(t *testing.T, tok issued, n int) (allowed int) {
	t.Helper()
	for range n {
		a := g.do("GET", issuePath, tok.basic())
		if a.status == http.StatusOK {
			allowed++
			continue
		}
		if a.status != http.StatusTooManyRequests || a.reason() != "rate_limited" {
			t.Fatalf("%s", a)
		}
		checkErrorBody(t, a)
	}
	return allowed
}

// TestRateLimit: a token's own limit, the default limit, and no limit. Denied requests
// do not reach Jira.
func TestRateLimit(t *testing.T) {
	redis := redistest.Start(t)
	for name, store := range map[string]string{"file": "", "redis": redisStore(redis)} {
		t.Run(name, func(t *testing.T) { testRateLimit(t, store) })
	}
}

func testRateLimit(t *testing.T, store string) {
	g := startGateway(t, options{store: store, apps: "limit 7/d"})
	common, own, free := g.issue("alice", "read"), g.issue("alice", "read", "limit", "2/d"), g.issue("alice", "read", "limit", "off")
	for _, test := range []struct {
		tok  issued
		want int
	}{{common, 7}, {own, 2}, {free, 20}} {
		g.up.take()
		if got := g.spend(t, test.tok, 20); got != test.want {
			t.Errorf("%s: %d of 20 allowed, want %d", test.tok.ID, got, test.want)
		}
		if got := len(g.up.take()); got != test.want {
			t.Errorf("%s: %d requests reached Jira, want %d", test.tok.ID, got, test.want)
		}
	}
	wantRateHeaders(t, g.do("GET", issuePath, common.basic()), "7", "7", "86400")
	wantRateHeaders(t, g.do("GET", issuePath, own.basic()), "2", "2", "86400")

	// A reload with the same limit refills nothing; a new limit starts full.
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	if got := g.spend(t, common, 5); got != 0 {
		t.Errorf("%d allowed after a reload", got)
	}
	if r := g.token("update", own.ID, "--limit", "5/h"); r.code != 0 {
		t.Fatal(r)
	}
	if got := g.spend(t, own, 20); got != 5 {
		t.Errorf("%d of 20 allowed after the limit was changed, want 5", got)
	}
	if r := g.token("show", own.ID); !strings.Contains(r.out, "5/h") {
		t.Errorf("show: %s", r)
	}
	wantRateHeaders(t, g.do("GET", issuePath, own.basic()), "5", "5", "3600")
	if r := g.token("update", own.ID, "--limit", "5/x"); r.code == 0 || !strings.Contains(r.err, "limit") {
		t.Errorf("update with a bad limit: %s", r)
	}
	if r := g.token("explain", "--token", own.ID, "GET", issuePath); r.code != 0 || !strings.Contains(oneLine(r.out), "5 requests an hour") {
		t.Errorf("explain: %s", r)
	}
}

// TestRateLimitOfTwoGateways: they count together, or separately while Redis is down.
func TestRateLimitOfTwoGateways(t *testing.T) {
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	o := options{store: redisStore(redis), apps: "limit 10/d"}
	a, b := startGateway(t, o), startGateway(t, o)
	tok, other := a.issue("alice", "read"), a.issue("bob", "read")
	for _, tok := range []issued{tok, other} {
		b.guard(tok.Owner, tok.Token)
	}
	if onA, onB := a.spend(t, tok, 6), b.spend(t, tok, 10); onA != 6 || onB != 4 {
		t.Errorf("%d allowed on a and %d on b, want 6 and 4 of the 10 of both", onA, onB)
	}
	if got := a.spend(t, tok, 5); got != 0 {
		t.Errorf("%d more allowed on a", got)
	}
	a.spend(t, other, 1)
	b.spend(t, other, 1)
	redis.Kill()
	if onA, onB := a.spend(t, other, 20), b.spend(t, other, 20); onA != 10 || onB != 10 {
		t.Errorf("Redis is down: %d allowed on a and %d on b, want 10 on each node", onA, onB)
	}
	a.loggedOnce(t, "each node applies limits on its own")
	redis.Restart()
	a.loggedOnce(t, "the token store answers again")
}

// TestMaxConcurrent: a request in flight counts until it ends, even if it fails.
func TestMaxConcurrent(t *testing.T) {
	g := newGateway(t, options{apps: "max_concurrent 3\naccount busy {\nbearer " + accountSecret + "\nmax_concurrent 4\n}"})
	g.start()
	tok, one := g.issue("alice", "read"), g.issue("bob", "read", "max_concurrent", 1)
	shared := []issued{g.issue("carol", "read", "account", "busy"), g.issue("dave", "read", "account", "busy")}
	for range 2 {
		g.fill(t, []issued{tok, tok, tok}, tok)
		g.fill(t, []issued{one}, one)
		g.fill(t, []issued{shared[0], shared[0], shared[0], shared[1]}, shared[1])
		if r := g.reload(); r.code != 0 {
			t.Fatal(r)
		}
	}
}

// fill holds requests with the tokens open in Jira: one more is denied until they have
// ended.
func (g *gateway) fill(t *testing.T, tokens []issued, more issued) {
	t.Helper()
	arrived, release := make(chan struct{}), make(chan struct{})
	g.up.answer(func(x *exchange) {
		arrived <- struct{}{}
		<-release
		usual(x)
	})
	var held sync.WaitGroup
	for i, tok := range tokens {
		held.Go(func() {
			conn := g.dial()
			defer conn.Close()
			if _, err := conn.Write([]byte(g.request("GET", issuePath, tok.basic()))); err != nil {
				t.Error(err)
			}
			<-release
			if i == 0 {
				return // disconnects before the response
			}
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	for range tokens {
		<-arrived
	}
	a := g.do("GET", issuePath, more.basic())
	if a.status != http.StatusTooManyRequests || a.reason() != "rate_limited" || a.header.Get("Retry-After") != "1" {
		t.Errorf("one too many: %s", a)
	}
	g.up.answer(usual)
	close(release)
	held.Wait()
	eventually(t, "a slot to become free", func() error {
		if a := g.do("GET", issuePath, more.basic()); a.status != http.StatusOK {
			return errors.New(a.String())
		}
		return nil
	})
}

// TestLimitOfWrites: a budget for changes, of two gateways together and over a restart
// with Redis. Reads do not count.
func TestLimitOfWrites(t *testing.T) {
	o := options{store: redisStore(redistest.Start(t)), apps: "limit_writes 3/d"}
	a, b := startGateway(t, o), startGateway(t, o)
	common, own := a.issue("alice", "write"), a.issue("bob", "write", "limit_writes", "2/d")
	for _, tok := range []issued{common, own} {
		b.guard(tok.Owner, tok.Token)
	}
	write := func(g *gateway, tok issued) answer {
		return g.do("POST", "/rest/api/2/issue/ABC-1/comment", tok.basic()+"Content-Type: application/json\r\n", `{"body":"x"}`)
	}
	for i, step := range []struct {
		g       *gateway
		tok     issued
		allowed bool
	}{{a, common, true}, {b, common, true}, {a, own, true}, {b, own, true}, {a, own, false}, {b, own, false}, {b, common, true}, {a, common, false}} {
		got := write(step.g, step.tok)
		if step.allowed != (got.reason() == "") || !step.allowed && (got.status != http.StatusTooManyRequests || got.reason() != "rate_limited" || got.header.Get("Retry-After") == "") {
			t.Errorf("write %d: %s", i, got)
		}
	}
	wantRateHeaders(t, write(a, own), "2", "2", "86400")
	if got := a.do("GET", issuePath, own.basic()); got.status != http.StatusOK {
		t.Errorf("a read: %s", got)
	}
	a.stop()
	a.start()
	if got := write(a, common); got.status != http.StatusTooManyRequests {
		t.Errorf("after a restart: %s", got)
	}
	if r := a.token("show", own.ID); !strings.Contains(r.out, "2/d") {
		t.Errorf("show: %s", r)
	}
	if r := a.token("update", own.ID, "--limit-writes", "2/x"); r.code == 0 || !strings.Contains(r.err, "--limit-writes") {
		t.Errorf("update with a bad limit: %s", r)
	}
	if r := a.token("explain", "--token", own.ID, "GET", issuePath); r.code != 0 || !strings.Contains(oneLine(r.out), "2 requests that change something a day") {
		t.Errorf("explain: %s", r)
	}
}
