package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestRefusedBodyIsAnswered: a client that reads nothing until it has sent its whole
// body gets the response, whatever happens to the connection. A server that closes
// it with unread data would reset it instead.
func TestRefusedBodyIsAnswered(t *testing.T) {
	jira := newUpstream(t)
	g := startGateway(t, options{upstream: jira, apps: "max_failures 1000/h\naccount refused {\nbasic nobody wrong\n}"})
	away := startGateway(t, options{})
	tok, limited, unaccepted := g.issue("alice", "read"), g.issue("bob", "read", "limit", "1/d"), g.issue("carol", "write", "account", "refused")
	stranded := away.issue("dave", "write")
	away.up.stop()
	g.check(t, g.do("GET", issuePath, limited.basic()), passes)
	jira.answer(func(x *exchange) {
		if decode(x.get("Authorization")) != "nobody:wrong" {
			usual(x)
			return
		}
		x.send("HTTP/1.1 401 Unauthorized\r\nX-Seraph-LoginReason: AUTHENTICATED_FAILED\r\nContent-Length: 0\r\n\r\n")
	})
	eventually(t, "the refused account to be paused", func() error {
		g.up.take()
		if a := g.do("GET", issuePath, unaccepted.basic()); len(g.up.take()) > 0 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	const length = 300_000
	framings := map[string]struct {
		version, headers string
		keep             bool
	}{
		"close":             {"HTTP/1.1", fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\n", length), false},
		"HTTP/1.0":          {"HTTP/1.0", fmt.Sprintf("Content-Length: %d\r\n", length), false},
		"keep-alive":        {"HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", length), true},
		"chunked":           {"HTTP/1.1", "Transfer-Encoding: chunked\r\n", true},
		"chunked and close": {"HTTP/1.1", "Connection: close\r\nTransfer-Encoding: chunked\r\n", false},
	}
	for name, test := range map[string]struct {
		g       *gateway
		target  string
		headers string
		want    want
	}{
		"no credentials": {g, issuePath, "", refused(401, "no_credentials")},
		"invalid":        {g, issuePath, basic("alice", "jt_nonsense"), refused(401, "invalid_token")},
		"scope":          {g, "/rest/api/2/issue/A-1/attachments", tok.basic(), refused(403, "scope_insufficient")},
		"path":           {g, "/browse/A-1", tok.basic(), refused(403, "path_denied")},
		"ambiguous":      {g, issuePath + "/..", tok.basic(), refused(400, "ambiguous_request")},
		"limit":          {g, issuePath, limited.basic(), refused(429, "rate_limited")},
		"account":        {g, "/rest/api/2/issue", unaccepted.basic(), refused(502, "jira_rejected_account")},
		"Jira is away":   {away, "/rest/api/2/issue", stranded.basic(), refused(502, "jira_unreachable")},
	} {
		for framing, f := range framings {
			t.Run(name+"/"+framing, func(t *testing.T) {
				g.up.take()
				conn := dial(t, test.g.addr)
				head := "POST " + test.target + " " + f.version + "\r\nHost: " + test.g.addr + "\r\n" + test.headers + f.headers + "Content-Type: application/octet-stream\r\n\r\n"
				if err := sendSlowly(conn, head, length, strings.Contains(f.headers, "chunked")); err != nil {
					t.Fatalf("the gateway stopped reading: %v", err)
				}
				reader := bufio.NewReader(conn)
				a := test.g.read(reader, "POST")
				if a.err != nil {
					t.Fatalf("incomplete response: %s", a)
				}
				test.g.check(t, a, test.want)
				if !f.keep {
					if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
						t.Errorf("the connection ends with %q, %v", rest, err)
					}
					return
				}
				_, _ = io.WriteString(conn, "GET "+issuePath+" HTTP/1.1\r\nHost: "+test.g.addr+"\r\n\r\n") // the response shows whether it worked
				test.g.check(t, test.g.read(reader, "GET"), refused(401, "no_credentials"))
			})
		}
	}
}

// sendSlowly sends a body in pieces, as a network would.
func sendSlowly(conn net.Conn, head string, length int, chunked bool) error {
	if _, err := io.WriteString(conn, head); err != nil {
		return err
	}
	const piece = 10_000
	for sent := 0; sent < length; sent += piece {
		time.Sleep(time.Millisecond)
		text := strings.Repeat("x", piece)
		if chunked {
			text = fmt.Sprintf("%x\r\n%s\r\n", piece, text)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
	}
	if chunked {
		_, err := io.WriteString(conn, "0\r\n\r\n")
		return err
	}
	return nil
}

// TestRefusedBodyWithoutEnd: a body that never arrives, or never ends, holds up
// neither the response nor the gateway.
func TestRefusedBodyWithoutEnd(t *testing.T) {
	g := startGateway(t, options{})
	for name, test := range map[string]struct {
		headers string
		send    func(net.Conn)
	}{
		"never sent":          {"Content-Length: 1000\r\n", nil},
		"never sent, chunked": {"Transfer-Encoding: chunked\r\n", nil},
		"never ends": {"Content-Length: 100000000000\r\n", func(conn net.Conn) {
			for piece := []byte(strings.Repeat("x", 64<<10)); ; {
				if _, err := conn.Write(piece); err != nil {
					return // the gateway stopped reading
				}
			}
		}},
		"waits to be asked":          {"Expect: 100-continue\r\nContent-Length: 1000\r\n", nil},
		"waits to be asked, chunked": {"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", nil},
		"asks and sends at once": {"Expect: 100-continue\r\nContent-Length: 300000\r\n", func(conn net.Conn) {
			_, _ = io.WriteString(conn, strings.Repeat("x", 300_000)) // the response shows whether it worked
		}},
	} {
		for _, closing := range []string{"", "Connection: close\r\n"} {
			t.Run(name+"/"+closing, func(t *testing.T) {
				t.Parallel()
				conn := dial(t, g.addr)
				if _, err := io.WriteString(conn, "POST "+issuePath+" HTTP/1.1\r\nHost: "+g.addr+"\r\n"+closing+test.headers+"\r\n"); err != nil {
					t.Fatal(err)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					if test.send != nil {
						test.send(conn)
					}
				}()
				reader := bufio.NewReader(conn)
				a := g.read(reader, "POST")
				if a.status != 401 || a.reason() != "no_credentials" || a.err != nil || len(a.early) > 0 {
					t.Errorf("%s after %v", a, a.early)
				}
				_, _ = io.Copy(io.Discard, reader) // until the gateway closes or resets the connection
				<-done
			})
		}
	}
}
