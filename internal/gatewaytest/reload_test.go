package gatewaytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// load are clients that keep their connections and ask without a pause.
type load struct {
	stop     chan struct{}
	wait     sync.WaitGroup
	asked    atomic.Int64
	resets   atomic.Int64
	failures chan string
}

func (g *gateway) load(clients int, token issued) *load {
	l := &load{stop: make(chan struct{}), failures: make(chan string, clients)}
	request := "GET " + issuePath + " HTTP/1.1\r\nHost: " + g.addr + "\r\n" + token.basic() + "\r\n"
	for range clients {
		l.wait.Go(func() {
			if err := l.client(g.addr, request); err != nil {
				l.failures <- err.Error()
			}
		})
	}
	return l
}

// client asks until it is told to stop. A connection that the gateway closed
// while nothing was under way is opened again, as every client does.
func (l *load) client(address, request string) error {
	var conn net.Conn
	var reader *bufio.Reader
	fresh := false
	for {
		select {
		case <-l.stop:
			if conn != nil {
				conn.Close()
			}
			return nil
		default:
		}
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", address); err != nil {
				if l.unaccepted(err) {
					continue
				}
				return err
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			reader, fresh = bufio.NewReader(conn), true
		}
		_, err := io.WriteString(conn, request)
		var response *http.Response
		if err == nil {
			response, err = http.ReadResponse(reader, nil)
		}
		if err != nil {
			conn.Close()
			conn = nil
			if fresh && !l.unaccepted(err) {
				return fmt.Errorf("on a new connection: %w", err)
			}
			continue
		}
		fresh = false
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("HTTP %d %s, %w", response.StatusCode, body, err)
		}
		l.asked.Add(1)
		if response.Close {
			conn.Close()
			conn = nil
		}
	}
}

// unaccepted tells whether err is the kernel's: a reload makes Caddy listen on
// a new socket, and Linux resets the connections that wait in the old one's
// queue and were given to nobody (net.ipv4.tcp_migrate_req is 0). Or it is
// net/http's, which closes a connection whose first request it has just read
// when it begins to shut down (conn.serve, "if c.server.shuttingDown()"). Any
// Caddy does so; no request was handled. Few of them are let pass.
func (l *load) unaccepted(err error) bool {
	return (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)) && l.resets.Add(1) <= mostResets
}

// mostResets is what reloads may cost: less than a connection a client and
// reload.
const mostResets = 100

func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wait.Wait()
	close(l.failures)
	for failure := range l.failures {
		t.Errorf("a client failed: %s", failure)
	}
}

// more waits until clients got more answers.
func (l *load) more(t *testing.T) {
	t.Helper()
	now := l.asked.Load()
	eventually(t, "answers under load", func() error {
		if l.asked.Load() < now+100 && len(l.failures) == 0 {
			return io.ErrNoProgress
		}
		return nil
	})
}

func TestReloadUnderLoad(t *testing.T) {
	g := startGateway(t, options{})
	read := g.issue("alice", "read")
	l := g.load(64, read)
	for i, apps := range []string{"", "cache {\nttl 10s\n}", "cache {\nsize 5\ngrace 0\n}", "account other {\nbearer other-secret-51\n}", ""} {
		l.more(t)
		o := g.options
		o.apps = apps
		g.configure(o)
		if r := g.reload(); r.code != 0 {
			t.Fatalf("reload %d: %s", i, r)
		}
		// What is changed after a reload holds at once, whatever cache was
		// in front before.
		other := g.issue("bob", "read")
		g.check200(t, other)
		g.call("POST", "/jira_tokens/tokens/"+other.ID+"/revoke", nil, 200, nil)
		if a := g.do("GET", issuePath, other.basic()); a.reason() != "token_revoked" {
			t.Errorf("after reload %d: got %s", i, a)
		}
	}
	for name, o := range map[string]options{
		"a bad Caddyfile":       {site: "nonsense on"},
		"an unknown account":    {apps: "account broken {\nbearer {env.NOT_SET_ANYWHERE}\n}"},
		"a store that is wrong": {store: "store file " + g.caddyfile},
		"a taken port":          {more: "http://" + strings.TrimPrefix(g.up.url(), "http://") + " {\nrespond ok\n}"},
	} {
		l.more(t)
		o.upstream = g.up
		g.configure(o)
		r := g.reload()
		if r.code == 0 || strings.Count(r.err, `"level":"error"`)+strings.Count(r.err, "Error: ") != 1 {
			t.Errorf("%s: %s", name, r)
		}
		g.check200(t, read)
		after := g.issue("carol", "read")
		g.check200(t, after)
		if r := g.token("show", after.ID); r.code != 0 {
			t.Errorf("after %s: %s", name, r)
		}
		g.call("DELETE", "/jira_tokens/tokens/"+after.ID, nil, 204, nil)
		if a := g.do("GET", issuePath, after.basic()); a.reason() != "invalid_token" {
			t.Errorf("after %s: got %s", name, a)
		}
	}
	l.more(t)
	l.end(t)
	g.configure(options{})
	if r := g.reload(); r.code != 0 {
		t.Errorf("the last reload: %s", r)
	}
	counted := g.metric(t, `jira_tokens_requests_total{access="read",decision="allowed",reason=""}`)
	if counted < float64(l.asked.Load()) {
		t.Errorf("%v requests were counted, %d were made: reloads lost some", counted, l.asked.Load())
	}
}

func (g *gateway) check200(t *testing.T, token issued) {
	t.Helper()
	if a := g.do("GET", issuePath, token.basic()); a.status != 200 {
		t.Errorf("got %s", a)
	}
}

func TestValidateAndSecondCaddy(t *testing.T) {
	g := startGateway(t, options{})
	read := g.issue("alice", "read")
	if r := g.run("", "validate", "--config", g.caddyfile, "--adapter", "caddyfile"); r.code != 0 {
		t.Errorf("validate while running: %s", r)
	}
	g.check200(t, read)

	away := newGateway(t, options{store: "store redis redis://" + freeAddress(t) + "/0"})
	if r := away.run("", "validate", "--config", away.caddyfile, "--adapter", "caddyfile"); r.code != 0 {
		t.Errorf("validate with Redis down: %s", r)
	}

	second := newGateway(t, options{store: "store file " + g.store})
	second.launch()
	<-second.exited
	log := second.log.String()
	if second.code == 0 || strings.Count(log, `"level":"error"`) != 1 || !strings.Contains(lineWith(log, `"level":"error"`), "is open in another process") {
		t.Errorf("a second Caddy ended with %d: %s", second.code, second.log.tail(5))
	}
	g.check200(t, read)

	broken := newGateway(t, options{store: "store file " + g.caddyfile})
	broken.launch()
	<-broken.exited
	if log := broken.log.String(); broken.code == 0 || !strings.Contains(lineWith(log, `"level":"error"`), "is no token store file") {
		t.Errorf("a Caddy with a wrong file ended with %d: %s", broken.code, broken.log.tail(5))
	}

	// With Redis away requests are refused, one by one and clearly.
	away.launch()
	eventually(t, "the gateway without a store to start", func() error {
		conn, err := net.Dial("tcp", away.addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
	a := away.do("GET", issuePath, read.basic())
	away.check(t, a, refused(503, "store_unavailable"))
	if a.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %q", a.header)
	}
	away.check(t, away.do("GET", issuePath, basic("alice", "x")), refused(401, "invalid_token"))
	if r := away.token("list"); r.code == 0 || !strings.Contains(r.err, "store") {
		t.Errorf("list with Redis down: %s", r)
	}

	// What was stored is there after a restart.
	g.stop()
	g.start()
	g.check200(t, read)
	if matches, _ := filepath.Glob(g.store + "*"); len(matches) != 1 {
		t.Errorf("store files: %q", matches)
	}
}
