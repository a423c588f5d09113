package gatewaytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The number of failures after which a client takes another address: the gateway counts
// failures by address.
const soakFailures = 15

// soakClient sends requests with valid and ended tokens, over connections that it keeps
// open.
type soakClient struct {
	*soak
	rand  *rand.Rand
	conns [soakNodes]*soakConn
}

// soakConn is an open connection from an address of its own.
type soakConn struct {
	net.Conn
	reader   *bufio.Reader
	used     bool
	failures int
	// alive is when the connection last worked; it may have been closed since.
	alive time.Time
}

// client runs a client until the end.
func (s *soak) client(r *rand.Rand) {
	c := &soakClient{soak: s, rand: r}
	defer c.hangUp()
	for s.on() {
		if request, secret := c.choose(); request != nil {
			c.ask(request, request.token.credentials(secret, r.IntN(2) == 0))
		}
		s.pause(r, 0, 50*time.Millisecond)
	}
}

func (c *soakClient) hangUp() {
	for node := range c.conns {
		c.drop(node)
	}
}

func (c *soakClient) drop(node int) {
	if conn := c.conns[node]; conn != nil {
		conn.Close()
		c.conns[node] = nil
	}
}

// choose picks a token and a request. It prefers tokens that are being changed, and
// tokens that work.
func (c *soakClient) choose() (r *soakRequest, secret string) {
	c.model.mu.Lock()
	defer c.model.mu.Unlock()
	if len(c.model.tokens) == 0 {
		return nil, ""
	}
	var t *soakToken
	for range 5 {
		t = c.pick()
		if t.refusals < 5 || t.refusals < 50 && c.rand.IntN(20) == 0 || c.rand.IntN(500) == 0 {
			break
		}
	}
	index := len(t.secrets) - 1
	if c.rand.IntN(5) == 0 {
		index = c.rand.IntN(index + 1)
	}
	return &soakRequest{
		number: c.number(), node: c.rand.IntN(soakNodes), token: t, secret: index, write: c.rand.IntN(5) == 0,
	}, t.secrets[index]
}

// pick returns a token. The caller holds the model's lock.
func (c *soakClient) pick() *soakToken {
	tokens := c.model.tokens
	switch n := len(c.hot); {
	case n > 0 && c.rand.IntN(2) == 0:
		return c.hot[c.rand.IntN(n)]
	case c.rand.IntN(50) == 0:
		return tokens[c.rand.IntN(len(tokens))] // tokens that ended long ago stay ended
	}
	return tokens[len(tokens)-1-c.rand.IntN(min(len(tokens), 2*soakTokens))]
}

// credentials returns the headers that present a secret.
func (t *soakToken) credentials(secret string, bearer bool) string {
	i := issued{Owner: t.owner, Token: secret}
	if bearer {
		return i.bearer()
	}
	return i.basic()
}

// ask sends a request and has the response judged.
func (c *soakClient) ask(r *soakRequest, credentials string) {
	method := "GET"
	if r.write {
		method = "PUT"
	}
	conn, err := c.connection(r.node)
	if err != nil {
		c.unreachable(r.node, time.Now(), fmt.Errorf("dialing: %w", err))
		return
	}
	fresh := !conn.used
	if fresh && c.rand.IntN(10) == 0 {
		c.pause(c.rand, 0, 2*time.Second) // a reload may come between the connection and its first request
	}
	r.begin = time.Now()
	response, body, err := conn.exchange(c.nodes[r.node].addr, method, soakPath+fmt.Sprint(r.number), credentials)
	r.end = time.Now()
	if err != nil {
		c.broken(r, conn.alive, fresh, err)
		return
	}
	conn.alive = r.end
	r.result, r.answer = response.Header.Get("X-Jira-Token-Reason"), fmt.Sprintf("HTTP %d %.300s", response.StatusCode, body)
	c.settle(r, response.StatusCode)
	if response.StatusCode == http.StatusUnauthorized {
		conn.failures++
	}
	if response.Close || conn.failures >= soakFailures || c.rand.IntN(50) == 0 {
		c.drop(r.node)
	}
}

// settle compares the response with what Jira has seen, and has it judged.
func (c *soakClient) settle(r *soakRequest, status int) {
	switch {
	case status == http.StatusOK && r.result == "":
		r.result = soakPasses
		if !c.jira.hasArrived(r.number) {
			c.model.fail("request %d was answered with 200 and did not arrive at Jira", r.number)
		}
	case c.jira.refuse(r.number):
		c.model.fail("request %d was refused (%s) and arrived at Jira all the same", r.number, r.answer)
	}
	c.count(r.result)
	if r.result == "store_unavailable" {
		heard()
	}
	if r.result == "" {
		r.result = fmt.Sprintf("HTTP %d without a reason", status)
	}
	c.model.judge(r)
}

// broken handles a request without a response. Only a reload may cause that: it closes
// connections that it considers idle, and the kernel resets those that nobody has
// accepted. If the request reached Jira anyway, it must have been allowed.
func (c *soakClient) broken(r *soakRequest, alive time.Time, fresh bool, err error) {
	c.drop(r.node)
	c.count("no answer")
	if fresh && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.ErrUnexpectedEOF) {
		c.model.fail("request %d on a new connection to node %d, at %s: %v", r.number, r.node, since(c.model.start, r.begin), err)
		return
	}
	c.unreachable(r.node, alive, err)
	if c.jira.hasArrived(r.number) {
		r.result, r.answer = soakPasses, err.Error()
		c.model.judge(r)
	}
}

// unreachable reports a connection error, unless the node was reloaded since the
// connection last worked.
func (c *soakClient) unreachable(node int, alive time.Time, err error) {
	now := time.Now()
	c.model.mu.Lock()
	defer c.model.mu.Unlock()
	if !c.model.weather.reloading(node, alive, now, soakDrained, reloaded, reloadedWithACache) {
		c.model.violation("a connection to node %d broke with no reload near: %v", node, err)
	}
}

// connection returns the open connection to a node, or a new one.
func (c *soakClient) connection(node int) (*soakConn, error) {
	if conn := c.conns[node]; conn != nil {
		return conn, nil
	}
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: c.address()}}
	conn, err := dialer.Dial("tcp", c.nodes[node].addr)
	if err != nil {
		return nil, err
	}
	c.conns[node] = &soakConn{Conn: conn, reader: bufio.NewReader(conn), alive: time.Now()}
	return c.conns[node], nil
}

// exchange sends a request and reads the response.
func (c *soakConn) exchange(host, method, target, credentials string) (*http.Response, string, error) {
	c.used = true
	_ = c.SetDeadline(time.Now().Add(patience)) // cannot fail on a TCP connection
	body := ""
	if method == "PUT" {
		body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	} else {
		body = "\r\n"
	}
	if _, err := io.WriteString(c, method+" "+target+" HTTP/1.1\r\nHost: "+host+"\r\n"+credentials+body); err != nil {
		return nil, "", err
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}

// stranger occasionally sends invalid credentials, always from new addresses: none of
// them may pass.
func (s *soak) stranger(r *rand.Rand) {
	c := &soakClient{soak: s, rand: r}
	defer c.hangUp()
	for s.on() {
		s.pause(r, 500*time.Millisecond, 2*time.Second)
		t := s.anyToken(r)
		if t == nil {
			continue
		}
		credentials, want, needsStore := s.badCredentials(r, t)
		request := &soakRequest{number: s.number(), node: r.IntN(soakNodes), token: t}
		conn, err := c.connection(request.node)
		if err != nil {
			c.unreachable(request.node, time.Now(), err)
			continue
		}
		request.begin = time.Now()
		response, body, err := conn.exchange(s.nodes[request.node].addr, "GET", soakPath+fmt.Sprint(request.number), credentials)
		request.end = time.Now()
		c.drop(request.node)
		if err != nil {
			c.unreachable(request.node, request.begin, err)
			continue
		}
		got := response.Header.Get("X-Jira-Token-Reason")
		s.count("stranger: " + got)
		if got == "store_unavailable" {
			heard()
		}
		if s.jira.refuse(request.number) || response.StatusCode == http.StatusOK {
			s.model.fail("a stranger's request %d passed: %q: HTTP %d %s", request.number, credentials, response.StatusCode, body)
		}
		if got != want && (got != "store_unavailable" || !needsStore || !s.storeMayBeAway(request.begin, request.end)) {
			s.model.fail("a stranger on node %d, from %s to %s: %q: got HTTP %d %s, want %s", request.node,
				since(s.model.start, request.begin), since(s.model.start, request.end), credentials, response.StatusCode, body, want)
		}
	}
}

// badCredentials returns headers that must not pass, the expected response, and whether
// the store is needed for it.
func (s *soak) badCredentials(r *rand.Rand, t *soakToken) (headers, want string, needsStore bool) {
	switch r.IntN(5) {
	case 0:
		return "", "no_credentials", false
	case 1:
		return basic(t.owner, "no-token"), "invalid_token", false
	case 2:
		return basic(t.owner, token.New().Reveal()), "invalid_token", true
	case 3: // the right ID, the right form, another secret
		guess, err := token.WithID(t.id)
		if err != nil {
			s.model.fail("%v", err)
		}
		return basic(t.owner, guess.Reveal()), "invalid_token", true
	}
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	return basic(strings.Repeat("x", 3)+t.owner, t.secrets[0]), "invalid_token", true
}
