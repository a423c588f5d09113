package gatewaytest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// redisStore returns the store line for a server, with additional options. Its timeouts
// are long enough that a busy machine does not look like an outage.
func redisStore(server *redistest.Server, more ...string) string {
	return fmt.Sprintf("store redis {\naddress %s\ntimeout 20s\ndial_timeout 20s\n%s\n}", server.Addr, strings.Join(more, "\n"))
}

// TestTwoGatewaysOnOneRedis: creating or revoking a token on one takes effect on the
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

// TestRedisAway: known tokens work, others get Retry-After, nothing can be changed, and
// everything recovers by itself when Redis is back.
func TestRedisAway(t *testing.T) {
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	g := startGateway(t, options{store: redisStore(redis)})
	known, unknown := g.issue("alice", "read"), g.issue("bob", "read")
	if got := g.do("GET", issuePath, known.basic()); got.status != http.StatusOK {
		t.Fatalf("%s", got)
	}
	redis.Kill()
	for i := range 5 {
		// A cache with other bounds takes over what the previous one knew.
		g.configure(options{store: redisStore(redis), apps: fmt.Sprintf("cache {\nsize %d\n}", 500+i), upstream: g.up})
		if r := g.reload(); r.code != 0 {
			t.Fatal(r)
		}
		if got := g.do("GET", issuePath, known.basic()); got.status != http.StatusOK {
			t.Errorf("known token: %s", got)
		}
		got := g.do("GET", issuePath, unknown.basic())
		if got.status != http.StatusServiceUnavailable || got.reason() != "store_unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("unknown token: %s %v", got, got.header)
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

// loggedOnce waits for a log line, which may come after the response, and checks that it
// is the only one.
func (g *gateway) loggedOnce(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the log line "+text, func() error {
		if !strings.Contains(g.log.String(), text) {
			return errors.New("it is not there")
		}
		return nil
	})
	if n := strings.Count(g.log.String(), text); n != 1 {
		t.Errorf("got %d log lines %q, want 1", n, text)
	}
}

// TestAddressOfRedisMoves: the address leads to another server while the old one keeps
// its connections. A revocation acknowledged by the new server takes effect on the
// gateway that still has the old connections, well before its cache's ttl.
func TestAddressOfRedisMoves(t *testing.T) {
	old := redistest.Start(t)
	host, port, _ := net.SplitHostPort(old.Addr)
	next := redistest.Start(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	network := redistest.StartProxy(t, old)
	cache := "cache {\nttl 1h\ngrace 2h\n}"
	here := startGateway(t, options{store: "store redis " + network.URL(), apps: cache})
	tok := here.issue("alice", "read")
	if err := here.get(tok, http.StatusOK, ""); err != nil {
		t.Fatal(err)
	}
	old.WaitReplicas(1)
	next.Do("replicaof", "no", "one")
	there := startGateway(t, options{store: "store redis " + next.URL(), apps: cache})
	// The gateway must have seen the server before it moves.
	eventually(t, "the gateway to identify the server", func() error {
		if info := fmt.Sprint(old.Do("info", "commandstats")); !strings.Contains(info, "cmdstat_info:") {
			return errors.New(info)
		}
		return nil
	})
	network.Switch(next)
	there.call("POST", "/jira_tokens/tokens/"+tok.ID+"/revoke", nil, http.StatusOK, nil)
	eventually(t, "the revocation to take effect", func() error {
		return here.get(tok, http.StatusUnauthorized, "token_revoked")
	})
	here.loggedOnce(t, "has moved to another server")
}
