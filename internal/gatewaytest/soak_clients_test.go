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

// A client's address may fail so often before it takes another: the gateway
// counts what failed by address.
const soakFailures = 15

// soakClient asks with tokens, good ones and ended ones, over connections that
// it keeps.
type soakClient struct {
	*soak
	rand  *rand.Rand
	conns [soakNodes]*soakConn
}

// soakConn is a kept connection from an address of its own.
type soakConn struct {
	net.Conn
	reader   *bufio.Reader
	used     bool
	failures int
	// alive is when it was seen to stand: since then it may have been closed.
	alive time.Time
}

// client is the life of one client.
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

// choose picks a token and what to ask with it: rather one that is just being
// changed than others, rather one that works than one that does not.
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

// pick returns a token. The model's lock is held.
func (c *soakClient) pick() *soakToken {
	tokens := c.model.tokens
	switch n := len(c.hot); {
	case n > 0 && c.rand.IntN(2) == 0:
		return c.hot[c.rand.IntN(n)]
	case c.rand.IntN(50) == 0:
		return tokens[c.rand.IntN(len(tokens))] // what ended long ago stays ended
	}
	return tokens[len(tokens)-1-c.rand.IntN(min(len(tokens), 2*soakTokens))]
}

// credentials are the headers that present a secret.
func (t *soakToken) credentials(secret string, bearer bool) string {
	i := issued{Owner: t.owner, Token: secret}
	if bearer {
		return i.bearer()
	}
	return i.basic()
}

// ask makes a request and has its answer judged.
func (c *soakClient) ask(r *soakRequest, credentials string) {
	method := "GET"
	if r.write {
		method = "PUT"
	}
	conn, err := c.connection(r.node)
	if err != nil {
		c.unreachable(r.node, time.Now(), fmt.Errorf("dialling: %w", err))
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

// settle compares the answer with what Jira has seen, and has it judged.
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

// broken is for a request without an answer. Only a reload makes them: it
// closes connections that it believes idle, and the kernel resets those that
// nobody has accepted. What arrived at Jira all the same must have been allowed.
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

// unreachable reports the error of a connection to a node, unless there was a
// reload since it was seen to stand.
func (c *soakClient) unreachable(node int, alive time.Time, err error) {
	now := time.Now()
	c.model.mu.Lock()
	defer c.model.mu.Unlock()
	if !c.model.weather.reloading(node, alive, now, soakDrained, reloaded, reloadedWithACache) {
		c.model.violation("a connection to node %d broke with no reload near: %v", node, err)
	}
}

// connection returns the kept connection to a node, or a new one.
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

// exchange sends a request and reads its answer.
func (c *soakConn) exchange(host, method, target, credentials string) (*http.Response, string, error) {
	c.used = true
	_ = c.SetDeadline(time.Now().Add(patience)) // a TCP connection has one
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

// stranger asks with what is no token, now and then and from ever new
// addresses: none of it may pass.
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

// badCredentials are headers that must not pass, what they must get, and
// whether the store is needed to know.
func (s *soak) badCredentials(r *rand.Rand, t *soakToken) (headers, want string, needsStore bool) {
	switch r.IntN(5) {
	case 0:
		return "", "no_credentials", false
	case 1:
		return basic(t.owner, "no-token"), "invalid_token", false
	case 2:
		return basic(t.owner, token.New().Reveal()), "invalid_token", true
	case 3: // the right id, the right form, another secret
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
