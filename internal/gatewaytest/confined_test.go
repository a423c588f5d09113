package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/leaktest"
)

// TestConfinedSeesNothingOutside sends the requests of a hostile client with a
// confined token through a gateway to a hostile Jira, and looks at every byte that
// comes back and that reaches Jira.
func TestConfinedSeesNothingOutside(t *testing.T) {
	operations, err := leaktest.Operations("../../jira")
	if err != nil {
		t.Fatal(err)
	}
	hidden := []string{"customfield_10010", "internal-comments"}
	for name, c := range map[string]struct {
		dataCenter  bool
		confinement map[string]any
		// thorough is set to try odd encodings too: how they are read depends on
		// neither the product nor the confinement.
		thorough bool
	}{
		"Cloud, projects":       {false, map[string]any{"projects": []string{"ABC"}, "hide": hidden}, true},
		"Cloud, JQL":            {false, map[string]any{"jql": "project = ABC AND summary ~ summary", "hide": hidden}, false},
		"Data Center, projects": {true, map[string]any{"projects": []string{"ABC"}, "hide": hidden}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLeakSite(t, c.dataCenter, c.confinement)
			s.thorough = c.thorough
			for _, op := range operations {
				if op.Rule != "none" && isCommon(op) && (op.DataCenter && c.dataCenter || op.Cloud && !c.dataCenter) {
					s.try(op)
				}
			}
			s.checkRecords()
			t.Logf("%d requests, %d connections", s.requests, s.connections)
			if s.requests < 500 {
				t.Errorf("only %d requests", s.requests)
			}
		})
	}
}

// isCommon reports whether an operation is one that clients commonly use.
func isCommon(op leaktest.Operation) bool {
	path := apiPrefix.ReplaceAllString(op.Path, "")
	return slices.Contains([]string{
		"search", "search/jql", "search/approximate-count", "project", "project/search", "field", "field/search", "myself", "issue", "issue/bulk", "issueLink", "attachment/{id}",
		"issueLink/{linkId}", "board", "sprint", "attachment/content/{id}", "user/assignable/search", "version/{id}", "component/{id}",
		"servicedesk", "request", "status", "statuses/search", "jql/match", "permissions/check", "mypermissions", "issue/rank", "issue/bulkfetch", "changelog/bulkfetch",
	}, path) || commonPaths.MatchString(path)
}

var (
	apiPrefix   = regexp.MustCompile(`^/rest/(api/[^/]+|agile/1\.0|servicedeskapi)/`)
	commonPaths = regexp.MustCompile(`^(issue|request)/\{[^}]*\}(/(comment|comment/\{[^}]*\}|changelog|transitions?|attachments?|worklog|editmeta|assignee|watchers|remotelink))?$|^project/\{[^}]*\}(/(versions?|components?|statuses))?$|^(board|sprint|epic)/\{[^}]*\}(/(issue|backlog|sprint|epic|configuration))?$`)
)

// leakSite is a gateway with a confined token in front of a hostile Jira.
type leakSite struct {
	t     *testing.T
	g     *gateway
	jira  *leaktest.Jira
	token issued

	conn   net.Conn
	reader *bufio.Reader

	// strict is set if everything must work inside, thorough to try all cases.
	strict, thorough bool

	requests, connections int
}

func newLeakSite(t *testing.T, dataCenter bool, confinement map[string]any) *leakSite {
	s := &leakSite{t: t, jira: &leaktest.Jira{DataCenter: dataCenter}}
	up := newUpstream(t)
	up.answer(s.answer)
	_, s.strict = confinement["projects"]
	s.g = startGateway(t, options{
		upstream: up, site: "confine {\nttl 1h\n}\nhandle_response {\nheader +X-Seen \"{http.reverse_proxy.header.Etag} {http.reverse_proxy.header.X-Leak} {http.jira_token.reason}\"\ncopy_response\n}",
	})
	s.token = s.g.issue("mallory", "admin", "confine", confinement, "check", false)
	return s
}

// answer passes a request to the hostile Jira, and its answer on with trailers.
func (s *leakSite) answer(x *exchange) {
	r := &http.Request{Method: x.method(), Header: make(http.Header), Body: io.NopCloser(strings.NewReader(x.readBody()))}
	for _, f := range x.headers {
		r.Header.Add(f.name, f.value)
	}
	var err error
	if r.URL, err = url.ParseRequestURI(x.target()); err != nil {
		x.send(reply("400 Bad Request", "", ""))
		return
	}
	response, err := s.jira.RoundTrip(r)
	if err != nil {
		x.reset()
		return
	}
	text, _ := io.ReadAll(response.Body) // it is in memory
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nSet-Cookie: %s=1\r\nX-Leak: %[3]s\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n", response.StatusCode, leaktest.Marker, leaktest.Marker)
	_ = response.Header.Write(&head) // it cannot fail
	if x.method() == http.MethodHead || response.StatusCode == http.StatusNoContent {
		x.send(strings.Replace(head.String(), "Transfer-Encoding: chunked\r\n", "", 1) + "\r\n")
		return
	}
	x.send(fmt.Sprintf("%s\r\n%x\r\n%s\r\n0\r\nX-End: %s\r\n\r\n", head.String(), len(text), text, leaktest.Marker))
}

// try sends the requests of one operation.
func (s *leakSite) try(op leaktest.Operation) {
	s.jira.Expect(op)
	twins := make(map[string]string)
	for _, c := range op.Cases() {
		if !s.canSend(c) || c.Greedy && c.What != "inside" || !s.thorough && c.Twin == "" && !c.Inside {
			continue
		}
		s.one(op, c, twins)
		if s.thorough && c.Method == http.MethodGet && c.Twin != "" {
			c.Method, c.Twin = http.MethodHead, "HEAD "+c.Twin
			s.one(op, c, twins)
		}
	}
}

// one sends a request. Its response must be that of its twin.
func (s *leakSite) one(op leaktest.Operation, c leaktest.Case, twins map[string]string) {
	s.requests++
	a := s.send(c)
	s.check(op, c, a)
	if c.Twin == "" {
		return
	}
	shown := leaktest.WithoutAsked(dateLine.ReplaceAllString(a.raw, ""))
	if other, ok := twins[c.Twin]; ok && other != shown {
		s.t.Errorf("%s: outside and absent differ:\n%.900s\n---\n%.900s", c, other, shown)
	}
	twins[c.Twin] = shown
}

var dateLine = regexp.MustCompile(`(?m)^Date: .*\r\n`)

// canSend reports whether a request line can hold the target.
func (s *leakSite) canSend(c leaktest.Case) bool {
	return !strings.ContainsAny(c.Target, " \r\n")
}

// send sends a request on the connection that is kept, and reads the response.
func (s *leakSite) send(c leaktest.Case) answer {
	if s.conn == nil {
		s.conn = s.g.dial()
		s.reader = bufio.NewReader(s.conn)
		s.connections++
	}
	_ = s.conn.SetDeadline(time.Now().Add(patience)) // as dial sets it
	headers := s.token.basic() + "X-Request-Id: 1\r\nAccept-Encoding: gzip\r\nTE: trailers\r\n"
	if c.Body != "" {
		headers += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(c.Body))
	}
	if _, err := io.WriteString(s.conn, c.Method+" "+c.Target+" HTTP/1.1\r\nHost: "+s.g.addr+"\r\n"+headers+"\r\n"+c.Body); err != nil {
		s.t.Fatalf("%s: %v", c, err)
	}
	a := s.g.read(s.reader, c.Method)
	if a.err != nil || a.header.Get("Connection") == "close" {
		s.conn.Close()
		s.conn = nil
	}
	return a
}

// check checks a response, and what has reached Jira.
func (s *leakSite) check(op leaktest.Operation, c leaktest.Case, a answer) {
	if a.err != nil {
		s.t.Errorf("%s: %s", c, a)
	}
	if strings.Contains(a.raw, leaktest.Marker) || a.status < 300 && leaktest.Outside.MatchString(a.raw) {
		s.t.Errorf("%s: the response holds what is outside: %.1500s", c, a.raw)
	}
	if len(a.trailer) > 0 {
		s.t.Errorf("%s: trailers %q", c, a.trailer)
	}
	forwarded := 0
	for _, arrived := range s.g.up.take() {
		switch {
		case arrived.get("Authorization") != "Basic "+accountBasic:
			s.t.Errorf("%s: reached Jira without the account: %s", c, arrived)
		case arrived.get("X-Request-Id") == "" && !isQuestion(arrived):
			s.t.Errorf("%s: the gateway did not ask, but: %s", c, arrived)
		case arrived.get("X-Request-Id") != "":
			forwarded++
			if arrived.method() != c.Method {
				s.t.Errorf("%s: reached Jira as %s", c, arrived)
			}
			if op.Access != "read" && leaktest.Outside.MatchString(arrived.line+arrived.body) {
				s.t.Errorf("%s: reached Jira: %s", c, arrived)
			}
		}
	}
	if c.Inside && a.status >= 400 && s.strict {
		s.t.Errorf("%s: refused inside: %s", c, a)
	}
	if a.reason() != "" && (c.What == "outside" || c.What == "absent") && forwarded > 0 {
		s.t.Errorf("%s: %s, but it reached Jira", c, a)
	}
}

// checkRecords looks for what is outside in what the gateway records for its
// administrators, which others may read too.
func (s *leakSite) checkRecords() {
	if line := lineWith(s.g.log.String(), leaktest.Marker); line != "" {
		s.t.Errorf("the log holds what is outside: %s", line)
	}
	_, metrics := s.g.adminCall("GET", "/metrics", "")
	if !strings.Contains(metrics, `reason="outside_confinement"`) {
		s.t.Error("the metrics do not count what is outside")
	}
	for _, name := range []string{leaktest.Marker, "OUT", "ZZZ"} {
		if line := lineWith(metrics, name); line != "" {
			s.t.Errorf("the metrics hold what was asked for: %s", line)
		}
	}
}

// isQuestion reports whether a request only reads.
func isQuestion(a *arrival) bool {
	path, _, _ := strings.Cut(a.target(), "?")
	return a.method() == http.MethodGet || a.method() == http.MethodPost && slices.Contains([]string{"/rest/api/3/search/jql", "/rest/api/2/search", "/rest/api/3/jql/parse"}, path)
}
