package gatewaytest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// TestDamagedRecord: a record that cannot be read is an outage for that token only,
// and is logged.
func TestDamagedRecord(t *testing.T) {
	for name, damage := range map[string]func(s *redistest.Server, key string){
		"not JSON": func(s *redistest.Server, key string) { s.Do("set", key, "{]") },
		"another type": func(s *redistest.Server, key string) {
			s.Do("del", key)
			s.Do("lpush", key, "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			g := startGateway(t, options{store: redisStore(server), apps: "max_failures 10/h"})
			damaged, good := g.issue("alice", "read"), g.issue("bob", "read")
			damage(server, "{jira_tokens}:token:"+damaged.ID)
			if err := g.get(good, http.StatusOK, ""); err != nil {
				t.Error(err)
			}
			for range 10 {
				if err := g.get(damaged, http.StatusServiceUnavailable, "store_unavailable"); err != nil {
					t.Error(err)
				}
			}
			// Nobody can hold such a token, so presenting it counts as guessing.
			if err := g.get(damaged, http.StatusTooManyRequests, "too_many_failures"); err != nil {
				t.Error(err)
			}
			if err := g.wantMetric(t, "jira_tokens_store_up", "1"); err != nil {
				t.Error(err)
			}
			g.loggedOnce(t, "the record of a token is damaged")
			// An unreadable last use is not an outage either.
			server.Do("hset", "{jira_tokens}:uses", good.ID, "garbage")
			if r := g.token("show", good.ID); r.code != 0 {
				t.Errorf("show: %s", r)
			}
		})
	}
}

// TestLostNotifications: if the store answers but notifications are lost, the log
// says so, and says when they are back.
func TestLostNotifications(t *testing.T) {
	server := redistest.Start(t)
	server.Do("acl", "setuser", "gateway", "on", ">s3cret", "~*", "&*", "+@all", "-subscribe")
	g := startGateway(t, options{store: redisStore(server, "username gateway", "password s3cret")})
	g.loggedOnce(t, "notifications of changes by other nodes are lost")
	server.Do("acl", "setuser", "gateway", "+subscribe")
	g.loggedOnce(t, "notifications of changes by other nodes are restored")
	if log := g.log.String(); strings.Contains(log, "the token store does not answer") {
		t.Error("the log reports an outage although tokens can be read")
	}
}

// TestBadCacheSize: a rejected configuration leaves Caddy as it was, the second time
// too.
func TestBadCacheSize(t *testing.T) {
	g := startGateway(t, options{})
	for range 2 {
		var status int
		var answer string
		eventually(t, "an answer", func() (err error) { // see reload
			status, answer, err = g.tryAdmin("POST", "/load", `{"admin":{"listen":"`+g.admin+`"},"apps":{"jira_tokens":{"cache":{"size":-5}}}}`)
			return err
		})
		if status != http.StatusBadRequest || !strings.Contains(answer, "cache size -5: must be at least 1") {
			t.Errorf("HTTP %d %s", status, answer)
		}
	}
	if r := g.reload(); r.code != 0 {
		t.Error(r)
	}
}

// TestClientThatLeavesIsCounted: the proxy panics when a client disconnects.
func TestClientThatLeavesIsCounted(t *testing.T) {
	g := startGateway(t, options{})
	tok := g.issue("alice", "read")
	g.up.answer(func(x *exchange) {
		x.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n[")
		for !x.close { // until the gateway hangs up
			x.send(strings.Repeat(" ", 10_000))
		}
	})
	conn := g.dial()
	if _, err := io.WriteString(conn, g.request("GET", issuePath, tok.basic())); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	eventually(t, "the request to be counted", func() error {
		if n := g.metric(t, `jira_tokens_requests_total{access="read",decision="allowed",reason=""}`); n != 1 {
			return fmt.Errorf("%v requests", n)
		}
		return nil
	})
}
