package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOutboundHeaders checks exactly what reaches Jira.
func TestOutboundHeaders(t *testing.T) {
	g := startGateway(t, options{site: "headers X-Tempo-Version"})
	read, write := g.issue("alice", "read"), g.issue("alice", "write")
	host := "host"
	always := []string{host, "authorization", "user-agent", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "accept-encoding"}

	// Headers that arrive unchanged.
	kept := []string{
		"Accept: application/json", "Accept-Language: de", "If-None-Match: \"x\"", "X-Requested-With: Thing", "X-ExperimentalApi: opt-in",
		"X-Force-Accept-Language: true", "traceparent: 00-1-2-01", "X-Request-Id: 7", "Cache-Control: no-cache",
		"If-Match: \"x\"", "If-Unmodified-Since: x", "Pragma: no-cache", "tracestate: a=b", "X-Tempo-Version: 4", "Accept-Charset:",
	}
	// Headers that never arrive.
	dropped := []string{
		"Cookie: JSESSIONID=1", "Cookie:", "Cookie2: x", "Proxy-Authorization: Basic eDp5", "Proxy-Connection: keep-alive",
		"X-Forwarded-User: admin", "X-Remote-User: admin", "Remote-User: admin", "Remote_User: admin", "REMOTE_USER: admin", "X-Auth-Username: admin",
		"X-Auth-Request-User: a", "X-Authenticated-Userid: a", "X-Original-URL: /secure/admin", "X-Original_URL: /x", "X-Rewrite-URL: /x",
		"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X_Method_Override: DELETE", "X-Atlassian-Sudo: 1",
		"X-Atlassian-WebSudo: 1", "Sudo: root", "Origin: https://evil.example", "Referer: https://evil.example/x", "Upgrade: h2c", "HTTP2-Settings: AAM",
		"X-Forwarded-Port: 1", "X-Forwarded-Server: a", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "True-Client-IP: 1.2.3.4", "X-Client-IP: 1.2.3.4",
		"X-SSO-User: a", "X-MS-CLIENT-PRINCIPAL-NAME: a", "X-Amzn-Oidc-Identity: a", "X-Goog-Authenticated-User-Email: a", "X-JWT-Assertion: a",
		"Cf-Access-Jwt-Assertion: a", "X-SSL-Client-Cert: a", "SSL_CLIENT_CERT: a", "X-Api-Key: a", "X-AUSERNAME: a", "X-ASESSIONID: a", "X-Seraph-Trust: a",
		"Sec-Fetch-Site: same-origin", "X-Impersonate: a", "Impersonate-User: a", "Authorization_: Basic eDp5", "X-Authorization: Basic eDp5",
		"X-Atlassian-Token: nocheck", "From: a@b", "X-On-Behalf-Of: admin", "X-Acting-As: admin", "X-Run-As: admin", "X-WEBAUTH-USER: a", "X-Webauth: a",
		"X-Empty:", "Prefer: x", "X-Anything: x", "X-Original-HTTP-Method: DELETE", "X-HTTP-Verb: DELETE", "SM-UniversalID: admin", "SM_USER: admin",
		"X-WSSE: UsernameToken", "X-Roles: admin", "X-Envoy-Original-Method: DELETE", "X_Request_Id: 8", "x-experimentalapi_: x", "Content_Type: x",
		"X_Tempo_Version: 5", "X-Atlassian-Webhook-Identifier: x", "Atlassian-Account-Id: x", "Baggage: user=admin", "Access-Control-Request-Method: PUT",
	}
	line := func(headers []string) string { return strings.Join(headers, "\r\n") + "\r\n" }
	for name, c := range map[string]struct {
		method, target, headers string
		more                    []string
	}{
		"read":               {"GET", issuePath, line(kept) + line(dropped) + read.basic(), nil},
		"bearer":             {"GET", issuePath, read.bearer() + line(kept) + line(dropped), nil},
		"read by post":       {"POST", "/rest/api/3/search", line(kept) + line(dropped) + read.basic(), []string{"content-type", "content-length", "x-atlassian-token"}},
		"write":              {"PUT", issuePath, line(kept) + line(dropped) + write.basic(), []string{"content-type", "content-length", "x-atlassian-token"}},
		"download":           {"GET", "/secure/attachment/1/x.json", line(kept) + line(dropped) + read.basic(), nil},
		"nominated":          {"GET", issuePath, read.basic() + "Connection: X-Secret-Not, Authorization, User-Agent, X-Hop, Host, Via\r\nX-Hop: 1\r\n" + line(kept), nil},
		"nominated on write": {"POST", "/rest/api/3/search", read.basic() + "Connection: X-Atlassian-Token\r\n" + line(kept), []string{"content-type", "content-length", "x-atlassian-token"}},
		"hop by hop":         {"GET", issuePath, read.basic() + "Keep-Alive: 5\r\nTE: deflate\r\nTrailer: X-A\r\n" + line(kept), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var body []string
			if c.method != "GET" {
				body = []string{"{}"}
			}
			// The client's User-Agent and Accept-Encoding never reach Jira.
			seen := g.check(t, g.do(c.method, c.target, "User-Agent: Mozilla/5.0 (X11)\r\n"+c.headers, body...), passes)
			if len(seen) != 1 {
				return
			}
			a := seen[0]
			want := slices.Concat(always, c.more)
			for _, h := range kept {
				header, value, _ := strings.Cut(h, ":")
				want = append(want, strings.ToLower(header))
				if got := a.get(header); got != strings.TrimSpace(value) {
					t.Errorf("%s arrived as %q", h, got)
				}
			}
			got := a.names()
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) && !slices.Equal(got, slices.DeleteFunc(slices.Clone(want), func(n string) bool { return n == "accept-encoding" })) {
				t.Errorf("headers arrived:\n%q\nwant:\n%q", got, want)
			}
			for header, value := range map[string]string{"Authorization": "Basic " + accountBasic, "User-Agent": "caddy-jira-tokens", "X-Forwarded-For": "127.0.0.1"} {
				if got := a.values(header); len(got) != 1 || got[0] != value {
					t.Errorf("%s arrived as %q", header, got)
				}
			}
			if token := a.get("X-Atlassian-Token"); (c.method == "GET") != (token == "") || token != "" && token != "no-check" {
				t.Errorf("X-Atlassian-Token arrived as %q", token)
			}
		})
	}
}

func TestOutboundQuery(t *testing.T) {
	g := startGateway(t, options{})
	read, write := g.issue("alice", "read"), g.issue("alice", "write")
	for _, c := range []struct{ query, read, write string }{
		{"a=1&b=2", "a=1&b=2", "a=1&b=2"},
		{"", "", ""},
		{"&", "&", "&"},
		{"&&a&&=&=x&a=&", "&&a&&=&=x&a=&", "&&a&&=&=x&a=&"},
		{"jql=a+b%20c%2Bd%2bE", "jql=a+b%20c%2Bd%2bE", "jql=a+b%20c%2Bd%2bE"},
		{"jql=x;y=z&a;b", "jql=x;y=z&a;b", "jql=x;y=z&a;b"},
		{"x=%zz&y=%", "x=%zz&y=%", "x=%zz&y=%"},
		{"x='()*!~:@/?$,[]{}|^`\"<>\\", "x='()*!~:@/?$,[]{}|^`\"<>\\", "x='()*!~:@/?$,[]{}|^`\"<>\\"},
		{"x=\xc3\xbc\xff", "x=\xc3\xbc\xff", "x=\xc3\xbc\xff"},
		{"z=1&os_username=a&os_password=b&y=2", "z=1&y=2", "z=1&y=2"},
		{"os_username=a", "", ""},
		{"OS_AuthType=basic&x=1", "x=1", "x=1"},
		{"x=1&os_cookie=true", "x=1", "x=1"},
		{"o%73_username=a&x=1", "x=1", "x=1"},
		{"os%5Fusername=a&x=1", "x=1", "x=1"},
		{"o%2573_username=a&x=1", "x=1", "x=1"},
		{"os_userna%C5%BFme=a&os_pa%C5%BF%C5%BFword=b&x=1", "os_userna%C5%BFme=a&x=1", "os_userna%C5%BFme=a&x=1"},
		{"+os_username=a&x=1", "x=1", "x=1"},
		{"%20os_username%20=a&x=1", "x=1", "x=1"},
		{"os_username[]=a&x=1", "x=1", "x=1"},
		{"%EF%BC%AFS_USERNAME=a&x=1", "x=1", "x=1"},
		{"_method=DELETE&x=1", "x=1", "x=1"},
		{"jwt=a&oauth_token=b&access_token=c&Api-Key=d&pass%77ord=e&x=1", "x=1", "x=1"},
		{"nextPageToken=a&sessionId=b&username=c&key=d", "nextPageToken=a&sessionId=b&username=c&key=d", "nextPageToken=a&sessionId=b&username=c&key=d"},
		{"x;os_password=b&y", "y", "y"},
		{"xos_username=a&os_usernamex=b", "xos_username=a&os_usernamex=b", "xos_username=a&os_usernamex=b"},
		{"x=os_username=a", "x=os_username=a", "x=os_username=a"},
		{"updateHistory=true&x=1", "x=1", "updateHistory=true&x=1"},
		{"x=1&UPDATEHISTORY=true", "x=1", "x=1&UPDATEHISTORY=true"},
		{"upd%61teHistory=true", "", "upd%61teHistory=true"},
	} {
		t.Run(c.query, func(t *testing.T) {
			for i, token := range []issued{read, write} {
				want := []string{c.read, c.write}[i]
				for _, seen := range g.check(t, g.do("GET", issuePath+"?"+c.query, token.basic()), passes) {
					if got := seen.target(); got != issuePath+"?"+want && !(want == "" && got == issuePath) {
						t.Errorf("arrived as %q, want %q", got, want)
					}
				}
			}
		})
	}
	// Not issued by the gateway: the access log contains the query as sent.
	const leaked = "jt_4fT0aB9xYz_0123456789abcdefghijklmnopqrstuvwxyzAB"
	for _, query := range []string{
		"access_token=" + leaked, leaked, "x=%6A" + leaked[1:], "jql=text~" + leaked + "x",
		"x=1;os_username=a", "os_username%=a", "os_%zzusername=a", "%ff=1", "a%00=1", "x=a;_method=PUT", "os_user%0aname=a",
	} {
		t.Run("refused "+query, func(t *testing.T) {
			g.check(t, g.do("GET", issuePath+"?"+query, write.basic()), refused(400, "ambiguous_request"))
		})
	}
}

func TestOutboundForms(t *testing.T) {
	g := startGateway(t, options{})
	write := g.issue("alice", "write")
	const form = "Content-Type: application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		headers, body string
		want          want
	}{
		"plain":          {form + "\r\n", "a=1&b=%20+", passes},
		"utf-8":          {form + "; charset=UTF-8\r\n", "a=1", passes},
		"username":       {form + "\r\n", "a=1&os_username=admin", refused(400, "ambiguous_request")},
		"encoded":        {form + "\r\n", "o%73_password=admin", refused(400, "ambiguous_request")},
		"method":         {form + "\r\n", "_method=DELETE", refused(400, "ambiguous_request")},
		"upper case":     {strings.ToUpper(form) + "\r\n", "OS_USERNAME=admin", refused(400, "ambiguous_request")},
		"utf-16":         {form + "; charset=UTF-16\r\n", "o\x00s\x00_", refused(400, "ambiguous_request")},
		"compressed":     {form + "\r\nContent-Encoding: gzip\r\n", "x", refused(400, "ambiguous_request")},
		"two types":      {form + "\r\nContent-Type: application/json\r\n", "os_username=a", refused(400, "ambiguous_request")},
		"types by comma": {form + ", application/json\r\n", "os_username=a", refused(400, "ambiguous_request")},
		"parameters":     {form + ";x\r\n", "os_username=a", refused(400, "ambiguous_request")},
		"too large":      {form + "\r\n", "a=" + strings.Repeat("x", 70_000), refused(400, "ambiguous_request")},
		"json":           {"Content-Type: application/json\r\n", "os_username=admin", passes},
	} {
		t.Run(name, func(t *testing.T) {
			for _, seen := range g.check(t, g.do("POST", "/rest/api/2/issue", write.basic()+c.headers, c.body), c.want) {
				if seen.body != c.body {
					t.Errorf("body arrived as %q", seen.body)
				}
			}
		})
	}
}

// TestOutboundBodies sends bodies in every way, and expects them complete.
func TestOutboundBodies(t *testing.T) {
	g := startGateway(t, options{})
	read, write := g.issue("alice", "read"), g.issue("alice", "write")
	head := func(line, headers string) string {
		return line + " HTTP/1.1\r\nHost: " + g.addr + "\r\nConnection: close\r\n" + write.basic() + headers + "\r\n"
	}
	for name, c := range map[string]struct{ raw, body string }{
		"GET with body":           {head("GET "+issuePath, "Content-Length: 2\r\n") + "{}", "{}"},
		"DELETE with body":        {head("DELETE "+issuePath, "Content-Length: 2\r\n") + "{}", "{}"},
		"chunked":                 {head("POST /rest/api/3/issue", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "abcde"},
		"chunked, empty":          {head("POST /rest/api/3/issue", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", ""},
		"chunked, trailers":       {head("POST /rest/api/3/issue", "Transfer-Encoding: chunked\r\nTrailer: X-A, Authorization, Cookie\r\nTE: trailers\r\n") + "1\r\nx\r\n0\r\nX-A: 1\r\nAuthorization: Bearer x\r\nCookie: y\r\n\r\n", "x"},
		"no length":               {head("POST /rest/api/3/issue", ""), ""},
		"h2c":                     {head("POST /rest/api/3/issue", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 2\r\n") + "{}", "{}"},
		"expect, sent at once":    {head("POST /rest/api/3/issue", "Expect: 100-continue\r\nContent-Length: 2\r\n") + "{}", "{}"},
		"expect without body":     {head("GET "+issuePath, "Expect: 100-continue\r\n"), ""},
		"binary, 256 KiB":         {head("POST /rest/api/3/issue", "Content-Length: 262144\r\n") + strings.Repeat("\x00\r\n\xff", 65536), strings.Repeat("\x00\r\n\xff", 65536)},
		"HTTP/1.0 with a length":  {"POST /rest/api/3/issue HTTP/1.0\r\nHost: " + g.addr + "\r\n" + write.basic() + "Content-Length: 2\r\n\r\n{}", "{}"},
		"HTTP/1.0 keeps it alive": {"POST /rest/api/3/issue HTTP/1.0\r\nHost: " + g.addr + "\r\nConnection: keep-alive\r\n" + write.basic() + "Content-Length: 2\r\n\r\n{}", "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, seen := range g.check(t, g.send(c.raw), passes) {
				if seen.body != c.body || seen.trailer != "" {
					t.Errorf("arrived: %v, trailer %q", seen, seen.trailer)
				}
				for _, name := range seen.names() {
					if name == "trailer" || name == "upgrade" || name == "http2-settings" || name == "cookie" {
						t.Errorf("header %s arrived", name)
					}
				}
			}
		})
	}

	t.Run("a denied upload is not requested", func(t *testing.T) {
		conn := g.dial()
		_, _ = io.WriteString(conn, "POST /rest/api/3/issue HTTP/1.1\r\nHost: "+g.addr+"\r\n"+read.basic()+"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
		a := g.read(bufio.NewReader(conn), "POST")
		if len(a.early) > 0 {
			t.Error("100 Continue before the denial")
		}
		g.check(t, a, refused(403, "scope_insufficient"))
	})

	t.Run("uploads stream", func(t *testing.T) {
		first := make(chan string)
		g.up.answer(func(x *exchange) {
			part := make([]byte, 5)
			_, _ = io.ReadFull(x.body, part)
			first <- string(part)
			usual(x)
		})
		defer g.up.answer(nil)
		for _, framing := range []string{"Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"} {
			parts := []string{"first", "last"}
			end := ""
			if strings.HasPrefix(framing, "T") {
				parts, end = []string{"5\r\nfirst\r\n", "4\r\nlast\r\n"}, "0\r\n\r\n"
			}
			conn := g.dial()
			_, _ = io.WriteString(conn, "POST /rest/api/3/issue HTTP/1.1\r\nHost: "+g.addr+"\r\nConnection: close\r\n"+write.basic()+"Expect: 100-continue\r\n"+framing+"\r\n")
			reader := bufio.NewReader(conn)
			if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
				t.Fatalf("got %q, %v", line, err)
			}
			_, _ = reader.ReadString('\n')
			_, _ = io.WriteString(conn, parts[0])
			if got := <-first; got != "first" {
				t.Errorf("Jira got %q first", got)
			}
			_, _ = io.WriteString(conn, parts[1]+end)
			g.check(t, g.read(reader, "POST"), passes)
		}
	})

	t.Run("100 MB in bounded memory", func(t *testing.T) {
		const size = 100 << 20
		var received int64
		g.up.answer(func(x *exchange) {
			received, _ = io.Copy(io.Discard, x.body)
			usual(x)
		})
		defer g.up.answer(nil)
		before := residentPeak(t, g)
		conn := g.dial()
		go func() {
			_, _ = io.WriteString(conn, "POST /rest/api/3/issue/A-1/attachments HTTP/1.1\r\nHost: "+g.addr+"\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=x\r\n"+write.basic()+"Transfer-Encoding: chunked\r\n\r\n")
			block := strings.Repeat("x", 1<<20)
			for range size >> 20 {
				_, _ = fmt.Fprintf(conn, "%x\r\n%s\r\n", len(block), block)
			}
			_, _ = io.WriteString(conn, "0\r\n\r\n")
		}()
		g.check(t, g.read(bufio.NewReader(conn), "POST"), passes)
		if received != size {
			t.Errorf("%d bytes arrived", received)
		}
		if grown := residentPeak(t, g) - before; grown > size/2 {
			t.Errorf("Caddy's memory grew by %d MB", grown>>20)
		}
	})

	t.Run("a client that disconnects", func(t *testing.T) {
		left := make(chan error, 1)
		g.up.answer(func(x *exchange) {
			_, err := io.ReadAll(x.body)
			left <- err
			x.close = true
		})
		defer g.up.answer(nil)
		conn := g.dial()
		_, _ = io.WriteString(conn, "POST /rest/api/3/issue HTTP/1.1\r\nHost: "+g.addr+"\r\n"+write.basic()+"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
		eventually(t, "the request to arrive", func() error {
			if len(g.up.take()) == 0 {
				return io.ErrNoProgress
			}
			return nil
		})
		conn.Close()
		if err := <-left; err == nil {
			t.Error("Jira took the truncated upload for a complete one")
		}
	})
}

// residentPeak returns the maximum memory of Caddy so far, in bytes.
func residentPeak(t *testing.T, g *gateway) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
