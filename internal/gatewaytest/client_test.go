package gatewaytest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answer is the response to a request.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	raw     string
	// err is why reading ended before the end of the response.
	err error
	// early are the 1xx responses before this one.
	early []*http.Response
}

func (a answer) reason() string { return a.header.Get("X-Jira-Token-Reason") }

func (a answer) String() string {
	return fmt.Sprintf("HTTP %d %s %.500q (%v)", a.status, a.reason(), a.body, a.err)
}

// dial opens a connection to the gateway.
func (g *gateway) dial() net.Conn {
	g.t.Helper()
	return dial(g.t, g.addr)
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience)) // cannot fail on a test connection
	return conn
}

// send sends raw bytes and reads the single response.
func (g *gateway) send(raw string) answer {
	g.t.Helper()
	return g.sendTo(g.addr, raw)
}

func (g *gateway) sendTo(address, raw string) answer {
	g.t.Helper()
	conn := dial(g.t, address)
	defer conn.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(conn, raw) // the gateway may answer and close before the end
	}()
	method, _, _ := strings.Cut(raw, " ")
	a := g.read(bufio.NewReader(conn), method)
	conn.Close()
	<-written
	return a
}

// read reads a response.
func (g *gateway) read(r *bufio.Reader, method string) (a answer) {
	var raw bytes.Buffer
	tee := bufio.NewReader(io.TeeReader(r, &raw))
	defer func() {
		a.raw = raw.String()
		g.mu.Lock()
		g.answers.WriteString(a.raw)
		g.mu.Unlock()
	}()
	a.header = make(http.Header)
	for {
		response, err := http.ReadResponse(tee, &http.Request{Method: method})
		if err != nil {
			a.err = err
			return a
		}
		if response.StatusCode < 200 {
			a.early = append(a.early, response)
			continue
		}
		body, err := io.ReadAll(response.Body)
		a.status, a.header, a.trailer, a.body, a.err = response.StatusCode, response.Header, response.Trailer, string(body), err
		return a
	}
}

// request writes a plain request that asks to close the connection.
func (g *gateway) request(method, target, headers string, body ...string) string {
	length := ""
	if len(body) > 0 {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(body[0]))
		if !strings.Contains(strings.ToLower(headers), "content-type:") {
			length += "Content-Type: application/json\r\n"
		}
	}
	return method + " " + target + " HTTP/1.1\r\nHost: " + g.addr + "\r\n" + headers + length + "Connection: close\r\n\r\n" + strings.Join(body, "")
}

// do sends a plain request.
func (g *gateway) do(method, target, headers string, body ...string) answer {
	g.t.Helper()
	return g.send(g.request(method, target, headers, body...))
}

// want is the expected outcome of a request.
type want struct {
	status int
	reason string
	hits   int // how often it reaches Jira
}

var passes = want{200, "", 1}

func refused(status int, reason string) want { return want{status, reason, 0} }

// check checks a response, and what has reached Jira since the last check.
func (g *gateway) check(t *testing.T, a answer, w want) []*arrival {
	t.Helper()
	seen := g.up.take()
	if a.status != w.status || a.reason() != w.reason {
		t.Errorf("got %s\nwant HTTP %d %s", a, w.status, w.reason)
	}
	if len(seen) != w.hits {
		t.Errorf("%d requests reached Jira, want %d: %v (response %s)", len(seen), w.hits, seen, a)
	}
	if w.reason != "" {
		checkErrorBody(t, a)
	}
	return seen
}

// checkErrorBody checks that the body is Jira's error body without other fields.
func checkErrorBody(t *testing.T, a answer) {
	t.Helper()
	challenge := a.header.Values("WWW-Authenticate")
	if a.status == http.StatusUnauthorized {
		if len(challenge) != 1 || challenge[0] != `Basic realm="Jira API tokens", charset="UTF-8"` {
			t.Errorf("WWW-Authenticate is %q", challenge)
		}
	} else if len(challenge) > 0 {
		t.Errorf("WWW-Authenticate %q with status %d", challenge, a.status)
	}
	if a.body == "" {
		return // HEAD; the status shows everything else
	}
	var body struct {
		ErrorMessages []string           `json:"errorMessages"`
		Errors        *map[string]string `json:"errors"`
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		t.Errorf("error body %q: %v", a.body, err)
		return
	}
	if len(body.ErrorMessages) != 1 || body.ErrorMessages[0] == "" || body.Errors == nil || len(*body.Errors) > 0 {
		t.Errorf("error body %q", a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json;charset=UTF-8" {
		t.Errorf("Content-Type %q", got)
	}
}

// decode returns the content of a Basic credential.
func decode(authorization string) string {
	_, encoded, _ := strings.Cut(authorization, "Basic ")
	text, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded)) // as far as it goes
	return string(text)
}
