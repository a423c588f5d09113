package gatewaytest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// secretHeaders are headers in which Jira reveals the account.
const secretHeaders = "Set-Cookie: JSESSIONID=x\r\nSet-Cookie: atlassian.xsrf.token=y\r\nset-cookie2: z\r\nX-AUSERNAME: svc\r\nX-ASESSIONID: 1\r\nX-AACCOUNTID: 5\r\n" +
	"X-Seraph-LoginReason: OK\r\nWWW-Authenticate: OAuth realm=\"x\"\r\nWWW-Authenticate: Basic realm=\"y\"\r\nX-Jira-Token-Reason: fake\r\n" +
	"Remote-User: svc\r\nX-Atlassian-Account-Id: 5\r\nNEL: {}\r\nReport-To: {}\r\nStrict-Transport-Security: max-age=1\r\n" +
	"Access-Control-Allow-Origin: https://x.example\r\nAccess-Control-Allow-Credentials: true\r\nX-Anything: x\r\n" +
	"X-Jira-Token-Limited-By: nobody\r\nX-Jira-Token-Other: fake\r\n"

func checkInboundHeaders(t *testing.T, what string, header http.Header) {
	t.Helper()
	for _, name := range []string{"Set-Cookie", "Set-Cookie2", "X-Ausername", "X-Asessionid", "X-Aaccountid", "X-Seraph-Loginreason", "Www-Authenticate", "X-Jira-Token-Reason",
		"Remote-User", "X-Atlassian-Account-Id", "Nel", "Report-To", "Strict-Transport-Security", "Access-Control-Allow-Origin",
		"Access-Control-Allow-Credentials", "X-Anything", "X-Jira-Token-Other",
	} {
		if values, ok := header[name]; ok {
			t.Errorf("%s: %s: %q came back", what, name, values)
		}
	}
}

// TestInboundHeadersKept: headers that clients of Jira's API read are kept, as Jira
// spells them.
func TestInboundHeadersKept(t *testing.T) {
	g := startGateway(t, options{site: "headers X-Tempo-Total"})
	read := g.issue("alice", "read")
	kept := []string{
		"ETag: W/\"x\"", "Last-Modified: x", "Cache-Control: no-store", "Expires: 0", "Vary: Accept", "Age: 1", "X-RateLimit-Limit: 5",
		"X-RateLimit-Remaining: 4", "X-RateLimit-FillRate: 1", "X-RateLimit-Interval-Seconds: 1", "X-RateLimit-Reset: 1", "X-RateLimit-NearLimit: false",
		"RateLimit-Reason: jira-burst-based", "Beta-RateLimit-Policy: \"q\";q=5", "Retry-After: 0", "X-AREQUESTID: 1x2", "atl-traceid: 3", "X-Trace-Id: 4",
		"Link: <https://media.example/x>; rel=\"next\"", "Deprecation: true", "Sunset: x", "Warning: 299 - x", "Content-Disposition: inline",
		"X-Content-Type-Options: nosniff", "Content-Security-Policy: sandbox", "Content-Language: de", "Accept-Ranges: bytes", "X-Tempo-Total: 7",
	}
	g.up.answerWith(reply("200 OK", "Content-Type: text/plain\r\n"+strings.Join(kept, "\r\n")+"\r\n"+secretHeaders, "x"))
	a := g.do("GET", issuePath, read.basic())
	g.check(t, a, passes)
	checkInboundHeaders(t, "header", a.header)
	for _, line := range kept {
		name, value, _ := strings.Cut(line, ": ")
		if got := a.header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("%s came back as %q", line, got)
		}
	}
	if got := a.header.Values("X-Jira-Token-Limited-By"); got != nil {
		t.Errorf("X-Jira-Token-Limited-By: %q came from Jira", got)
	}
	// Connection turns a header that would pass into one of Jira's connection only.
	g.up.answerWith(reply("200 OK", "Content-Type: text/plain\r\nConnection: X-AREQUESTID\r\nX-AREQUESTID: 1\r\n", "x"))
	if a := g.do("GET", issuePath, read.basic()); a.header.Get("X-Arequestid") != "" {
		t.Errorf("a hop-by-hop header came back: %q", a.header)
	}
}

func TestInboundHeaders(t *testing.T) {
	g := startGateway(t, options{})
	read := g.issue("alice", "read")
	const body = `{"a":1}`
	json := "Content-Type: application/json\r\n"
	for name, c := range map[string]struct {
		method, raw string
		status      int
		body        string
	}{
		"json":           {"GET", reply("200 OK", json+secretHeaders, body), 200, body},
		"text":           {"GET", reply("200 OK", "Content-Type: text/plain\r\n"+secretHeaders, body), 200, body},
		"not found":      {"GET", reply("404 Not Found", json+secretHeaders, body), 404, body},
		"forbidden":      {"GET", reply("403 Forbidden", json+secretHeaders, body), 403, body},
		"error":          {"GET", reply("500 Internal Server Error", json+secretHeaders, body), 500, body},
		"too many":       {"GET", reply("429 Too Many Requests", json+"Retry-After: 7\r\n"+secretHeaders, body), 429, body},
		"chunked":        {"GET", "HTTP/1.1 200 OK\r\n" + json + secretHeaders + "Transfer-Encoding: chunked\r\n\r\n7\r\n" + body + "\r\n0\r\n\r\n", 200, body},
		"until close":    {"GET", "HTTP/1.0 200 OK\r\n" + json + secretHeaders + "\r\n" + body, 200, body},
		"trailers":       {"GET", "HTTP/1.1 200 OK\r\n" + json + secretHeaders + "Trailer: Set-Cookie, X-AUSERNAME\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n" + body + "\r\n0\r\nSet-Cookie: JSESSIONID=t\r\nX-AUSERNAME: svc\r\nX-Other: 1\r\n\r\n", 200, body},
		"trailers, text": {"GET", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n" + body + "\r\n0\r\nSet-Cookie: JSESSIONID=t\r\nX-AUSERNAME: svc\r\n\r\n", 200, body},
		"early hints":    {"GET", "HTTP/1.1 103 Early Hints\r\n" + secretHeaders + "\r\n" + reply("200 OK", json, body), 200, body},
		"processing":     {"GET", "HTTP/1.1 102 Processing\r\n" + secretHeaders + "\r\n" + reply("200 OK", json, body), 200, body},
		"continue":       {"POST", "HTTP/1.1 100 Continue\r\n" + secretHeaders + "\r\n" + reply("200 OK", json, body), 200, body},
		"HEAD":           {"HEAD", "HTTP/1.1 200 OK\r\n" + json + secretHeaders + "Content-Length: 5000\r\n\r\n", 200, ""},
		"HEAD of text":   {"HEAD", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + secretHeaders + "Content-Length: 5000\r\n\r\n", 200, ""},
		"no content":     {"GET", "HTTP/1.1 204 No Content\r\n" + json + secretHeaders + "\r\n", 204, ""},
		"not modified":   {"GET", "HTTP/1.1 304 Not Modified\r\n" + json + "ETag: \"x\"\r\n" + secretHeaders + "\r\n", 304, ""},
		"reset content":  {"GET", reply("205 Reset Content", secretHeaders, ""), 205, ""},
		"empty json":     {"GET", reply("200 OK", json+secretHeaders, ""), 200, ""},
		"nominated":      {"GET", reply("200 OK", json+"Connection: X-Hop\r\nX-Hop: 1\r\n"+secretHeaders, body), 200, body},
		"redirect":       {"GET", reply("303 See Other", "Location: /rest/api/2/search/1\r\n"+secretHeaders, ""), 303, ""},
		"odd status":     {"GET", reply("299 Odd", json+secretHeaders, body), 299, body},
	} {
		t.Run(name, func(t *testing.T) {
			g.up.answer(func(x *exchange) {
				x.readBody()
				x.send(c.raw)
				x.close = strings.Contains(c.raw, "HTTP/1.0")
			})
			defer g.up.answer(nil)
			target := "/rest/api/2/search"
			a := g.check
			got := g.do(c.method, target, read.basic())
			a(t, got, want{c.status, "", 1})
			if got.body != c.body || got.err != nil {
				t.Errorf("got %s", got)
			}
			checkInboundHeaders(t, "header", got.header)
			checkInboundHeaders(t, "trailer", got.trailer)
			if _, ok := got.header["X-Hop"]; ok {
				t.Error("X-Hop came back")
			}
			for _, early := range got.early {
				checkInboundHeaders(t, early.Status, early.Header)
			}
			if name == "HEAD of text" && got.header.Get("Content-Length") != "5000" {
				t.Errorf("Content-Length is %q", got.header["Content-Length"])
			}
		})
	}
}

func TestInboundBodies(t *testing.T) {
	g := startGateway(t, options{})
	read, write := g.issue("alice", "read"), g.issue("alice", "write")

	t.Run("streams", func(t *testing.T) {
		for _, head := range []string{
			"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
			"Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
			"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
		} {
			goOn := make(chan struct{})
			g.up.answer(func(x *exchange) {
				x.send("HTTP/1.1 200 OK\r\n" + head + "5\r\nfirst\r\n")
				<-goOn
				x.send("4\r\nlast\r\n0\r\n\r\n")
			})
			conn := g.dial()
			_, _ = io.WriteString(conn, g.request("GET", issuePath, read.basic()))
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			part := make([]byte, 5)
			if _, err := io.ReadFull(response.Body, part); err != nil || string(part) != "first" {
				t.Errorf("%q: %q, %v", head, part, err)
			}
			close(goOn)
			if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != "last" {
				t.Errorf("%q: %q, %v", head, rest, err)
			}
			g.up.answer(nil)
			g.up.take()
		}
	})

	t.Run("gzip", func(t *testing.T) {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = io.WriteString(w, `{"self":"`+g.up.url()+`/rest/api/2/issue/1"}`)
		w.Close()
		g.up.answerWith(reply("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", zipped.String()))
		defer g.up.answer(nil)
		for _, headers := range []string{"", "Accept-Encoding: gzip\r\n", "Accept-Encoding: br, zstd\r\n"} {
			a := g.do("GET", issuePath, read.basic()+headers)
			g.check(t, a, passes)
			if a.body != `{"self":"http://`+g.addr+`/rest/api/2/issue/1"}` || a.header.Get("Content-Encoding") != "" {
				t.Errorf("%q: got %s, %q", headers, a, a.header)
			}
		}
		// A download is left alone, even if compressed.
		a := g.do("GET", "/secure/attachment/1/x.json", read.basic()+"Accept-Encoding: gzip\r\n")
		g.check(t, a, passes)
		if a.body != zipped.String() || a.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("download: got %s, %q", a, a.header)
		}
	})

	t.Run("ranges", func(t *testing.T) {
		g.up.answerWith("HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Range: bytes 2-6/10\r\nContent-Length: 5\r\n\r\nabcde")
		defer g.up.answer(nil)
		a := g.do("GET", "/secure/attachment/1/x.json", read.basic()+"Range: bytes=2-6\r\n")
		for _, seen := range g.check(t, a, want{206, "", 1}) {
			if seen.get("Range") != "bytes=2-6" {
				t.Errorf("arrived: %v", seen)
			}
		}
		if a.body != "abcde" || a.header.Get("Content-Length") != "5" || a.header.Get("Content-Range") != "bytes 2-6/10" {
			t.Errorf("got %s, %q", a, a.header)
		}
	})

	for name, c := range map[string]func(*exchange){
		"reset":            func(x *exchange) { x.reset() },
		"reset after body": func(x *exchange) { x.readBody(); x.reset() },
		"closes":           func(x *exchange) { x.close = true },
		"garbage":          func(x *exchange) { x.readBody(); x.send("SSH-2.0-OpenSSH\r\n\r\n"); x.close = true },
		"bad status":       func(x *exchange) { x.readBody(); x.send("HTTP/1.1 abc OK\r\n\r\n"); x.close = true },
		"bad header":       func(x *exchange) { x.readBody(); x.send("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"); x.close = true },
		"bad length": func(x *exchange) {
			x.readBody()
			x.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
			x.close = true
		},
		"switches": func(x *exchange) {
			x.readBody()
			x.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: JSESSIONID=x\r\n\r\n")
			x.close = true
		},
		"huge header": func(x *exchange) {
			x.readBody()
			x.send("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 12<<20) + "\r\n\r\n")
			x.close = true
		},
	} {
		for _, request := range []string{
			g.request("GET", issuePath, read.basic()),
			g.request("POST", "/rest/api/3/issue", write.basic(), "{}"),
			g.request("POST", "/rest/api/3/issue", write.basic(), ""),
		} {
			t.Run(name+" "+request[:4], func(t *testing.T) {
				// A good one first, so that an idle connection is used.
				g.check(t, g.do("GET", issuePath, read.basic()), passes)
				g.up.answer(c)
				defer g.up.answer(nil)
				a := g.send(request)
				seen := g.up.take()
				if a.status != 502 || a.reason() != "jira_unreachable" {
					t.Errorf("got %s", a)
				}
				checkErrorBody(t, a)
				checkInboundOnly(t, a)
				if strings.Contains(a.body, g.up.listener.Addr().String()) {
					t.Errorf("Jira's address is in the response: %s", a.body)
				}
				if request[:4] == "POST" && len(seen) != 1 {
					t.Errorf("%d requests arrived: %v", len(seen), seen)
				}
			})
		}
	}

	for name, raw := range map[string]string{
		"length":        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf",
		"length, json":  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half\":",
		"chunked":       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
		"chunked, json": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"h\"\r\n",
		"gzip":          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\xaaV",
	} {
		t.Run("truncated "+name, func(t *testing.T) {
			g.up.answer(func(x *exchange) { x.readBody(); x.send(raw); x.close = true })
			defer g.up.answer(nil)
			a := g.do("GET", issuePath, read.basic())
			g.up.take()
			if a.err == nil && a.status == 200 || a.status == 500 {
				t.Errorf("a truncated response looks complete: %s", a)
			}
		})
	}

	t.Run("hangs", func(t *testing.T) {
		arrived, release := make(chan struct{}), make(chan struct{})
		g.up.answer(func(x *exchange) { close(arrived); <-release; x.close = true })
		defer g.up.answer(nil)
		conn := g.dial()
		_, _ = io.WriteString(conn, g.request("GET", issuePath, read.basic()))
		<-arrived
		conn.Close() // the client gives up first
		close(release)
		g.up.take()
	})

	t.Run("down", func(t *testing.T) {
		g.up.stop()
		a := g.do("GET", issuePath, read.basic())
		g.check(t, a, refused(502, "jira_unreachable"))
		g.check(t, g.do("HEAD", issuePath, read.basic()), refused(502, "jira_unreachable"))
	})
}

// checkInboundOnly accepts the gateway's own reason header.
func checkInboundOnly(t *testing.T, a answer) {
	t.Helper()
	header := a.header.Clone()
	header.Del("X-Jira-Token-Reason")
	checkInboundHeaders(t, "header", header)
}

// TestTimeout: the client gets a response even if Jira never sends one.
func TestTimeout(t *testing.T) {
	g := startGateway(t, options{site: "transport http {\nresponse_header_timeout 100ms\n}"})
	read := g.issue("alice", "read")
	release := make(chan struct{})
	g.up.answer(func(x *exchange) { <-release; x.close = true })
	a := g.do("GET", issuePath, read.basic())
	close(release)
	if a.status != 502 && a.status != 504 || a.reason() != "jira_unreachable" {
		t.Errorf("got %s", a)
	}
}

func TestLinks(t *testing.T) {
	for _, o := range []options{{}, {jiraPath: "/jira"}, {site: "rewrite_links off"}, {site: "jira_base_url https://jira.example.com/x"}} {
		t.Run(o.jiraPath+o.site, func(t *testing.T) {
			g := startGateway(t, o)
			read := g.issue("alice", "read")
			jira, own := g.up.url()+o.jiraPath, "http://"+g.addr
			if strings.Contains(o.site, "off") {
				own = jira
			}
			body := func(base string) string {
				return fmt.Sprintf(`{"self":"%s/rest/api/2/issue/1","esc":"%s","html":"%s/browse/A-1","text":"see %s/rest/api/2/issue/1","media":"https://media.example/rest/api/2/x"}`,
					base, strings.ReplaceAll(base+"/rest/api/2/issue/2", "/", `\/`), jira, jira)
			}
			headers := func(base string) string {
				return "Location: " + base + "/rest/api/2/issue/1\r\nLink: <" + base + "/rest/api/2/x?a=1>; rel=\"next\"\r\n"
			}
			g.up.answerWith(reply("201 Created", "Content-Type: application/json\r\n"+headers(jira), body(jira)))
			a := g.do("GET", issuePath, read.basic())
			g.check(t, a, want{201, "", 1})
			if a.body != body(own) {
				t.Errorf("got  %s\nwant %s", a.body, body(own))
			}
			if got := "Location: " + a.header.Get("Location") + "\r\nLink: " + a.header.Get("Link") + "\r\n"; got != headers(own) {
				t.Errorf("got %q, want %q", got, headers(own))
			}
			if strings.Contains(o.site, "jira_base_url") {
				g.up.answerWith(reply("200 OK", "Content-Type: application/json\r\n", `{"self":"https://jira.example.com/x/rest/api/2/issue/1"}`))
				if a := g.do("GET", issuePath, read.basic()); a.body != `{"self":"`+own+`/rest/api/2/issue/1"}` {
					t.Errorf("got %s", a)
				}
			}
			// Links in downloads and to other hosts are left alone.
			for target, headers := range map[string]string{
				"/secure/attachment/1/x.json":         "Content-Type: application/json\r\n",
				"/rest/api/3/attachment/content/1":    "Content-Type: application/json\r\n",
				"/rest/api/3/issue/1/export":          "Content-Type: application/json\r\nContent-Disposition: attachment; filename=x.json\r\n",
				"/rest/api/3/issue/A-1/properties/xy": "Content-Type: text/csv\r\n",
			} {
				g.up.answerWith(reply("200 OK", headers, body(jira)))
				if a := g.do("GET", target, read.basic()); a.body != body(jira) || a.status != 200 {
					t.Errorf("%s: got %s", target, a)
				}
			}
			g.up.answerWith(reply("303 See Other", "Location: http://media.example/rest/api/2/x?sig=1\r\n", ""))
			if a := g.do("GET", "/secure/attachment/1/x", read.basic()); a.header.Get("Location") != "http://media.example/rest/api/2/x?sig=1" {
				t.Errorf("Location %q", a.header["Location"])
			}
		})
	}
}
