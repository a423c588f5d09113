package gatewaytest

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestKeptConnectionThatCloses: Jira closes an idle connection just as a request
// arrives. Reads are retried, including searches by POST; changes are not.
func TestKeptConnectionThatCloses(t *testing.T) {
	g := startGateway(t, options{})
	tok := g.issue("alice", "write")
	search := `{"jql":"` + strings.Repeat("x", 50_000) + `"}`
	for name, c := range map[string]struct {
		method, target, body string
		status, arrivals     int
	}{
		"GET":            {"GET", issuePath, "", http.StatusOK, 2},
		"search by POST": {"POST", "/rest/api/3/search/jql", search, http.StatusOK, 2},
		"change":         {"POST", "/rest/api/3/issue", "{}", http.StatusBadGateway, 1},
	} {
		for how, leave := range map[string]func(*exchange){
			"closes": func(x *exchange) { x.readBody(); x.close = true },
			"resets": func(x *exchange) { x.reset() },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				g.check(t, g.do("GET", issuePath, tok.basic()), passes) // leaves an idle connection
				var came atomic.Int32
				g.up.answer(func(x *exchange) {
					if came.Add(1) == 1 {
						leave(x)
						return
					}
					usual(x)
				})
				defer g.up.answer(nil)
				a := g.send(g.request(c.method, c.target, tok.basic(), c.body))
				seen := g.up.take()
				if a.status != c.status || len(seen) != c.arrivals {
					t.Errorf("got %s; %d requests reached Jira", a, len(seen))
				}
				if c.status == http.StatusOK && seen[len(seen)-1].body != c.body {
					t.Errorf("the retry had %d bytes of %d", len(seen[len(seen)-1].body), len(c.body))
				}
				for _, arrived := range seen {
					if arrived.values("Idempotency-Key") != nil {
						t.Error("Idempotency-Key reached Jira")
					}
				}
			})
		}
	}
}

// TestOneClientsBrokenUploads: broken uploads do not make the proxy consider Jira down.
func TestOneClientsBrokenUploads(t *testing.T) {
	g := startGateway(t, options{site: "fail_duration 1h\nmax_fails 1"})
	bad, good := g.issue("mallory", "write"), g.issue("alice", "write")
	head := func(target, framing string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bad.basic() + "Content-Type: application/json\r\n" + framing + "\r\n"
	}
	for _, target := range []string{"/rest/api/3/issue", "/rest/api/3/search/jql", "/rest/api/3/issue/A-1/attachments"} {
		if a := g.send(head(target, "Transfer-Encoding: chunked\r\n") + "zz\r\n"); a.status != http.StatusBadRequest || a.reason() != "ambiguous_request" {
			t.Errorf("%s: got %s", target, a)
		}
		for _, cut := range []string{
			head(target, "Content-Length: 1000\r\n") + "{",
			head(target, "Transfer-Encoding: chunked\r\n") + "5\r\n{",
		} {
			conn := g.dial()
			_, _ = io.WriteString(conn, cut) // the gateway may have closed the connection already
			conn.Close()
		}
	}
	// Once the last one has been handled, all have.
	eventually(t, "the truncated requests to end", func() error {
		_, metrics := g.adminCall("GET", "/metrics", "")
		if !strings.Contains(metrics, `caddy_http_requests_in_flight{handler="subroute",server="srv0"} 0`) {
			return io.ErrNoProgress
		}
		return nil
	})
	if a := g.do("GET", issuePath, good.basic()); a.status != http.StatusOK {
		t.Errorf("others are denied: %s", a)
	}
}

// TestBrokenUploadsWithoutToken: nor do uploads of anonymous clients that front site
// lets through.
func TestBrokenUploadsWithoutToken(t *testing.T) {
	g := startGateway(t, options{site: "front site\nfail_duration 1h\nmax_fails 1"})
	good := g.issue("alice", "write")
	head := func(framing string) string {
		return "POST /secure/x HTTP/1.1\r\nHost: 127.0.0.1\r\n" + framing + "\r\n"
	}
	if a := g.send(head("Transfer-Encoding: chunked\r\n") + "ZZ\r\n"); a.status != http.StatusBadRequest {
		t.Errorf("got %s", a)
	}
	for _, cut := range []string{head("Content-Length: 1000\r\n") + "{", head("Transfer-Encoding: chunked\r\n") + "5\r\n{"} {
		conn := g.dial()
		_, _ = io.WriteString(conn, cut) // the gateway may have closed the connection already
		conn.Close()
	}
	eventually(t, "the truncated requests to end", func() error {
		_, metrics := g.adminCall("GET", "/metrics", "")
		if !strings.Contains(metrics, `caddy_http_requests_in_flight{handler="subroute",server="srv0"} 0`) {
			return io.ErrNoProgress
		}
		return nil
	})
	if a := g.do("GET", issuePath, good.basic()); a.status != http.StatusOK {
		t.Errorf("others are denied: %s", a)
	}
}

// TestNodesOfDataCenter: lb_policy cookie keeps a client on one node. The cookie stays
// between the client and the gateway.
func TestNodesOfDataCenter(t *testing.T) {
	for _, policy := range []string{"cookie", "cookie node secret", "ip_hash", "client_ip_hash"} {
		t.Run(policy, func(t *testing.T) {
			second := newUpstream(t)
			g := startGateway(t, options{site: "to " + second.url() + "\nlb_policy " + policy})
			tok := g.issue("alice", "read")
			cookie := ""
			nodes := make(map[bool]int)
			for range 12 {
				a := g.do("GET", issuePath, tok.basic()+cookie)
				if a.status != http.StatusOK {
					t.Fatalf("got %s", a)
				}
				if set := a.header.Get("Set-Cookie"); set != "" {
					name, value, _ := strings.Cut(set, "=")
					value, _, _ = strings.Cut(value, ";")
					if cookie != "" || !strings.HasPrefix(policy, "cookie") || name == "JSESSIONID" {
						t.Errorf("Set-Cookie: %s", set)
					}
					cookie = "Cookie: JSESSIONID=stolen; " + name + "=" + value + "\r\n"
				}
				here, there := g.up.take(), second.take()
				nodes[len(here) > 0]++
				for _, arrived := range append(here, there...) {
					if arrived.values("Cookie") != nil {
						t.Errorf("a cookie reached Jira: %v", arrived.values("Cookie"))
					}
				}
			}
			if len(nodes) != 1 {
				t.Errorf("one client went to both nodes: %v", nodes)
			}
			if strings.HasPrefix(policy, "cookie") && cookie == "" {
				t.Error("no cookie was set")
			}
		})
	}
}

// TestLongHand: jira_gateway is shorthand for jira_token_auth and a reverse_proxy with
// the jira transport.
func TestLongHand(t *testing.T) {
	up := newUpstream(t)
	g := startGateway(t, options{upstream: up, instead: `
		jira_token_auth
		reverse_proxy ` + up.url() + ` {
			transport jira {
				url ` + up.url() + `
				response_header_timeout 30s
			}
		}`})
	tok := g.issue("alice", "read")
	up.answerWith(reply("200 OK", "Content-Type: application/json\r\nSet-Cookie: JSESSIONID=x\r\n", `{"self":"`+up.url()+`/rest/api/3/issue/1"}`))
	a := g.do("GET", issuePath, tok.basic()+"Cookie: JSESSIONID=y\r\n")
	for _, arrived := range g.check(t, a, passes) {
		if arrived.get("Authorization") != "Basic "+accountBasic || arrived.get("Cookie") != "" {
			t.Errorf("Jira got %v", arrived.headers)
		}
	}
	if a.body != `{"self":"http://`+g.addr+`/rest/api/3/issue/1"}` || a.header.Get("Set-Cookie") != "" {
		t.Errorf("got %s %v", a, a.header)
	}
}

// TestContextPathOfTheClient: a gateway mounted at Jira's own context path produces
// links below that path.
func TestContextPathOfTheClient(t *testing.T) {
	up := newUpstream(t)
	g := startGateway(t, options{upstream: up, instead: `
		handle /jira/* {
			jira_gateway ` + up.url() + `/jira
		}
		handle {
			respond "another handler" 200
		}`})
	tok := g.issue("alice", "read")
	up.answerWith(reply("201 Created", "Content-Type: application/json\r\nLocation: /jira/rest/api/3/issue/2\r\n", `{"self":"`+up.url()+`/jira/rest/api/3/issue/1"}`))
	a := g.do("GET", "/jira"+issuePath, tok.basic())
	g.check(t, a, want{201, "", 1})
	if own := "http://" + g.addr + "/jira/rest/api/3/issue/"; a.body != `{"self":"`+own+`1"}` || a.header.Get("Location") != own+"2" {
		t.Errorf("got %s %v", a, a.header)
	}
}
