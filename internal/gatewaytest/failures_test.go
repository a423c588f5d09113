package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sendFrom sends raw bytes from another loopback address.
func (g *gateway) sendFrom(address, raw string) answer {
	g.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.DialContext(g.t.Context(), "tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience)) // cannot fail on a test connection
	if _, err := io.WriteString(conn, raw); err != nil {
		g.t.Fatal(err)
	}
	return g.read(bufio.NewReader(conn), "GET")
}

// TestGuessing: a client that fails too often is blocked, with whatever credentials, but
// not those that prove valid; other clients are not.
func TestGuessing(t *testing.T) {
	g := startGateway(t, options{apps: "max_failures 5/h"})
	tok, other := g.issue("alice", "read"), g.issue("bob", "read")
	get := func(headers string) string { return g.request("GET", issuePath, headers) }
	bad := []string{
		basic("alice", "password"), basic("alice", damaged(tok.Token, 50)), basic("bob", tok.Token),
		"Authorization: Bearer jt_nonsense\r\n", "Authorization: Basic ====\r\n",
	}
	for _, headers := range bad {
		g.check(t, g.sendFrom("127.0.0.2", get(headers)), refused(401, "invalid_token"))
	}
	for _, headers := range append(bad, basic("alice", forged("0123456789"))) {
		a := g.sendFrom("127.0.0.2", get(headers))
		g.check(t, a, refused(429, "too_many_failures"))
		wantRateHeaders(t, a, "5", "5", "3600")
		if after, _ := strconv.Atoi(a.header.Get("Retry-After")); after < 3500 || after > 3600 {
			t.Errorf("Retry-After: %s, want nearly an hour", a.header.Get("Retry-After"))
		}
	}
	// A token in use still works at the same address.
	g.check(t, g.sendFrom("127.0.0.2", get(tok.basic())), passes)
	// A valid token that is not in the cache gets its turn.
	eventually(t, "a token that is not in the cache", func() error {
		a := g.sendFrom("127.0.0.2", get(other.bearer()))
		if arrived := len(g.up.take()); a.status == http.StatusTooManyRequests && arrived == 0 {
			return fmt.Errorf("got %s", a)
		} else if a.status != http.StatusOK || arrived != 1 {
			t.Errorf("got %s, %d requests arrived", a, arrived)
		}
		return nil
	})
	// Requests without credentials are not guesses.
	g.check(t, g.sendFrom("127.0.0.2", get("")), refused(401, "no_credentials"))
	g.check(t, g.sendFrom("127.0.0.3", get(tok.basic())), passes)

	// Neither the right token nor requests that are already blocked count.
	g.call("POST", "/jira_tokens/tokens/"+other.ID+"/revoke", nil, http.StatusOK, nil)
	for range 10 {
		g.check(t, g.sendFrom("127.0.0.3", get(tok.basic())), passes)
		g.check(t, g.sendFrom("127.0.0.3", get(other.basic())), refused(401, "token_revoked"))
	}

	// The log mentions the network, not each request.
	g.loggedOnce(t, "too many requests from a client network had no valid API token")
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, "too_many_failures") && strings.Contains(line, "request denied") && !strings.Contains(line, `"level":"debug"`) {
			t.Errorf("a line for a request from a blocked network: %s", line)
		}
	}

	// Failures survive a reload.
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	g.check(t, g.sendFrom("127.0.0.2", get(bad[0])), refused(429, "too_many_failures"))
}

// TestGuessingOneOwnerFromEverywhere: guesses from many addresses, once or twice from
// each, do not lock the owner out.
func TestGuessingOneOwnerFromEverywhere(t *testing.T) {
	g := startGateway(t, options{apps: "max_failures 5/h"})
	tok := g.issue("alice", "read")
	guess := g.request("GET", issuePath, basic("ALICE", "jt_nonsense"))
	for i := range 5 {
		g.check(t, g.sendFrom(fmt.Sprint("127.0.1.", i+1), guess), refused(401, "invalid_token"))
	}
	for i := range 5 {
		g.check(t, g.sendFrom(fmt.Sprint("127.0.1.", i+1), guess), refused(429, "too_many_failures"))
	}
	g.check(t, g.sendFrom("127.0.0.3", g.request("GET", issuePath, tok.basic())), passes)
}

func TestGuessingMayBeLeftAlone(t *testing.T) {
	g := startGateway(t, options{apps: "max_failures off"})
	for range 150 {
		g.check(t, g.do("GET", issuePath, basic("alice", "password")), refused(401, "invalid_token"))
	}
}

// TestGuessingByDefault: the default limit is 100 failures a minute.
func TestGuessingByDefault(t *testing.T) {
	g := startGateway(t, options{site: "front site"})
	for range 100 {
		g.check(t, g.do("GET", issuePath, basic("alice", "jt_nonsense")), refused(401, "invalid_token"))
	}
	g.check(t, g.do("GET", issuePath, basic("alice", "jt_nonsense")), refused(429, "too_many_failures"))
	// Browsers at the same address are not affected.
	g.check(t, g.do("GET", "/secure/Dashboard.jspa", "Cookie: JSESSIONID=a\r\n"), passes)
}

// wantRateHeaders checks the headers that Jira's clients read from a 429: python-jira
// fails with a KeyError without them.
func wantRateHeaders(t *testing.T, a answer, limit, fillRate, interval string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": "0", "X-RateLimit-FillRate": fillRate,
		"X-RateLimit-Interval-Seconds": interval, "X-Jira-Token-Limited-By": "gateway",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("Retry-After: %q, want seconds", a.header.Get("Retry-After"))
	}
}
