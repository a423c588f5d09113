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
	"testing"
	"time"
)

// load is a set of clients that keep their connections and send requests without pause.
type load struct {
	stop     chan struct{}
	wait     sync.WaitGroup
	numbers  atomic.Int64 // number of requests
	asked    atomic.Int64 // number of requests that got a response
	failures chan string

	// reloads counts the beginnings and ends of reloads, so it is odd during a
	// reload.
	reloads atomic.Int64

	mu         sync.Mutex
	unanswered []string // targets
}

func (g *gateway) load(clients int, token issued) *load {
	l := &load{stop: make(chan struct{}), failures: make(chan string, clients)}
	for range clients {
		l.wait.Go(func() {
			if err := l.client(g.addr, token.basic()); err != nil {
				l.failures <- err.Error()
			}
		})
	}
	return l
}

// maxAttempts is how often a client sends a request that gets no response. Every
// attempt but the last was lost to a reload, and there is time for one or two attempts
// between reloads.
const maxAttempts = 3

// client sends requests until it is told to stop. It retries those that a reload left
// without a response, as careful clients do.
func (l *load) client(address, credentials string) error {
	c := &loadClient{load: l, address: address, credentials: credentials}
	defer c.hangUp()
	for {
		select {
		case <-l.stop:
			return nil
		default:
		}
		var err error
		for range maxAttempts {
			if err = c.ask(); err == nil || errors.As(err, new(unexpected)) || !c.brokenByReload() {
				break
			}
		}
		if err != nil {
			return err
		}
		l.asked.Add(1)
	}
}

// loadClient is a client and its open connection, if any.
type loadClient struct {
	*load
	address, credentials string

	conn   net.Conn
	reader *bufio.Reader
	// dialed is the value of reloads when the connection was dialed.
	dialed int64
}

func (c *loadClient) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// brokenByReload reports whether a reload may have broken the connection: one began after
// it was dialed, or was still running then. On a reload, any Caddy closes connections
// that it considers idle, and Linux resets those that no process has accepted from the
// old socket (net.ipv4.tcp_migrate_req is 0).
func (c *loadClient) brokenByReload() bool { return c.reloads.Load() != c.dialed || c.dialed%2 == 1 }

// unexpected is a response that the request should not have got.
type unexpected string

func (u unexpected) Error() string { return string(u) }

// ask sends a request and reads the response. If there is none, it drops the
// connection.
func (c *loadClient) ask() (err error) {
	target := fmt.Sprint(loadPath, c.numbers.Add(1))
	defer func() {
		if err != nil {
			c.hangUp()
			c.mu.Lock()
			defer c.mu.Unlock()
			c.unanswered = append(c.unanswered, target)
		}
	}()
	if c.conn == nil {
		c.dialed = c.reloads.Load()
		if c.conn, err = net.Dial("tcp", c.address); err != nil {
			c.conn = nil
			return err
		}
		c.reader = bufio.NewReader(c.conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience)) // cannot fail on a TCP connection
	if _, err = io.WriteString(c.conn, "GET "+target+" HTTP/1.1\r\nHost: "+c.address+"\r\n"+c.credentials+"\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return unexpected(fmt.Sprintf("HTTP %d %s", response.StatusCode, body))
	}
	if response.Close {
		c.hangUp()
	}
	return nil
}

// loadPath is the prefix of the load's request paths; the request's number follows.
const loadPath = "/rest/api/3/issue/LOAD-"

// reload loads the current Caddyfile, under load.
func (l *load) reload(g *gateway) result {
	l.reloads.Add(1)
	defer l.reloads.Add(1)
	return g.reload()
}

// checkArrivals: every request with a response has reached Jira once, and none without
// one has: retrying does nothing twice.
func (l *load) checkArrivals(t *testing.T, seen []*arrival) {
	t.Helper()
	arrived := make(map[string]int)
	for _, a := range seen {
		arrived[a.target()]++
	}
	for _, target := range l.unanswered {
		if arrived[target] > 0 {
			t.Errorf("%s got no response, but reached Jira", target)
		}
		delete(arrived, target)
	}
	answered := 0
	for target, n := range arrived {
		if strings.HasPrefix(target, loadPath) {
			answered++
			if n > 1 {
				t.Errorf("%s reached Jira %d times", target, n)
			}
		}
	}
	if answered != int(l.asked.Load()) {
		t.Errorf("%d requests got a response, %d reached Jira", l.asked.Load(), answered)
	}
	t.Logf("%d requests were answered, %d were asked again after a reload", answered, len(l.unanswered))
}

func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wait.Wait()
	close(l.failures)
	for failure := range l.failures {
		t.Errorf("a client failed: %s", failure)
	}
}

// more waits until the clients have got more responses.
func (l *load) more(t *testing.T) {
	t.Helper()
	now := l.asked.Load()
	eventually(t, "responses under load", func() error {
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
		if r := l.reload(g); r.code != 0 {
			t.Fatalf("reload %d: %s", i, r)
		}
		// A change after a reload takes effect at once, whatever cache was in use
		// before.
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
		r := l.reload(g)
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
	l.checkArrivals(t, g.up.take())
	g.configure(g.options)
	if r := g.reload(); r.code != 0 {
		t.Errorf("the last reload: %s", r)
	}
	eventually(t, "all requests to be counted", func() error {
		counted := g.metric(t, `jira_tokens_requests_total{access="read",decision="allowed",reason=""}`)
		if counted < float64(l.asked.Load()) {
			return fmt.Errorf("counted %v of %d requests: reloads lost some", counted, l.asked.Load())
		}
		return nil
	})
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
		t.Errorf("a second Caddy exited with %d: %s", second.code, second.log.tail(5))
	}
	g.check200(t, read)

	broken := newGateway(t, options{store: "store file " + g.caddyfile})
	broken.launch()
	<-broken.exited
	if log := broken.log.String(); broken.code == 0 || !strings.Contains(lineWith(log, `"level":"error"`), "is not a token store file") {
		t.Errorf("a Caddy with a damaged file exited with %d: %s", broken.code, broken.log.tail(5))
	}

	// While Redis is down, requests are denied with a clear reason.
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
	eventually(t, "an error of list about the store", func() error { // Caddy serves requests before the configuration is complete
		if r := away.token("list"); r.code == 0 || !strings.Contains(r.err, "store") {
			return fmt.Errorf("%s", r)
		}
		return nil
	})

	// Stored tokens are there after a restart.
	g.stop()
	g.start()
	g.check200(t, read)
	if matches, _ := filepath.Glob(g.store + "*"); len(matches) != 1 {
		t.Errorf("store files: %q", matches)
	}
}
