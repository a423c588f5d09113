package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

// TestPaths sends paths that two parsers could read differently, with a token that may
// do anything.
func TestPaths(t *testing.T) {
	g := startGateway(t, options{})
	read, admin := g.issue("alice", "read"), g.issue("alice", "admin")
	for _, path := range []string{
		"/rest/api/2/issue/../../../secure/admin", "/rest/api/2/./issue/A-1", "/rest/api/2/issue/..", "/rest/api/2/issue/.",
		"/rest/api/2/issue/..;/x", "/rest/api/2/issue/%2e%2e/x", "/rest/api/2/issue/%2E./x", "/rest/api/2/issue/.%2e",
		"/rest/api/2/issue%2fA-1", "/rest/api/2/issue/A-1%2Fcomment", "/rest/api/2/issue/A-1%5ccomment", `/rest/api/2/issue/A-1\comment`,
		"/rest/api/2/issue/A-1;jsessionid=1", "/rest/api/2/search;x", "/rest;x/api/2/issue/A-1", "/rest/api/2/issue/A-1%3bx",
		"//rest/api/2/issue/A-1", "/rest//api/2/issue/A-1", "/rest/api/2//issue", "/rest/api/2/issue//",
		"/rest/api/2/issue/%252e%252e", "/rest/api/2/issue/%25", "/rest/api/2/issue/%00", "/rest/api/2/issue/%0d%0aX:y",
		"/%72est/api/2/issue/A-1", "/rest/api/2/%69ssue/A-1", "/rest/api/2/issue/%c0%ae%c0%ae/x", "/rest/api/2/issue/%ff",
		"/rest/api/2/issue/%EF%BC%8F", "/rest/api/2/issue/%E2%80%A5/x", "/rest/api/2/issue/...json",
		"/secure/attachment/1/..%2f..%2fx", "/secure/attachment/1/%252e%252e", "/secure/attachment/1/a;x",
	} {
		t.Run(path, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				a := g.do(method, path, admin.basic(), "{}")
				seen := g.up.take()
				if a.status != 400 || len(seen) > 0 {
					t.Errorf("%s: got %s, Jira got %v", method, a, seen)
				}
				if a.reason() != "" {
					checkErrorBody(t, a)
				}
			}
		})
	}
	// Unambiguous paths that should have been encoded arrive encoded.
	for path, arrives := range map[string]string{
		"/rest/api/2/issue/A|B": "/rest/api/2/issue/A%7CB", `/rest/api/2/issue/"`: "/rest/api/2/issue/%22", "/rest/api/2/issue/<x>": "/rest/api/2/issue/%3Cx%3E",
		"/rest/api/2/issue/A^1": "/rest/api/2/issue/A%5E1", "/rest/api/2/issue/{x}": "/rest/api/2/issue/%7Bx%7D", "/rest/api/2/issue/é": "/rest/api/2/issue/%C3%A9",
	} {
		for _, seen := range g.check(t, g.do("GET", path, read.basic()), passes) {
			if seen.target() != arrives {
				t.Errorf("%s arrived as %s", path, seen.target())
			}
		}
	}
	no := refused(403, "scope_insufficient")
	for target, w := range map[string]want{
		"/rest/api/2/search.json":                          no, // not an operation on Cloud
		"/rest/api/2/issue.json":                           no,
		"/rest/api/2/issue/A-1/comment.xml":                no,
		"/REST/api/2/issue":                                refused(403, "path_denied"),
		"/rest/API/2/issue":                                no,
		"/rest/api/2/ISSUE":                                no,
		"/rest/api/2/issue/":                               no,
		"/rest/api/2/search/x":                             no,
		"/rest/api/2/search?x=../../issue":                 passes,
		"/rest/api/2/search?/../issue":                     passes,
		"/rest/api/2/search?a?b?c":                         passes,
		"/rest/api/2/issue?/rest/api/2/search":             no,
		"/rest/api/2/search#/../issue":                     {status: 400},
		"/rest/api/9/search":                               passes,
		"/rest/api/2/search.json.xml":                      no,
		"/rest/api/2/issue.json.json.json":                 no,
		"/rest/api/2/search.jspa":                          refused(403, "path_denied"),
		"/rest/api/2/project.json":                         no,
		"/secure/attachment/1/a%2525.pdf":                  refused(403, "path_denied"),
		"/rest/api/2/search%20":                            no,
		"/rest/api/2/search%7e":                            no,
		"/rest/api/2/%EF%BC%B3earch":                       no, // fullwidth S
		"/rest/pat/latest/tokens.json":                     refused(403, "path_denied"),
		"/rest/PAT/latest/tokens":                          refused(403, "path_denied"),
		"/rest/api/2/search" + strings.Repeat(".json", 20): refused(403, "path_denied"),
	} {
		t.Run("POST "+target, func(t *testing.T) {
			a := g.do("POST", target, read.basic(), "{}")
			if w.status == 400 { // by Caddy or by the gateway
				if seen := g.up.take(); a.status != 400 || len(seen) > 0 {
					t.Errorf("got %s, Jira got %v", a, seen)
				}
				return
			}
			for _, seen := range g.check(t, a, w) {
				if seen.target() != target {
					t.Errorf("arrived as %s", seen.line)
				}
			}
		})
	}
}

// TestRequestTargets sends request lines in other forms.
func TestRequestTargets(t *testing.T) {
	g := startGateway(t, options{})
	read := g.issue("alice", "read")
	line := func(line, headers string) string {
		return line + "\r\nHost: " + g.addr + "\r\n" + read.basic() + headers + "Connection: close\r\n\r\n"
	}
	absolute := "http://" + g.addr
	for name, c := range map[string]struct {
		raw    string
		target string // as it reaches Jira; "" if it must not
	}{
		"absolute":                 {line("GET "+absolute+issuePath+" HTTP/1.1", ""), issuePath},
		"absolute https":           {line("GET https://"+g.addr+issuePath+" HTTP/1.1", ""), issuePath},
		"absolute, dots":           {line("GET "+absolute+"/rest/api/2/../x HTTP/1.1", ""), ""},
		"absolute, no path":        {line("GET "+absolute+" HTTP/1.1", ""), ""},
		"absolute, query only":     {line("GET "+absolute+"?x=/rest/api/2/myself HTTP/1.1", ""), ""},
		"absolute, write":          {line("PUT "+absolute+issuePath+" HTTP/1.1", ""), ""},
		"absolute, other host":     {line("GET http://evil.example"+issuePath+" HTTP/1.1", ""), ""},
		"absolute, user":           {line("GET http://u:p@"+g.addr+issuePath+" HTTP/1.1", ""), issuePath},
		"absolute to Jira":         {line("GET "+g.up.url()+issuePath+" HTTP/1.1", ""), issuePath},
		"opaque":                   {line("GET x:"+issuePath+" HTTP/1.1", ""), issuePath},
		"file":                     {line("GET file:///rest/api/2/myself HTTP/1.1", ""), "/rest/api/2/myself"},
		"OPTIONS *":                {line("OPTIONS * HTTP/1.1", ""), ""},
		"GET *":                    {line("GET * HTTP/1.1", ""), ""},
		"CONNECT":                  {line("CONNECT "+g.addr+" HTTP/1.1", ""), ""},
		"CONNECT to Jira":          {line("CONNECT "+strings.TrimPrefix(g.up.url(), "http://")+" HTTP/1.1", ""), ""},
		"CONNECT path":             {line("CONNECT "+issuePath+" HTTP/1.1", ""), ""},
		"no slash":                 {line("GET rest/api/2/myself HTTP/1.1", ""), ""},
		"two slashes, host":        {line("GET //"+g.addr+issuePath+" HTTP/1.1", ""), ""},
		"empty":                    {line("GET  HTTP/1.1", ""), ""},
		"space in target":          {line("GET /rest/api/2/my self HTTP/1.1", ""), ""},
		"tab in target":            {line("GET /rest/api/2/my\tself HTTP/1.1", ""), ""},
		"zero in target":           {line("GET /rest/api/2/my\x00self HTTP/1.1", ""), ""},
		"HTTP/1.0":                 {line("GET "+issuePath+" HTTP/1.0", ""), issuePath},
		"HTTP/1.0 without host":    {"GET " + issuePath + " HTTP/1.0\r\n" + read.basic() + "\r\n", ""},
		"HTTP/0.9":                 {"GET " + issuePath + "\r\n\r\n", ""},
		"HTTP/2.0":                 {line("GET "+issuePath+" HTTP/2.0", ""), ""},
		"HTTP/1.2":                 {line("GET "+issuePath+" HTTP/1.2", ""), issuePath},
		"http/1.1":                 {line("GET "+issuePath+" http/1.1", ""), ""},
		"no host":                  {"GET " + issuePath + " HTTP/1.1\r\n" + read.basic() + "Connection: close\r\n\r\n", ""},
		"empty host":               {"GET " + issuePath + " HTTP/1.1\r\nHost:\r\n" + read.basic() + "Connection: close\r\n\r\n", ""},
		"two hosts":                {line("GET "+issuePath+" HTTP/1.1", "Host: evil.example\r\n"), ""},
		"bad host":                 {strings.Replace(line("GET "+issuePath+" HTTP/1.1", ""), "Host: ", "Host: a/b@", 1), ""},
		"bare line feeds":          {strings.ReplaceAll(line("GET "+issuePath+" HTTP/1.1", ""), "\r\n", "\n"), issuePath},
		"carriage return in value": {line("GET "+issuePath+" HTTP/1.1", "X: a\rY: b\r\n"), ""},
		"zero in value":            {line("GET "+issuePath+" HTTP/1.1", "X: a\x00b\r\n"), ""},
		"folded header":            {line("GET "+issuePath+" HTTP/1.1", "X-A: 1\r\n Authorization: Bearer x\r\n"), issuePath},
		"header without colon":     {line("GET "+issuePath+" HTTP/1.1", "Foo\r\n"), ""},
		"header without name":      {line("GET "+issuePath+" HTTP/1.1", ": x\r\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.send(c.raw)
			seen := g.up.take()
			switch {
			case a.status >= 500 && a.status != 505:
				t.Errorf("got %s", a)
			case c.target == "" && len(seen) > 0:
				t.Errorf("arrived: %v", seen)
			case c.target != "" && (len(seen) != 1 || seen[0].target() != c.target || a.status != 200):
				t.Errorf("got %s, Jira got %v, want %s", a, seen, c.target)
			}
			for _, s := range seen {
				if strings.Contains(s.get("Host"), "evil") || s.get("Authorization") != "Basic "+accountBasic {
					t.Errorf("Jira got %v", s)
				}
			}
		})
	}
}

// TestSmuggling sends requests that two parsers could see ending at different places.
// Whatever the gateway makes of the first one, its body must not become a second one.
func TestSmuggling(t *testing.T) {
	g := startGateway(t, options{})
	read := g.decoy("alice", "read") // appears in bodies here
	arrived := make(map[string]int)
	smuggled := "DELETE /rest/api/2/issue/SMUGGLED-1 HTTP/1.1\r\nHost: x\r\nX: "
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)
	for name, c := range map[string]struct{ headers, body string }{
		"CL.TE":                     {fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", 5+len(smuggled)), "0\r\n\r\n" + smuggled},
		"TE.CL":                     {"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked},
		"TE.TE":                     {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked},
		"TE list":                   {"Transfer-Encoding: gzip, chunked\r\n", chunked},
		"TE, x":                     {"Transfer-Encoding: xchunked\r\n", chunked},
		"TE, tab":                   {"Transfer-Encoding:\tchunked\r\n", chunked},
		"TE, space before colon":    {"Transfer-Encoding : chunked\r\n", chunked},
		"TE, vertical tab":          {"Transfer-Encoding: \vchunked\r\n", chunked},
		"TE folded":                 {"Transfer-Encoding:\r\n chunked\r\n", chunked},
		"TE, upper case":            {"TRANSFER-ENCODING: CHUNKED\r\n", chunked},
		"TE underscore":             {"Transfer_Encoding: chunked\r\nContent-Length: 4\r\n", chunked},
		"two lengths":               {"Content-Length: 0\r\nContent-Length: 60\r\n", smuggled},
		"two lengths, joined":       {"Content-Length: 0, 60\r\n", smuggled},
		"length with plus":          {"Content-Length: +60\r\n", smuggled},
		"length negative":           {"Content-Length: -1\r\n", smuggled},
		"length in hex":             {"Content-Length: 0x10\r\n", smuggled},
		"length with tab":           {"Content-Length: \t4\r\n", "1234" + smuggled},
		"length in other case":      {"content-length: 2\r\ncontent-LENGTH: 90\r\n", "{}" + smuggled},
		"length nominated":          {"Connection: Content-Length\r\nContent-Length: 60\r\n", smuggled},
		"TE nominated":              {"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", chunked},
		"chunk extension":           {"Transfer-Encoding: chunked\r\n", "2;a=\"\r\n\"\r\n{}\r\n0\r\n\r\n" + smuggled},
		"chunk extension, bare LF":  {"Transfer-Encoding: chunked\r\n", "2;\n{}\r\n0\r\n\r\n" + smuggled},
		"chunk size with 0x":        {"Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n" + smuggled},
		"chunk size with space":     {"Transfer-Encoding: chunked\r\n", "2 \r\n{}\r\n0\r\n\r\n" + smuggled},
		"chunk size overflows":      {"Transfer-Encoding: chunked\r\n", "100000000000000002\r\n{}\r\n0\r\n\r\n" + smuggled},
		"chunk longer than told":    {"Transfer-Encoding: chunked\r\n", "2\r\n{}XX\r\n0\r\n\r\n" + smuggled},
		"chunk, bare LF":            {"Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n" + smuggled},
		"trailer, request-like":     {"Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n" + strings.ReplaceAll(smuggled, " HTTP/1.1\r\n", ": x\r\n") + "\r\n\r\n"},
		"upgrade, then request":     {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n", "{}" + smuggled},
		"websocket, then request":   {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 2\r\n", "{}" + smuggled},
		"expect and no body":        {"Expect: 100-continue\r\nContent-Length: 60\r\n", smuggled},
		"length and no body":        {"Content-Length: 500\r\n", smuggled},
		"header with line feed":     {"X-A: b\nContent-Length: 2\r\n", "{}" + smuggled},
		"method override":           {"X-HTTP-Method-Override: DELETE\r\nX_HTTP_Method_Override: DELETE\r\nContent-Length: 2\r\n", "{}"},
		"value with encoded breaks": {"X-A: b%0d%0aX-B: c\r\nContent-Length: 2\r\n", "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := g.dial()
			// The last request ends the connection. It is long enough to complete
			// whatever body the gateway may be waiting for.
			last := "GET /rest/api/2/myself HTTP/1.1\r\nHost: " + g.addr + "\r\n" + read.basic() + "X-Pad: " + strings.Repeat("A", 2000) + "\r\nConnection: close\r\n\r\n"
			raw := "POST /rest/api/2/search?" + url.QueryEscape(name) + " HTTP/1.1\r\nHost: " + g.addr + "\r\n" + read.basic() + "Content-Type: application/json\r\n" + c.headers + "\r\n" + c.body
			if _, err := io.WriteString(conn, raw+last); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(conn)
			for a := g.read(reader, "POST"); a.err == nil; a = g.read(reader, "POST") {
				if a.status >= 500 && a.status != 501 && a.reason() == "" {
					t.Errorf("got %s", a)
				}
			}
			for _, s := range g.up.take() {
				arrived[s.line]++
				for _, name := range s.names() {
					if strings.Contains(name, "override") || name == "upgrade" || name == "http2-settings" || name == "x-b" {
						t.Errorf("header %s arrived", name)
					}
				}
			}
		})
	}
	// A truncated request may reach Jira after its denial, so count them at the
	// end.
	for line, times := range arrived {
		if !strings.HasPrefix(line, "POST /rest/api/2/search") && line != "GET /rest/api/2/myself HTTP/1.1" || times > 1 && line[0] == 'P' {
			t.Errorf("%s arrived %d times", line, times)
		}
	}
	// Other requests on the same connection to Jira are unaffected.
	eventually(t, "the last request", func() error {
		if a := g.do("GET", issuePath, read.basic()); a.status != 200 {
			return fmt.Errorf("got %s", a)
		}
		return nil
	})
}
