package gatewaytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// upstream is a Jira that records every byte that reaches it. It parses HTTP itself, and
// repairs nothing.
type upstream struct {
	listener net.Listener

	mu    sync.Mutex
	raw   bytes.Buffer
	seen  []*arrival
	reply func(*exchange)
	conns map[net.Conn]bool
	done  sync.WaitGroup
}

// arrival is a request as it reached Jira. Once it has been recorded, only body and
// trailer change, under the upstream's lock.
type arrival struct {
	line    string // GET /path HTTP/1.1
	headers []field
	body    string
	trailer string
}

type field struct{ name, value string }

func (a *arrival) String() string { return fmt.Sprintf("{%s %q %.200q}", a.line, a.headers, a.body) }

func (a *arrival) target() string {
	parts := strings.Split(a.line, " ")
	return parts[1]
}

func (a *arrival) method() string {
	method, _, _ := strings.Cut(a.line, " ")
	return method
}

// values returns the values of all headers with this name, ignoring case.
func (a *arrival) values(name string) []string {
	var values []string
	for _, f := range a.headers {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

func (a *arrival) get(name string) string { return strings.Join(a.values(name), "|") }

// names returns the names of all headers in order, in lower case.
func (a *arrival) names() []string {
	var names []string
	for _, f := range a.headers {
		names = append(names, strings.ToLower(f.name))
	}
	return names
}

// exchange is a request that is being answered.
type exchange struct {
	*arrival
	up     *upstream
	conn   net.Conn
	reader *bufio.Reader
	body   io.Reader
	close  bool
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{listener: listener, conns: make(map[net.Conn]bool)}
	u.done.Go(u.accept)
	t.Cleanup(u.stop)
	return u
}

func (u *upstream) url() string { return "http://" + u.listener.Addr().String() }

func (u *upstream) stop() {
	u.listener.Close()
	u.mu.Lock()
	for conn := range u.conns {
		conn.Close()
	}
	u.mu.Unlock()
	u.done.Wait()
}

func (u *upstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[conn] = true
		u.mu.Unlock()
		u.done.Go(func() { u.serve(conn) })
	}
}

// Write records what arrives.
func (u *upstream) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.raw.Len() < 64<<20 {
		u.raw.Write(p)
	}
	return len(p), nil
}

func (u *upstream) bytes() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.raw.String()
}

// take returns what has arrived since the last call. It copies the arrivals: the upstream
// may still be reading their bodies, since a client can get its response earlier.
func (u *upstream) take() []*arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := make([]*arrival, len(u.seen))
	for i, a := range u.seen {
		snapshot := *a
		seen[i] = &snapshot
	}
	u.seen = nil
	return seen
}

// answer sets how requests are answered; nil restores the default.
func (u *upstream) answer(reply func(*exchange)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reply = reply
}

// answerWith answers all requests with the same bytes.
func (u *upstream) answerWith(raw string) {
	u.answer(func(x *exchange) {
		x.readBody()
		x.send(raw)
	})
}

func (u *upstream) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		u.mu.Lock()
		delete(u.conns, conn)
		u.mu.Unlock()
	}()
	reader := bufio.NewReader(io.TeeReader(conn, u))
	for {
		x, err := u.readHead(conn, reader)
		if err != nil {
			return
		}
		u.mu.Lock()
		reply := u.reply
		u.seen = append(u.seen, x.arrival)
		u.mu.Unlock()
		if reply == nil {
			reply = usual
		}
		reply(x)
		if x.close {
			return
		}
		x.readBody()
	}
}

func (u *upstream) readHead(conn net.Conn, reader *bufio.Reader) (*exchange, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	a := &arrival{line: strings.TrimSuffix(line, "\r\n")}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		a.headers = append(a.headers, field{name, strings.TrimPrefix(value, " ")})
	}
	x := &exchange{arrival: a, up: u, conn: conn, reader: reader, body: strings.NewReader("")}
	if strings.EqualFold(a.get("Transfer-Encoding"), "chunked") {
		x.body = &chunks{reader: reader, trailer: x.addTrailer}
	} else if length := a.get("Content-Length"); length != "" {
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			return nil, err
		}
		x.body = io.LimitReader(reader, n)
	}
	return x, nil
}

// chunks reads a chunked body.
type chunks struct {
	reader  *bufio.Reader
	trailer func(line string)
	left    int64
	ended   bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.ended {
			return 0, io.EOF
		}
	}
	n, err := c.reader.Read(p[:min(int64(len(p)), c.left)])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	c.left -= int64(n)
	if c.left == 0 && err == nil {
		_, err = c.reader.Discard(2)
	}
	return n, err
}

func (c *chunks) next() error {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	if c.left, err = strconv.ParseInt(strings.TrimSpace(line), 16, 64); err != nil {
		return err
	}
	if c.left > 0 {
		return nil
	}
	c.ended = true
	for {
		line, err := textproto.NewReader(c.reader).ReadLine()
		if err != nil || line == "" {
			return err
		}
		c.trailer(line)
	}
}

func (x *exchange) addTrailer(line string) {
	x.up.mu.Lock()
	defer x.up.mu.Unlock()
	x.arrival.trailer += line + "\n"
}

// readBody reads the rest of the body and returns all of it.
func (x *exchange) readBody() string {
	text, err := io.ReadAll(x.body)
	if err != nil {
		x.close = true
	}
	x.up.mu.Lock()
	defer x.up.mu.Unlock()
	x.arrival.body += string(text)
	return x.arrival.body
}

// send responds with raw bytes.
func (x *exchange) send(raw string) {
	if _, err := io.WriteString(x.conn, raw); err != nil && !errors.Is(err, net.ErrClosed) {
		x.close = true
	}
}

// reset ends the connection with a TCP reset.
func (x *exchange) reset() {
	_ = x.conn.(*net.TCPConn).SetLinger(0) // best effort
	x.conn.Close()
	x.close = true
}

// usual responds as Jira does, including what the client must not see.
func usual(x *exchange) {
	x.readBody()
	body := ""
	if x.method() != "HEAD" {
		body = `{"ok":true}`
	}
	x.send(reply("200 OK", "Content-Type: application/json;charset=UTF-8\r\nSet-Cookie: JSESSIONID=svc; Path=/\r\n"+
		"X-AUSERNAME: svc-bi\r\nX-ASESSIONID: 1x\r\nX-AREQUESTID: 1x2x3\r\n", body))
}

func reply(status, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}
