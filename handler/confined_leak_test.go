package handler

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/internal/leaktest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// gate is a gateway in front of a hostile Jira.
type gate struct {
	*exchange
	jira *leaktest.Jira
	// lines are the handler's log.
	lines *observer.ObservedLogs
	// strict is set if everything that has a rule must work inside.
	strict bool
}

func newConfinedGate(t testing.TB, confinement token.Confinement) *gate {
	g := &gate{jira: new(leaktest.Jira)}
	g.exchange = newExchange(t, "https://jira.test")
	g.answer = g.jira.RoundTrip
	record := *g.app.record
	record.Scope, record.Confine = token.ScopeAdmin, confinement
	g.app.record = &record
	g.handler.app = g.app
	g.handler.guard = confine.NewGuard(time.Hour)
	var core zapcore.Core
	core, g.lines = observer.New(zapcore.DebugLevel)
	g.handler.logger = zap.New(core)
	return g
}

// logged returns the lines that the handler has written since the last call.
func (g *gate) logged() string {
	var lines strings.Builder
	for _, line := range g.lines.TakeAll() {
		fmt.Fprintf(&lines, "%s %s %v\n", line.Level, line.Message, line.ContextMap())
	}
	return lines.String()
}

// ask sends a request and returns the status, the reason and the whole response
// as text, and what reached Jira except for the gateway's questions.
func (g *gate) ask(method, target, body string) (status int, reason, whole string, reached []string) {
	g.t.Helper()
	_ = g.jira.Arrived() // what came before is not this request
	w := httptest.NewRecorder()
	r, err := http.NewRequest(method, "http://gateway"+target, strings.NewReader(body))
	if err != nil {
		return 0, "", "", nil // no client can send it
	}
	r.RequestURI, r.RemoteAddr = target, "127.0.0.1:1"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body = http.NoBody
	}
	r.Header.Set("Authorization", basicOf("alice", g.app.Reveal()))
	r.Header.Set("X-Request-Id", "1")
	next := handlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = "https", "jira.test"
		response, err := g.transport.RoundTrip(out)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		maps.Copy(w.Header(), response.Header)
		w.WriteHeader(response.StatusCode)
		_, err = io.Copy(w, response.Body)
		for name, values := range response.Trailer {
			w.Header()["Trailer:"+name] = values
		}
		return err
	})
	if err := g.handler.ServeHTTP(w, r, next); err != nil {
		fmt.Fprintf(w, "error: %v", err)
	}
	response := w.Result()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		fmt.Fprintf(&text, "%s: %s\n", name, response.Header[name])
	}
	text.WriteString("\n" + w.Body.String())
	return response.StatusCode, response.Header.Get(headerReason), text.String(), g.jira.Arrived()
}

// TestNothingOutside takes every operation of the table through a confined token,
// with every parameter inside, outside, absent, moved and hostile.
func TestNothingOutside(t *testing.T) {
	operations, err := leaktest.Operations("../jira")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for name, confinement := range map[string]token.Confinement{
		"project":         {Projects: []token.Project{{ID: "10000", Key: "ABC"}}, Hide: []string{"customfield_10010", token.HideInternalComments}},
		"data center":     {Projects: []token.Project{{ID: "10000", Key: "ABC"}}, Hide: []string{"customfield_10010", token.HideInternalComments}},
		"scope by method": {Projects: []token.Project{{ID: "10000", Key: "ABC"}}, Hide: []string{"customfield_10010", token.HideInternalComments}},
		"project and jql": {Projects: []token.Project{{ID: "10000", Key: "ABC"}}, JQL: "summary ~ summary", Hide: []string{"customfield_10010", token.HideInternalComments}},
		"jql":             {JQL: "project = ABC AND summary ~ summary", Hide: []string{"customfield_10010", token.HideInternalComments}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newConfinedGate(t, confinement)
			g.strict = name == "project" || name == "data center" || name == "scope by method"
			if name == "scope by method" {
				g.handler.ScopeBy = scopeByMethod
			}
			g.jira.DataCenter = name == "data center"
			for _, op := range operations {
				if !g.jira.DataCenter || op.DataCenter {
					count += g.try(t, op)
				}
			}
		})
	}
	t.Logf("%d requests", count)
	if count < 5000 {
		t.Errorf("only %d requests", count)
	}
}

// try sends the requests of one operation and returns how many it sent.
func (g *gate) try(t *testing.T, op leaktest.Operation) (count int) {
	g.jira.Expect(op)
	twins := make(map[string]string)
	for _, c := range op.Cases() {
		count++
		status, reason, whole, reached := g.ask(c.Method, c.Target, c.Body)
		if status == 0 {
			continue
		}
		if strings.Contains(whole, leaktest.Marker) || status < 300 && leaktest.Outside.MatchString(whole) {
			t.Errorf("%s: HTTP %d %s holds what is outside: %.1500s", c, status, reason, whole)
		}
		if lines := g.logged(); strings.Contains(lines, leaktest.Marker) {
			t.Errorf("%s: the log holds what is outside: %s", c, lines)
		}
		for _, line := range reached {
			if op.Access != "read" && leaktest.Outside.MatchString(line) {
				t.Errorf("%s: reached Jira: %s", c, line)
			}
		}
		if op.Rule == "none" && (status != 403 || len(reached) > 0) {
			t.Errorf("%s: HTTP %d %s, %q reached Jira; expected 403", c, status, reason, reached)
		}
		if g.strict && c.Inside && op.Rule != "none" && status >= 400 {
			t.Errorf("%s: refused inside: HTTP %d %.300s", c, status, whole)
		}
		if c.Twin == "" {
			continue
		}
		shown := fmt.Sprint(status, "\n", leaktest.WithoutAsked(whole))
		if other, ok := twins[c.Twin]; ok && other != shown {
			t.Errorf("%s: outside and absent differ: %.600s\n---\n%.600s", c, other, shown)
		}
		twins[c.Twin] = shown
	}
	return count
}

// TestScopeByMethodConfines: what an operation may reach does not depend on how its
// access is decided.
func TestScopeByMethodConfines(t *testing.T) {
	g := newConfinedGate(t, token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}})
	g.handler.ScopeBy = scopeByMethod
	questions := func(method, target, body string) (status, count int) {
		g.mu.Lock()
		g.seen = nil
		g.mu.Unlock()
		status, _, _, reached := g.ask(method, target, body)
		g.mu.Lock()
		defer g.mu.Unlock()
		return status, len(g.seen) - len(reached)
	}
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/rest/api/2/issue/OUT-1", "", 404},
		{"PUT", "/rest/api/2/issue/OUT-1", `{"fields":{"summary":"x"}}`, 404},
		{"GET", "/rest/api/2/filter/10000", "", 403},
		{"GET", "/rest/api/2/user?username=x", "", 403},
		{"POST", "/rest/api/2/issue/OUT-1/notify", `{}`, 403},
		{"GET", "/rest/other/1.0/things", "", 403},
		{"POST", "/rest/other/1.0/things", `{}`, 403},
	} {
		if status, _ := questions(c.method, c.target, c.body); status != c.status {
			t.Errorf("%s %s: HTTP %d, want %d", c.method, c.target, status, c.status)
		}
	}
	// A read by POST is not a change, which is always checked anew.
	const read = "/rest/api/2/issue/ABC-1/changelog/list"
	if status, _ := questions("POST", read, `{"changelogIds":[1]}`); status >= 300 {
		t.Errorf("HTTP %d", status)
	}
	if status, count := questions("POST", read, `{"changelogIds":[1]}`); status >= 300 || count > 0 {
		t.Errorf("HTTP %d after %d questions about what is known", status, count)
	}
}
