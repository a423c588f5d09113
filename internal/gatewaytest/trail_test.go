package gatewaytest

import (
	"bufio"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const createPath, newIssue = "/rest/api/2/issue", `{"fields":{"project":{"key":"ACME"},"summary":"secret-summary"}}`

// created is Jira's answer to a request that creates an issue.
var created = reply("201 Created", "Content-Type: application/json\r\nX-AREQUESTID: 495x1x1\r\n", `{"id":"10000","key":"ACME-24","self":"https://jira.example.com/rest/api/2/issue/10000"}`)

// requestEvents returns the events about requests, with these filters.
func (g *gateway) requestEvents(filters ...string) []storage.Event {
	g.t.Helper()
	query := url.Values{"action": {"denied,write,write_begun,events_lost"}, "limit": {"1000"}}
	for i := 0; i < len(filters); i += 2 {
		query.Set(filters[i], filters[i+1])
	}
	var page struct{ Events []storage.Event }
	g.call("GET", "/jira_tokens/audit?"+query.Encode(), nil, http.StatusOK, &page)
	return page.Events
}

// eventuallyRecorded waits for this many requests to be in the trail, and returns their
// events.
func (g *gateway) eventuallyRecorded(t *testing.T, requests int, filters ...string) (events []storage.Event) {
	t.Helper()
	eventually(t, "requests to be in the audit trail", func() error {
		events = g.requestEvents(filters...)
		n := 0
		for _, e := range events {
			n += int(max(1, e.Count))
		}
		if n != requests {
			return fmt.Errorf("%d events for %d requests, want %d: %+v", len(events), n, requests, events)
		}
		return nil
	})
	return events
}

// TestRequestsOnRecord sends requests that are denied, change something or read.
func TestRequestsOnRecord(t *testing.T) {
	redis := redistest.Start(t)
	for name, store := range map[string]string{"file": "", "redis": redisStore(redis)} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, options{store: store, apps: "audit {\n}"})
			reader, writer := g.issue("alice", "read"), g.issue("bob", "write")
			g.check(t, g.do("GET", issuePath, reader.basic()), passes)
			for range 3 {
				g.check(t, g.do("PUT", "/rest/api/2/issue/ACME-7?x=secret-query", reader.basic()+"User-Agent: BI tool/1.0\r\n", "{}"), refused(403, "scope_insufficient"))
			}
			for range 2 {
				g.check(t, g.do("GET", issuePath, basic("alice", "secret-password")), refused(401, "invalid_token"))
			}
			g.check(t, g.do("GET", issuePath, ""), refused(401, "no_credentials"))
			g.up.answerWith(created)
			g.check(t, g.do("POST", createPath, writer.basic(), newIssue), want{201, "", 1})

			events := g.eventuallyRecorded(t, 7)
			for _, w := range []struct {
				tok   issued
				count uint64
				event storage.EventRequest
			}{
				{reader, 3, storage.EventRequest{Method: "PUT", Path: "/rest/api/2/issue/ACME-7", Operation: "PUT /rest/api/2/issue/{issueIdOrKey}", Access: "write", Account: "default", Project: "ACME", Issue: "ACME-7", Status: 403, Reason: "scope_insufficient"}},
				{issued{}, 2, storage.EventRequest{Method: "GET", Path: issuePath, Status: 401, Reason: "invalid_token"}},
				{issued{}, 0, storage.EventRequest{Method: "GET", Path: issuePath, Status: 401, Reason: "no_credentials"}},
				{writer, 0, storage.EventRequest{Method: "POST", Path: createPath, Operation: "POST /rest/api/2/issue", Access: "write", Account: "default", Project: "ACME", Issue: "ACME-24", Status: 201, JiraRequestID: "495x1x1"}},
			} {
				found := 0
				for _, e := range events {
					if *e.Request == w.event && e.Count == w.count && e.TokenID == w.tok.ID && e.Owner == w.tok.Owner && e.Actor.Address == "127.0.0.1" && (w.tok.ID == "" || e.Actor.Name == w.tok.Owner) {
						found++
					}
				}
				if found != 1 {
					t.Errorf("%d events like %+v in %+v", found, w, events)
				}
			}
			if events := g.requestEvents("project", "acme", "owner", "ALICE", "actor", "127.0.0.1"); len(events) != 1 || events[0].Actor.Claim != "BI tool/1.0" {
				t.Errorf("with filters: %+v", events)
			}
			if events := g.requestEvents("until", "1h"); len(events) != 0 {
				t.Errorf("until an hour ago: %+v", events)
			}
		})
	}
}

// TestNoSecretOnRecord puts markers into every part of requests, most of which are
// denied.
func TestNoSecretOnRecord(t *testing.T) {
	g := startGateway(t, options{site: "front site"})
	tok, other := g.issue("alice", "read"), g.decoy("bob", "write")
	marker := 0
	mark := func() string {
		marker++
		return fmt.Sprintf("m4rk3r%d", marker)
	}
	bodies := func() string { return `{"fields":{"summary":"` + mark() + `"},"` + mark() + `":1}` }
	headers := func() string {
		return "Cookie: JSESSIONID=" + mark() + "\r\nX-Api-Key: " + mark() + "\r\nReferer: https://" + mark() + "/\r\nX-Forwarded-User: " + mark() + "\r\n"
	}
	for _, credentials := range []string{
		tok.basic(), basic(mark(), mark()), basic("alice", tok.Token+mark()), "Authorization: Bearer " + mark() + "\r\n",
		"Authorization: " + mark() + " " + mark() + "\r\n", basic(mark(), other.Token), basic(other.Token, mark()),
	} {
		g.do("POST", createPath+"?os_password="+mark()+"&"+mark()+"=1#"+mark(), credentials+headers(), bodies())
		g.do("GET", issuePath+";jsessionid="+mark(), credentials+headers())
		g.do("GET", "/rest/api/2/issue/"+other.Token, credentials+headers())
		g.do("GET", "/rest/api/2/issue/"+base64.StdEncoding.EncodeToString([]byte(other.Token)), credentials)
		g.do("GET", issuePath+"?x="+other.Token, credentials+"User-Agent: "+other.Token+"\r\n")
	}
	events := g.eventuallyRecorded(t, countDenied(g))
	if len(events) < 5 {
		t.Errorf("only %d events: %+v", len(events), events)
	}
	for _, args := range [][]string{{"audit"}, {"audit", "-o", "json"}, {"audit", "-o", "csv"}} {
		out := g.token(args...).out
		if i := strings.Index(out, "m4rk3r"); i >= 0 {
			t.Errorf("%q: a marker is in the trail: …%s", args, out[max(0, i-300):i+20])
		}
		if strings.Contains(out, other.Token[14:]) || strings.Contains(out, tok.Token[14:]) {
			t.Errorf("%q: a token is in the trail", args)
		}
	}
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, "jira_tokens.audit") && strings.Contains(line, "m4rk3r") {
			t.Errorf("a marker is in the log: %s", line)
		}
	}
}

// countDenied returns how many requests the gateway has denied.
func countDenied(g *gateway) int {
	_, metrics, _ := g.tryAdmin("GET", "/metrics", "")
	n := 0
	for line := range strings.Lines(metrics) {
		var count int
		if strings.HasPrefix(line, `jira_tokens_requests_total{`) && strings.Contains(line, `decision="denied"`) {
			_, _ = fmt.Sscan(line[strings.LastIndexByte(strings.TrimSpace(line), ' '):], &count)
			n += count
		}
	}
	return n
}

// TestTrailIsWrittenAtTheEnd: neither a reload nor a graceful shutdown loses events.
func TestTrailIsWrittenAtTheEnd(t *testing.T) {
	g := startGateway(t, options{})
	tok := g.issue("alice", "write")
	g.up.answerWith(created)
	for range 5 {
		g.check(t, g.do("POST", createPath, tok.basic(), newIssue), want{201, "", 1})
		g.check(t, g.do("GET", issuePath, ""), refused(401, "no_credentials"))
	}
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	for range 5 {
		g.check(t, g.do("POST", createPath, tok.basic(), newIssue), want{201, "", 1})
		g.check(t, g.do("GET", issuePath, ""), refused(401, "no_credentials"))
	}
	g.stop()
	g.start()
	g.eventuallyRecorded(t, 20)
}

// TestStrictTrailSurvivesKill: what was acknowledged is on record.
func TestStrictTrailSurvivesKill(t *testing.T) {
	g := startGateway(t, options{apps: "audit strict"})
	tok := g.issue("alice", "write")
	g.up.answerWith(created)
	g.check(t, g.do("POST", createPath, tok.basic(), newIssue), want{201, "", 1})
	g.check(t, g.do("GET", issuePath, ""), refused(401, "no_credentials"))
	g.check(t, g.do("GET", issuePath, ""), refused(401, "no_credentials"))
	_ = g.cmd.Process.Kill()
	<-g.exited
	g.start()
	counts := make(map[string]int)
	for _, e := range g.requestEvents() {
		counts[e.Action] += int(max(1, e.Count))
	}
	if counts["write_begun"] != 1 || counts["write"] != 1 || counts["denied"] != 2 {
		t.Errorf("on record: %v", counts)
	}
	g.up.take()
	// A change that Jira never answers has begun.
	process, exited := g.cmd.Process, g.exited // g has others once it has started again
	g.up.answer(func(x *exchange) {
		x.readBody()
		_ = process.Kill()
		<-exited
	})
	_, _ = io.WriteString(g.dial(), g.request("POST", createPath, tok.basic(), newIssue))
	<-exited
	g.up.answer(nil)
	g.start()
	if events := g.requestEvents("action", "write_begun,write"); len(events) != 3 || events[2].Action != "write_begun" {
		t.Errorf("on record: %+v", events)
	}
}

// TestTrailWhileRedisIsAway: requests go on, and are on record afterwards; unless the
// trail is strict, which refuses changes and denials.
func TestTrailWhileRedisIsAway(t *testing.T) {
	for name, test := range map[string]struct {
		apps          string
		write, denied want
		recorded      int
	}{
		"queued": {"", want{201, "", 1}, refused(403, "scope_insufficient"), 4},
		"strict": {"audit {\nstrict\n}", refused(503, "store_unavailable"), refused(503, "store_unavailable"), 4},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
			g := startGateway(t, options{store: "store redis {\naddress " + server.Addr + "\n}", apps: test.apps + "\ncache {\nttl 1h\n}"})
			tok, reader := g.issue("alice", "write"), g.issue("bob", "read")
			for _, tok := range []issued{tok, reader} {
				g.check(t, g.do("GET", issuePath, tok.basic()), passes)
			}
			server.Kill()
			g.eventuallyLogged(t, "the token store does not answer")
			g.up.answerWith(created)
			for range 2 {
				g.check(t, g.do("POST", createPath, tok.basic(), newIssue), test.write)
				g.check(t, g.do("POST", createPath, reader.basic(), newIssue), test.denied)
			}
			g.up.answer(nil)
			g.check(t, g.do("GET", issuePath, tok.basic()), passes)
			server.Restart()
			eventually(t, "the store to be back", func() error {
				status, _ := g.adminCall("GET", "/jira_tokens/audit?limit=1", "")
				if status != http.StatusOK {
					return fmt.Errorf("HTTP %d", status)
				}
				return nil
			})
			g.eventuallyRecorded(t, test.recorded)
			g.up.answerWith(created)
			eventually(t, "a change to be accepted", func() error {
				if a := g.do("POST", createPath, tok.basic(), newIssue); a.status != 201 {
					return fmt.Errorf("%s", a)
				}
				return nil
			})
		})
	}
}

// TestGarbageDoesNotFillTheTrail: thousands of requests that differ are few events.
func TestGarbageDoesNotFillTheTrail(t *testing.T) {
	g := startGateway(t, options{apps: "max_failures off"})
	const count = 500
	for i := range count {
		target := fmt.Sprintf("/rest/api/2/%d%s", i, strings.Repeat("%0a", 10*i))
		g.check(t, g.do("GET", target, fmt.Sprintf("Authorization: Bearer jt_%d\r\n", i)), refused(401, "invalid_token"))
	}
	for _, e := range g.eventuallyRecorded(t, count) {
		if len(e.Request.Path) > 1000 {
			t.Errorf("a path of %d bytes", len(e.Request.Path))
		}
	}
	if events := g.requestEvents(); len(events) > 10 {
		t.Errorf("%d events", len(events))
	}
}

// TestAuditCommand reads the trail with filters and in every format.
func TestAuditCommand(t *testing.T) {
	g := startGateway(t, options{})
	tok := g.issue("alice", "write", "name", `=HYPERLINK("https://evil.example","x")`)
	g.up.answerWith(created)
	g.check(t, g.do("POST", createPath, tok.basic()+"User-Agent: =cmd|' /C calc'!A0\r\n", newIssue), want{201, "", 1})
	g.check(t, g.do("GET", "/rest/api/2/%1b[31m", ""), refused(401, "no_credentials"))
	g.eventuallyRecorded(t, 2)

	r := g.token("audit")
	for _, want := range []string{
		"create    " + tok.ID, "write     " + tok.ID, "POST /rest/api/2/issue → 201, issue ACME-24, account default, Jira's request 495x1x1",
		"denied    no valid token  by client, 127.0.0.1", "GET /rest/api/2/%1B%5B31m → 401 no_credentials",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is missing in %s", want, r)
		}
	}
	if r := g.token("audit", "--project", "acme", "--owner", "alice", "--actor", "client", "--action", "write,denied", "--since", "1h", "-o", "json"); strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, `"issue":"ACME-24"`) {
		t.Errorf("with filters: %s", r)
	}
	if r := g.token("audit", "--limit", "1"); strings.Count(r.out, "create") != 1 || strings.Contains(r.out, "write  ") || !strings.Contains(r.err, "oldest 1") {
		t.Errorf("with a limit: %s", r)
	}
	for _, bad := range [][]string{{"--action", "no such"}, {"--project", "a b"}, {"--until", "x"}, {"--output", "xml"}, {"--limit", "-1"}} {
		if r := g.token(append([]string{"audit"}, bad...)...); r.code == 0 || !strings.Contains(r.err, bad[0]) {
			t.Errorf("%q: %s", bad, r)
		}
	}
	if r := g.token("list", "--output", "csv"); r.code == 0 {
		t.Errorf("list as CSV: %s", r)
	}

	r = g.token("audit", "--output", "csv")
	rows, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v: %s", len(rows), err, r)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	if !strings.Contains(r.out, "'=HYPERLINK") || !strings.Contains(r.out, "'=cmd") {
		t.Errorf("as CSV: %s", r)
	}
}

// TestFollowSurvivesARestart follows the trail while the gateway restarts.
func TestFollowSurvivesARestart(t *testing.T) {
	g := startGateway(t, options{})
	g.issue("first", "read")
	cmd := g.command("jira-token", "audit", "--follow", "--output", "json", "--address", g.admin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("after an interrupt: %v", err)
		}
	}()
	reader := bufio.NewReader(out)
	for _, owner := range []string{"first", "second", "third"} {
		switch owner {
		case "second":
			g.stop()
			g.start()
			g.issue(owner, "read")
		case "third":
			g.issue(owner, "read")
		}
		var event storage.Event
		line, err := reader.ReadString('\n')
		if decodeJSON(t, line, &event); err != nil || event.Owner != owner {
			t.Errorf("%s, %v, want the event of %s", line, err, owner)
		}
	}
}
