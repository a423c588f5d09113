package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
)

// upstreamCommand is the argument that turns this program into the stand-in for Jira.
const upstreamCommand = "upstream"

// bodySize is the minimum length of the stand-in's response body.
const bodySize = 2000

// serveUpstream answers every request with the same 2 kB. It implements just
// enough HTTP for a proxied GET, to use as little as possible of the machine it
// shares with the process under test.
func serveUpstream(out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintln(out, url)
	answer := upstreamAnswer(url)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answerAll(conn, answer)
	}
}

// answerAll answers requests until the proxy closes the connection or sends
// something unexpected.
func answerAll(conn net.Conn, answer []byte) {
	defer conn.Close()
	buffer := make([]byte, 8<<10)
	filled := 0
	for {
		n, err := conn.Read(buffer[filled:])
		if err != nil {
			return
		}
		filled += n
		if !bytes.HasSuffix(buffer[:filled], []byte("\r\n\r\n")) {
			if filled == len(buffer) {
				return
			}
			continue
		}
		filled = 0
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// upstreamAnswer returns a page of search results, with headers, as a Jira Data
// Center with the base URL url would send it.
func upstreamAnswer(url string) []byte {
	var body strings.Builder
	body.WriteString(`{"expand":"names,schema","startAt":0,"maxResults":50,"total":7,"issues":[`)
	for i := 1; body.Len() < bodySize; i++ {
		if i > 1 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"expand":"operations,changelog","id":"%d","self":"%s/rest/api/2/issue/%d","key":"DEMO-%d",`+
			`"fields":{"summary":"Export of the month's bookings ends before its last page","status":{"self":"%s/rest/api/2/status/3",`+
			`"name":"In Progress","id":"3"},"updated":"2026-10-01T08:15:30.000+0000"}}`, 10000+i, url, 10000+i, i, url)
	}
	body.WriteString("]}")
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-cache, no-store, no-transform\r\nDate: Thu, 01 Oct 2026 08:15:30 GMT\r\n"+
		"Set-Cookie: JSESSIONID=0F3C7D2E; Path=/; HttpOnly\r\nVary: User-Agent\r\nX-AREQUESTID: 495x1x1\r\n"+
		"X-ASESSIONID: 1abcdef\r\nX-AUSERNAME: svc-bi\r\nX-Content-Type-Options: nosniff\r\n\r\n%s", body.Len(), body.String())
}
