package gatewaytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var interrupt = os.Interrupt

func TestAdminAPI(t *testing.T) {
	g := startGateway(t, options{})
	i := g.issue("alice", "read")
	one := "/jira_tokens/tokens/" + i.ID
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"PUT", "/jira_tokens/tokens", "", 405, "GET or POST"},
		{"DELETE", "/jira_tokens/tokens", "", 405, ""},
		{"POST", one, "", 405, "PATCH"},
		{"GET", one + "/rotate", "", 405, "POST"},
		{"POST", "/jira_tokens/audit", "", 405, ""},
		{"FOO", one, "", 405, ""},
		{"GET", "/jira_tokens/", "", 404, ""},
		{"GET", "/jira_tokens/nothing", "", 404, ""},
		{"GET", "/jira_tokens/tokens/", "", 404, ""},
		{"POST", one + "/explode", "", 404, ""},
		{"GET", one + "/a/b", "", 404, ""},
		{"GET", "/jira_tokens/tokens/zzzzzzzzzz", "", 404, "zzzzzzzzzz"},
		{"GET", "/jira_tokens/tokens/x", "", 404, ""},
		{"GET", "/jira_tokens/tokens/%00%ff%0a", "", 404, ""},
		{"GET", "/jira_tokens/tokens/" + strings.Repeat("a", 3000), "", 404, ""},
		{"PATCH", "/jira_tokens/tokens/zzzzzzzzzz", `{"name":"x"}`, 404, ""},
		{"DELETE", "/jira_tokens/tokens/zzzzzzzzzz", "", 404, ""},
		{"POST", "/jira_tokens/tokens/zzzzzzzzzz/rotate", "", 404, ""},
		{"POST", "/jira_tokens/tokens", "", 400, "owner"},
		{"POST", "/jira_tokens/tokens", "null", 400, "owner"},
		{"POST", "/jira_tokens/tokens", "{", 400, "JSON"},
		{"POST", "/jira_tokens/tokens", "[]", 400, "JSON"},
		{"POST", "/jira_tokens/tokens", `"x"`, 400, "JSON"},
		{"POST", "/jira_tokens/tokens", "\x00\xff", 400, "JSON"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b"} {}`, 400, ""},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b"}}`, 400, ""},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b","colour":"red"}`, 400, "colour"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b","digest":"x"}`, 400, "digest"},
		{"POST", "/jira_tokens/tokens", `{"owner":1,"name":"b"}`, 400, "owner"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a\u0000","name":"b"}`, 400, "owner"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"` + strings.Repeat("x", 101) + `"}`, 400, "name"},
		{"POST", "/jira_tokens/tokens", `{"owner":"` + strings.Repeat("x", 255) + `","name":"b"}`, 400, "owner"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b","scope":""}`, 400, "scope"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b","expires_at":""}`, 400, "expires_at"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b","allow_ip":[""]}`, 400, "allow_ip"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"b","version":3}`, 400, "version"},
		{"POST", "/jira_tokens/tokens", `{"owner":"a","name":"` + strings.Repeat("x", 2<<20) + `"}`, 400, "large"},
		{"PATCH", one, `{"owner":"b"}`, 400, "owner"},
		{"PATCH", one, `{"status":"active"}`, 400, "status"},
		{"PATCH", one, `{"version":-1}`, 400, "version"},
		{"PATCH", one, `{"version":99,"name":"x"}`, 409, "version"},
		{"PATCH", one, `{"account":""}`, 400, "account"},
		{"GET", "/jira_tokens/tokens?limit=0", "", 400, "limit"},
		{"GET", "/jira_tokens/tokens?limit=9999999999999999999", "", 400, "limit"},
		{"GET", "/jira_tokens/tokens?cursor=nonsense", "", 400, "cursor"},
		{"GET", "/jira_tokens/tokens?cursor=%00%ff", "", 400, "cursor"},
		{"GET", "/jira_tokens/tokens?state=x", "", 400, "state"},
		{"GET", "/jira_tokens/audit?cursor=nonsense", "", 400, "cursor"},
		{"GET", "/jira_tokens/audit?since=x", "", 400, "since"},
		{"GET", "/jira_tokens/audit?limit=x", "", 400, "limit"},
		{"POST", "/jira_tokens/import", "nonsense", 400, "line 1"},
		{"POST", one + "/rotate", `{"overlap":"-1h"}`, 400, "overlap"},
		{"POST", one + "/rotate", `{"overlap":5}`, 400, "overlap"},
	} {
		t.Run(fmt.Sprintf("%s %.60s %.60q", c.method, c.path, c.body), func(t *testing.T) {
			status, answer := g.adminCall(c.method, c.path, c.body)
			var api struct{ Error string }
			if err := json.Unmarshal([]byte(answer), &api); err != nil || status != c.status || !strings.Contains(api.Error, c.says) || api.Error == "" {
				t.Errorf("HTTP %d: %.500s; want %d and %q", status, answer, c.status, c.says)
			}
		})
	}
	g.check200(t, i) // nothing of this changed it
}

// TestTokenInABody: a token pasted into a field is rejected and reported as leaked,
// but neither shown nor stored.
func TestTokenInABody(t *testing.T) {
	g := startGateway(t, options{})
	i := g.issue("alice", "read")
	one := "/jira_tokens/tokens/" + i.ID
	encoded := base64.StdEncoding.EncodeToString([]byte("alice:" + i.Token))
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/jira_tokens/tokens", `{"owner":"bob","name":"` + i.Token + `"}`},
		{"POST", "/jira_tokens/tokens", `{"owner":"bob","name":"as ` + i.Token[3:] + `"}`},
		{"POST", "/jira_tokens/tokens", `{"owner":"` + i.Token + `","name":"x"}`},
		{"POST", "/jira_tokens/tokens", `{"owner":"bob","name":"x","` + i.Token + `":1}`},
		{"POST", "/jira_tokens/tokens", `{"owner":"bob","name":"x","allow_ip":["` + i.Token + `"]}`},
		{"POST", "/jira_tokens/tokens", `{"owner":"bob","name":"` + strings.ReplaceAll(i.Token, "_", `\u005f`) + `"}`},
		{"POST", "/jira_tokens/tokens", i.Token},
		{"PATCH", one, `{"name":"Basic ` + encoded + `"}`},
		{"PATCH", one, `{"account":"` + i.Token + `"}`},
		{"POST", one + "/rotate", `{"overlap":"` + i.Token + `"}`},
		{"POST", "/jira_tokens/import", `{"` + i.Token + `":1}`},
		{"POST", "/jira_tokens/import", `{"id":"` + i.Token + `"}`},
		{"POST", "/jira_tokens/import", `{"id":"` + i.ID + `","scope":"` + i.Token + `"}`},
	} {
		status, answer := g.adminCall(c.method, c.path, c.body)
		if status != 400 || !strings.Contains(answer, "leaked") || strings.Contains(answer, i.Token[len(i.Token)-30:]) {
			t.Errorf("%s %s: HTTP %d: %s", c.method, c.body, status, answer)
		}
	}
	if r := g.token("list", "--output", "json"); strings.Count(r.out, `"id"`) != 1 {
		t.Errorf("something was created: %s", r)
	}
	if r := g.token("audit", "--output", "json"); strings.Contains(r.out, i.Token[len(i.Token)-30:]) {
		t.Errorf("the trail has a token: %s", r)
	}
	g.check200(t, i)
}

func TestConcurrentChanges(t *testing.T) {
	g := startGateway(t, options{apps: "account other {\nbearer x-secret-1\n}"})
	i := g.issue("alice", "read")
	one := "/jira_tokens/tokens/" + i.ID
	var wait sync.WaitGroup
	for _, body := range []string{`{"name":"new"}`, `{"scope":"write"}`, `{"allow_ip":["127.0.0.0/8"]}`, `{"deny_ip":["10.0.0.0/8"]}`, `{"account":"other"}`, `{"expires_at":"90d"}`} {
		wait.Go(func() {
			if status, answer, err := g.tryAdmin("PATCH", one, body); status != 200 || err != nil {
				t.Errorf("%s: HTTP %d %s (%v)", body, status, answer, err)
			}
		})
	}
	wait.Wait()
	status, answer := g.adminCall("GET", one, "")
	for _, part := range []string{`"name":"new"`, `"scope":"write"`, `"127.0.0.0/8"`, `"10.0.0.0/8"`, `"account":"other"`, `"version":7`} {
		if !strings.Contains(answer, part) {
			t.Errorf("%s was lost: HTTP %d %s", part, status, answer)
		}
	}
	if strings.Contains(answer, `"expires_at":null`) {
		t.Errorf("the expiry was lost: %s", answer)
	}

	// If two rotations race, one token works in the end, and everybody else has
	// been told that theirs does not.
	tokens := make(chan issued, 8)
	for range cap(tokens) {
		wait.Go(func() {
			status, answer, err := g.tryAdmin("POST", one+"/rotate", "")
			switch {
			case err == nil && status == 200:
				var rotated issued
				if err := json.Unmarshal([]byte(answer), &rotated); err != nil {
					t.Error(err)
				}
				tokens <- rotated
			case status != 409:
				t.Errorf("rotate: HTTP %d %s (%v)", status, answer, err)
			}
		})
	}
	wait.Wait()
	close(tokens)
	working := 0
	for rotated := range tokens {
		g.guard(rotated.Owner, rotated.Token)
		if a := g.do("GET", issuePath, rotated.basic()); a.status == 200 {
			working++
		} else if a.reason() != "invalid_token" {
			t.Errorf("got %s", a)
		}
	}
	if working != 1 {
		t.Errorf("%d tokens work", working)
	}
	// With a version, only one wins.
	var view issued
	g.call("GET", one, nil, 200, &view)
	won := make(chan bool, 8)
	for n := range cap(won) {
		wait.Go(func() {
			status, _, _ := g.tryAdmin("PATCH", one, fmt.Sprintf(`{"name":"n%d","version":%d}`, n, view.Version))
			if status == 200 {
				won <- true
			} else if status != 409 {
				t.Errorf("HTTP %d", status)
			}
		})
	}
	wait.Wait()
	if len(won) != 1 {
		t.Errorf("%d changes to the same version succeeded", len(won))
	}
	status, events := g.adminCall("GET", "/jira_tokens/audit?limit=1000&token="+i.ID, "")
	g.call("GET", one, nil, 200, &view)
	if n := strings.Count(events, `"action":`); status != 200 || uint64(n) != view.Version {
		t.Errorf("%d events for version %d", n, view.Version)
	}
}

// metric reads a metric from the admin endpoint, or returns 0 if it is missing. A
// request may be counted only after its response.
func (g *gateway) metric(t *testing.T, name string) float64 {
	t.Helper()
	_, text := g.adminCall("GET", "/metrics", "")
	_, line, ok := strings.Cut("\n"+text, "\n"+name+" ")
	if !ok {
		return 0
	}
	line, _, _ = strings.Cut(line, "\n")
	value, err := strconv.ParseFloat(line, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestMetricsAndAccessLog(t *testing.T) {
	g := startGateway(t, options{})
	read := g.issue("Alice@example.com", "read")
	g.check200(t, read)
	g.do("POST", "/rest/api/3/search", read.basic(), "{}")
	g.do("POST", "/rest/api/3/issue", read.basic(), "{}")
	g.do("GET", "/nowhere-"+read.ID, read.basic())
	g.do("GET", issuePath, "")
	g.do("FOO"+read.ID, issuePath, read.basic())
	g.do("GET", issuePath, basic("mallory", read.Token))
	g.up.answerWith("garbage\r\n\r\n")
	g.do("GET", issuePath, read.basic())
	for name, want := range map[string]float64{
		`jira_tokens_requests_total{access="write",decision="denied",reason="scope_insufficient"}`: 1,
		`jira_tokens_requests_total{access="",decision="denied",reason="no_credentials"}`:          1,
		`jira_tokens_requests_total{access="",decision="denied",reason="path_denied"}`:             1,
		`jira_tokens_requests_total{access="never",decision="denied",reason="path_denied"}`:        1,
		`jira_tokens_requests_total{access="",decision="denied",reason="invalid_token"}`:           1,
		`jira_tokens_requests_total{access="read",decision="denied",reason="jira_unreachable"}`:    1,
		`jira_tokens_requests_total{access="read",decision="allowed",reason=""}`:                   2,
	} {
		eventually(t, "the metric", func() error { return g.wantMetric(t, name, fmt.Sprint(want)) })
	}
	_, text := g.adminCall("GET", "/metrics", "")
	for _, label := range []string{read.ID, "alice", "Alice", "mallory", "127.0.0.1:", "ABC-1", "FOO"} {
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, "jira_tokens") && strings.Contains(line, label) {
				t.Errorf("a label contains %q: %s", label, line)
			}
		}
	}
	if g.metric(t, "jira_tokens_store_up") != 1 {
		t.Error("jira_tokens_store_up is not 1")
	}

	type entry struct {
		Logger   string `json:"logger"`
		Status   int    `json:"status"`
		User     string `json:"user_id"`
		Token    string `json:"jira_token_id"`
		Owner    string `json:"jira_token_owner"`
		Decision string `json:"jira_decision"`
	}
	want := []entry{
		{"", 200, read.Owner, read.ID, read.Owner, "allowed"},
		{"", 200, read.Owner, read.ID, read.Owner, "allowed"},
		{"", 403, "", read.ID, read.Owner, "scope_insufficient"},
		{"", 403, "", read.ID, read.Owner, "path_denied"},
		{"", 401, "", "", "", "no_credentials"},
		{"", 403, "", read.ID, read.Owner, "path_denied"},
		{"", 401, "", "", "", "invalid_token"},
		{"", 502, read.Owner, read.ID, read.Owner, "jira_unreachable"},
	}
	eventually(t, "the access log", func() error {
		var got []entry
		for _, line := range strings.Split(g.log.String(), "\n") {
			var e entry
			if json.Unmarshal([]byte(line), &e) == nil && strings.HasPrefix(e.Logger, "http.log.access") {
				e.Logger = ""
				got = append(got, e)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("got  %v\nwant %v", got, want)
		}
		return nil
	})
}
