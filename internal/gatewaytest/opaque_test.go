package gatewaytest

import (
	"fmt"
	"strings"
	"testing"
)

// TestTargetsWithoutPath: a target that Go parses as an opaque URL has no path to
// check, but would be forwarded unchanged.
func TestTargetsWithoutPath(t *testing.T) {
	site := startGateway(t, options{site: "front site"})
	rewritten := startGateway(t, options{})
	rewritten.configure(options{upstream: rewritten.up, instead: "route {\nrewrite * /rest/api/2/search\njira_gateway " + rewritten.up.url() + "\n}"})
	if r := rewritten.reload(); r.code != 0 {
		t.Fatal(r)
	}
	for g, path := range map[*gateway]string{site: "/rest/auth/1/session", rewritten: "/rest/api/2/issue"} {
		credentials := ""
		if g == rewritten {
			credentials = g.issue("alice", "read").basic()
		}
		for _, target := range []string{"x:http://" + g.addr + path, "x:" + strings.TrimPrefix(path, "/")} {
			a := g.send("POST " + target + " HTTP/1.1\r\nHost: " + g.addr + "\r\n" + credentials + "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			if a.status != 400 {
				t.Errorf("%s: %s", target, a)
			}
		}
		if seen := g.up.take(); len(seen) != 0 {
			t.Errorf("arrived: %v", seen)
		}
	}
}

// TestChangesThatOtherPagesAskFor: a browser that remembers the token sends it for any
// page.
func TestChangesThatOtherPagesAskFor(t *testing.T) {
	g := startGateway(t, options{})
	tok := g.issue("alice", "write")
	for fetch, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200} {
		a := g.do("POST", "/rest/api/2/issue", tok.basic()+"Sec-Fetch-Site: "+fetch+"\r\n")
		if a.status != want || len(g.up.take()) != map[int]int{200: 1, 403: 0}[want] {
			t.Errorf("%s: %s", fetch, a)
		}
	}
}

// TestRefusedAccountIsNoFailureOfJira: with passive health checks and retries, a single
// refused resource neither marks Jira as down nor is requested again.
func TestRefusedAccountIsNoFailureOfJira(t *testing.T) {
	g := startGateway(t, options{site: "fail_duration 30s\nlb_try_duration 2s"})
	tok := g.issue("alice", "read")
	g.up.answer(func(x *exchange) {
		if strings.Contains(x.target(), "watchers") {
			x.send(reply("401 Unauthorized", "", ""))
			return
		}
		x.send(reply("200 OK", "Content-Type: application/json\r\n", `{"name":"svc"}`))
	})
	if a := g.do("GET", "/rest/api/2/issue/A-1/watchers", tok.basic()); a.status != 502 || a.reason() != "jira_rejected_account" {
		t.Errorf("%s", a)
	}
	// The gateway asks for myself in the background.
	var seen []*arrival
	eventually(t, "the request and myself to reach Jira", func() error {
		if seen = append(seen, g.up.take()...); len(seen) < 2 {
			return fmt.Errorf("Jira got %v", seen)
		}
		return nil
	})
	if len(seen) != 2 {
		t.Errorf("Jira got %v, want the request and myself", seen)
	}
	if a := g.do("GET", myself, tok.basic()); a.status != 200 {
		t.Errorf("afterwards: %s", a)
	}
}
