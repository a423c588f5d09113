package gatewaytest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// redisStore is the store line for a server, with more options. Its timeouts are
// so long that a busy machine is no outage.
func redisStore(server *redistest.Server, more ...string) string {
	return fmt.Sprintf("store redis {\naddress %s\ntimeout 20s\ndial_timeout 20s\n%s\n}", server.Addr, strings.Join(more, "\n"))
}

// TestTwoGatewaysOnOneRedis: what is created or revoked on one holds on the
// other.
func TestTwoGatewaysOnOneRedis(t *testing.T) {
	redis := redistest.Start(t)
	a := startGateway(t, options{store: redisStore(redis)})
	b := startGateway(t, options{store: redisStore(redis)})
	for range 10 {
		tok := a.issue("alice", "read")
		b.guard(tok.Owner, tok.Token)
		if got := b.do("GET", issuePath, tok.basic()); got.status != http.StatusOK {
			t.Fatalf("created on a, used on b: %s", got)
		}
		a.call("POST", "/jira_tokens/tokens/"+tok.ID+"/revoke", nil, http.StatusOK, nil)
		if got := a.do("GET", issuePath, tok.basic()); got.reason() != "token_revoked" {
			t.Errorf("on the node that revoked it: %s", got)
		}
		eventually(t, "the revocation on the other node", func() error {
			if got := b.do("GET", issuePath, tok.basic()); got.reason() != "token_revoked" {
				return fmt.Errorf("%s", got)
			}
			return nil
		})
	}
}

// TestRedisAway: known tokens work, others are told to come back, nothing can be
// changed, and all goes on by itself when Redis is back.
func TestRedisAway(t *testing.T) {
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	g := startGateway(t, options{store: redisStore(redis)})
	known, unknown := g.issue("alice", "read"), g.issue("bob", "read")
	if got := g.do("GET", issuePath, known.basic()); got.status != http.StatusOK {
		t.Fatalf("%s", got)
	}
	// A reload with another cache leaves nothing in memory of the other token.
	g.configure(options{store: redisStore(redis), apps: "cache {\nsize 500\n}", upstream: g.up})
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	if got := g.do("GET", issuePath, known.basic()); got.status != http.StatusOK {
		t.Fatalf("%s", got)
	}
	redis.Kill()
	for range 5 {
		if got := g.do("GET", issuePath, known.basic()); got.status != http.StatusOK {
			t.Errorf("a known token: %s", got)
		}
		got := g.do("GET", issuePath, unknown.basic())
		if got.status != http.StatusServiceUnavailable || got.reason() != "store_unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("an unknown token: %s %v", got, got.header)
		}
	}
	status, answer := g.adminCall("POST", "/jira_tokens/tokens/"+known.ID+"/revoke", "")
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, "unavailable") {
		t.Errorf("revoke: %d %s", status, answer)
	}
	if status, answer := g.adminCall("GET", "/jira_tokens/health", ""); status != http.StatusServiceUnavailable {
		t.Errorf("health: %d %s", status, answer)
	}
	g.loggedOnce(t, "the token store does not answer")
	redis.Restart()
	eventually(t, "Redis to be used again", func() error {
		if got := g.do("GET", issuePath, unknown.basic()); got.status != http.StatusOK {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	g.loggedOnce(t, "the token store answers again")
	g.call("POST", "/jira_tokens/tokens/"+known.ID+"/revoke", nil, http.StatusOK, nil)
}

// loggedOnce waits for a line in the log, which comes through a pipe after the
// answer, and wants no second one.
func (g *gateway) loggedOnce(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the log line "+text, func() error {
		if !strings.Contains(g.log.String(), text) {
			return errors.New("it is not there")
		}
		return nil
	})
	if n := strings.Count(g.log.String(), text); n != 1 {
		t.Errorf("%d log lines %q, want 1", n, text)
	}
}
