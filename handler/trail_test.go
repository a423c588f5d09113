package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// recordingTrail is a trail, and an app that has it.
type recordingTrail struct {
	oneToken
	// failure is why the trail, which is strict, cannot be written.
	failure error
	events  []string
	last    Recorded
}

func (r *recordingTrail) Trail() Trail { return r }

func (r *recordingTrail) Denied(_ context.Context, kind DenialKind, _ time.Time, describe func() Recorded) error {
	r.last = describe()
	r.events = append(r.events, "denied "+string(kind.Reason))
	return r.failure
}

func (r *recordingTrail) WriteBegins(_ context.Context, describe func() Recorded) error {
	r.last = describe()
	r.events = append(r.events, "begins")
	return r.failure
}

func (r *recordingTrail) Wrote(_ context.Context, write Recorded) {
	r.last = write
	r.events = append(r.events, fmt.Sprint("wrote ", write.Status))
}

// recorded puts a trail into an exchange.
func (x *exchange) recorded() *recordingTrail {
	trail := &recordingTrail{oneToken: x.app}
	x.transport.app, x.handler.app = trail, trail
	return trail
}

func TestRecordedRequests(t *testing.T) {
	created := func(body string, headers ...string) *http.Response {
		return answerOf(http.StatusCreated, body, append(headers, "Content-Type", "application/json")...)
	}
	for _, test := range []struct {
		name           string
		method, target string
		answer         *http.Response
		err            error
		events         []string
		want           Recorded
	}{
		{"a read", "GET", "/rest/api/2/issue/ACME-1", answerOf(200, "{}"), nil, nil, Recorded{}},
		{"a search by POST", "POST", "/rest/api/2/search", answerOf(200, "{}"), nil, nil, Recorded{}},
		{
			"a created issue", "POST", "/rest/api/2/issue?updateHistory=true", created(`{"id":"1","key":"ACME-24","self":"x"}`, "X-AREQUESTID", "495x1x1"), nil,
			[]string{"begins", "wrote 201"},
			Recorded{Path: "/rest/api/2/issue", Operation: "POST /rest/api/2/issue", Access: "write", Project: "ACME", Issue: "ACME-24", Status: 201, JiraRequestID: "495x1x1"},
		},
		{
			"a created issue in a long response", "POST", "/rest/api/3/issue", created(`{"id":"1","self":"` + strings.Repeat("x", 2000) + `","key":"ACME-24"}`), nil,
			[]string{"begins", "wrote 201"},
			Recorded{Path: "/rest/api/3/issue", Operation: "POST /rest/api/2/issue", Access: "write", Status: 201},
		},
		{
			"a customer request", "POST", "/rest/servicedeskapi/request", created(`{"issueId":"1","issueKey":"SUP-7"}`, "Atl-Traceid", "7c0d\x07e"), nil,
			[]string{"begins", "wrote 201"},
			Recorded{Path: "/rest/servicedeskapi/request", Operation: "POST /rest/servicedeskapi/request", Access: "write", Project: "SUP", Issue: "SUP-7", Status: 201, JiraRequestID: "7c0de"},
		},
		{
			"a comment", "POST", "/rest/api/2/issue/acme-7/comment", created(`{"id":"1","key":"EVIL-1"}`), nil,
			[]string{"begins", "wrote 201"},
			Recorded{Path: "/rest/api/2/issue/acme-7/comment", Operation: "POST /rest/api/2/issue/{issueIdOrKey}/comment", Access: "write", Project: "ACME", Issue: "ACME-7", Status: 201},
		},
		{
			"a change that Jira rejects", "PUT", "/rest/api/2/issue/10023", answerOf(400, `{"errorMessages":["no"],"errors":{}}`, "Content-Type", "application/json"), nil,
			[]string{"begins", "wrote 400"},
			Recorded{Path: "/rest/api/2/issue/10023", Operation: "PUT /rest/api/2/issue/{issueIdOrKey}", Access: "write", Status: 400},
		},
		{
			"a change that Jira does not answer", "DELETE", "/rest/api/2/issue/ACME-7", nil, errors.New("connection reset"),
			[]string{"begins", "denied jira_unreachable"},
			Recorded{Path: "/rest/api/2/issue/ACME-7", Operation: "DELETE /rest/api/2/issue/{issueIdOrKey}", Access: "write", Project: "ACME", Issue: "ACME-7", Status: 502, Reason: ReasonJiraUnreachable},
		},
		{
			"a change that needs another scope", "DELETE", "/rest/api/2/project/ACME", nil, nil,
			[]string{"denied scope_insufficient"},
			Recorded{Path: "/rest/api/2/project/ACME", Operation: "DELETE /rest/api/2/project/{projectIdOrKey}", Access: "admin", Project: "ACME", Status: 403, Reason: ReasonScopeInsufficient},
		},
		{
			"an answer by something else", "POST", "/rest/api/2/issue/ACME-7/comment", answerOf(200, "<html>maintenance</html>", "Content-Type", "text/html"), nil,
			[]string{"begins", "denied jira_unreachable"},
			Recorded{Path: "/rest/api/2/issue/ACME-7/comment", Operation: "POST /rest/api/2/issue/{issueIdOrKey}/comment", Access: "write", Project: "ACME", Issue: "ACME-7", Status: 502, Reason: ReasonJiraUnreachable},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newExchange(t, "https://jira.example.com")
			trail := x.recorded()
			body := ""
			if test.answer != nil {
				text, _ := io.ReadAll(test.answer.Body)
				body = string(text)
			}
			x.answer = func(*http.Request) (*http.Response, error) {
				if test.err != nil {
					return nil, test.err
				}
				test.answer.Body = io.NopCloser(strings.NewReader(body))
				return test.answer, nil
			}
			got := x.send(test.method, test.target, strings.NewReader("{}"))
			if !slices.Equal(trail.events, test.events) {
				t.Errorf("recorded %q, want %q", trail.events, test.events)
			}
			if len(test.events) == 0 {
				return
			}
			want := test.want
			want.At, want.Token, want.Address, want.Method, want.Account = trail.last.At, x.app.record, trail.last.Address, test.method, "default"
			if trail.last != want {
				t.Errorf("recorded\n %+v, want\n %+v", trail.last, want)
			}
			if text, err := io.ReadAll(got.Body); want.Status == 201 && (err != nil || string(text) != body) {
				t.Errorf("the client gets %q, %v", text, err)
			}
		})
	}
}

// TestStrictTrail checks that nothing happens that cannot be recorded, except for what
// has happened already.
func TestStrictTrail(t *testing.T) {
	away := fmt.Errorf("%w: redis is away", token.ErrUnavailable)
	for _, test := range []struct {
		name           string
		method, target string
		status         int
		sent           int
		events         []string
	}{
		{"a read", "GET", "/rest/api/2/issue/ACME-1", 200, 1, nil},
		{"a change", "POST", "/rest/api/2/issue", 503, 0, []string{"begins", "denied store_unavailable"}},
		{"a denial", "DELETE", "/rest/api/2/project/ACME", 503, 0, []string{"denied scope_insufficient"}},
		{"a denied path", "GET", "/browse/ACME-1", 503, 0, []string{"denied path_denied"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newExchange(t, "https://jira.example.com")
			trail := x.recorded()
			trail.failure = away
			x.answer = func(*http.Request) (*http.Response, error) { return answerOf(200, "{}"), nil }
			got := x.send(test.method, test.target, strings.NewReader("{}"))
			if got.StatusCode != test.status || len(x.seen) != test.sent {
				t.Errorf("HTTP %d, %d requests reach Jira", got.StatusCode, len(x.seen))
			}
			if test.status == 503 && (got.Header.Get(headerReason) != string(ReasonStoreUnavailable) || got.Header.Get("Retry-After") == "") {
				t.Errorf("headers %v", got.Header)
			}
			if !slices.Equal(trail.events, test.events) {
				t.Errorf("recorded %q, want %q", trail.events, test.events)
			}
		})
	}
}

// TestRecordedPaths checks what is left of paths.
func TestRecordedPaths(t *testing.T) {
	secret := token.New()
	for path, want := range map[string]string{
		"/rest/api/2/issue/ACME-1":              "/rest/api/2/issue/ACME-1",
		"/rest/api/2/issue/ACME-1;jsessionid=x": "/rest/api/2/issue/ACME-1",
		"/rest/\x1b[31m/Prüfung\n":              "/rest/%1B%5B31m/Pr%C3%BCfung%0A",
		"/rest/" + secret.Reveal():              "/rest/" + secret.ID(),
		"/" + strings.Repeat("a", 5000):         "/" + strings.Repeat("a", maxRecordedPath-1) + "%E2%80%A6",
	} {
		got := recordedPath(path)
		if got != want && !(len(path) > 1000 && strings.HasPrefix(want, got[:maxRecordedPath])) {
			t.Errorf("%.50q: %q, want %q", path, got, want)
		}
		if len(got) > maxRecordedPath+len("…") || strings.Contains(got, secret.Reveal()[14:]) {
			t.Errorf("%.50q: %q", path, got)
		}
	}
}

// TestProjectOutsideIsRecorded checks that a denial names the project that the token may
// not see, which only Jira knows.
func TestProjectOutsideIsRecorded(t *testing.T) {
	trail := new(recordingTrail)
	d := &Decision{now: time.Now(), Record: &token.Record{ID: "4fT0aB9xYz"}}
	d.denied = confinedDenial(d, &confine.Error{Project: "SECRET"})
	d.recordDenial(trail, httptest.NewRequest(http.MethodGet, "/rest/api/2/issue/10001", nil))
	if trail.last.Project != "SECRET" {
		t.Errorf("recorded %+v", trail.last)
	}
	d.recordDenial(trail, httptest.NewRequest(http.MethodGet, "/rest/api/2/issue/10001", nil))
	if len(trail.events) != 1 {
		t.Errorf("recorded more than once: %q", trail.events)
	}
}
