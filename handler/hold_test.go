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
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// approvalsInMemory holds requests in memory.
type approvalsInMemory struct {
	mu    sync.Mutex
	known map[string]*Approval
	last  *HeldRequest
	err   error // what Check fails with
	use   error // what Use fails with
}

func (a *approvalsInMemory) key(r *HeldRequest) string {
	return fmt.Sprintf("%s|%s|%s|%x", r.Method, r.URI, r.ContentType, r.Digest)
}

func (a *approvalsInMemory) Check(_ context.Context, r *HeldRequest) (Approval, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return Approval{}, a.err
	}
	if a.last = r; a.known[a.key(r)] == nil {
		a.known[a.key(r)] = &Approval{ID: fmt.Sprint("approval-", len(a.known)), State: ApprovalPending, URL: "https://gateway/1/approvals"}
	}
	return *a.known[a.key(r)], nil
}

func (a *approvalsInMemory) Use(_ context.Context, r *HeldRequest, _ Approval, admit func() error) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	approved := a.known[a.key(r)].State == ApprovalApproved
	if approved {
		if err := admit(); err != nil {
			return false, err
		}
	}
	delete(a.known, a.key(r))
	return approved && a.use == nil, a.use
}

func (a *approvalsInMemory) decide(state ApprovalState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, approval := range a.known {
		approval.State = state
	}
}

// newHeldExchange returns an exchange with a token whose changes must be approved.
func newHeldExchange(t *testing.T) (*exchange, *approvalsInMemory) {
	x := newExchange(t, "https://jira.example.com")
	x.answer = func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		return answerOf(http.StatusCreated, `{}`, "Content-Type", "application/json"), nil
	}
	x.app.limits.Counters = newCounters(t)
	x.app.record.HoldWrites = true
	return x, x.app.held
}

const commentPath = "/rest/api/2/issue/A-1/comment"

// sent sends a request whose headers set may change.
func (x *exchange) sent(method, path, body string, set ...func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, "http://gateway.example.com"+path, strings.NewReader(body))
	r.Header.Set("Authorization", basicOf("alice", x.app.Reveal()))
	r.Header.Set("Content-Type", "application/json")
	for _, f := range set {
		f(r)
	}
	return x.serve(r)
}

func wantHeld(t *testing.T, name string, answer *http.Response) {
	t.Helper()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusForbidden || answer.Header.Get(headerReason) != string(ReasonApprovalRequired) || answer.Header.Get(headerApproval) == "" ||
		!strings.HasPrefix(string(body), `{"errorMessages":["`) {
		t.Errorf("%s: %d %v %s", name, answer.StatusCode, answer.Header, body)
	}
}

// TestHeldChanges: changes wait, whatever their method, and reads do not.
func TestHeldChanges(t *testing.T) {
	x, approvals := newHeldExchange(t)
	for _, test := range []struct {
		method, path string
		held         bool
	}{
		{"GET", issuePath, false}, {"HEAD", issuePath, false}, {"POST", "/rest/api/2/search", false}, {"POST", "/rest/api/3/search/jql", false},
		{"POST", commentPath, true}, {"PUT", issuePath, true}, {"DELETE", issuePath, true}, {"POST", "/rest/api/3/bulk/issues/move", true},
		{"POST", "/rest/unknown/1/thing", true}, {"PATCH", "/rest/unknown/1/thing", true},
	} {
		before := len(x.seen)
		answer := x.sent(test.method, test.path, `{}`)
		if test.held {
			wantHeld(t, test.method+" "+test.path, answer)
		} else if answer.StatusCode != http.StatusCreated {
			t.Errorf("%s %s: %d", test.method, test.path, answer.StatusCode)
		}
		if reached := len(x.seen) - before; (reached == 0) != test.held {
			t.Errorf("%s %s: %d requests reached Jira", test.method, test.path, reached)
		}
	}
	// Nothing is asked about what the token may not do anyway.
	approvals.known = make(map[string]*Approval)
	if answer := x.sent("POST", "/rest/api/2/user", `{}`); answer.Header.Get(headerReason) != string(ReasonScopeInsufficient) || len(approvals.known) > 0 {
		t.Errorf("outside the scope: %v, held %v", answer.Header, approvals.known)
	}
}

// TestApprovedChangePassesOnce: exactly the request that was approved, once.
func TestApprovedChangePassesOnce(t *testing.T) {
	const body = `{"body":"x"}`
	for name, other := range map[string]func(x *exchange) *http.Response{
		"another body":        func(x *exchange) *http.Response { return x.sent("POST", commentPath, `{"body":"y"}`) },
		"another white space": func(x *exchange) *http.Response { return x.sent("POST", commentPath, `{"body": "x"}`) },
		"another issue":       func(x *exchange) *http.Response { return x.sent("POST", "/rest/api/2/issue/A-2/comment", body) },
		"another method":      func(x *exchange) *http.Response { return x.sent("DELETE", commentPath+"/1", body) },
		"another query":       func(x *exchange) *http.Response { return x.sent("POST", commentPath+"?b=2&a=1", body) },
		"a query":             func(x *exchange) *http.Response { return x.sent("POST", commentPath+"?expand=x", body) },
		"another content type": func(x *exchange) *http.Response {
			return x.sent("POST", commentPath, body, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
		},
	} {
		x, approvals := newHeldExchange(t)
		method, path := "POST", commentPath
		switch name {
		case "another query":
			path += "?a=1&b=2"
		case "another method":
			method, path = "PUT", path+"/1"
		}
		wantHeld(t, name, x.sent(method, path, body))
		approvals.decide(ApprovalApproved)
		wantHeld(t, name, other(x))
		if len(x.seen) != 0 {
			t.Errorf("%s: it reached Jira", name)
		}
		if answer := x.sent(method, path, body, func(r *http.Request) { r.ContentLength = -1 }); answer.StatusCode != http.StatusCreated || len(x.seen) != 1 {
			t.Errorf("%s: what was approved: %d", name, answer.StatusCode)
		}
		wantHeld(t, name+", again", x.sent(method, path, body))
	}
}

// TestHeldBody: Jira gets the bytes that were approved, with their length.
func TestHeldBody(t *testing.T) {
	x, approvals := newHeldExchange(t)
	var got string
	x.answer = func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		got = fmt.Sprint(string(body), r.ContentLength, r.Header.Get("Expect"), err)
		return answerOf(http.StatusCreated, `{}`, "Content-Type", "application/json"), nil
	}
	expecting := func(r *http.Request) { r.Header.Set("Expect", "100-continue"); r.ContentLength = -1 }
	wantHeld(t, "chunked", x.sent("POST", commentPath, ` {"body":"x"} `, expecting))
	approvals.decide(ApprovalApproved)
	if answer := x.sent("POST", commentPath, ` {"body":"x"} `, expecting); answer.StatusCode != http.StatusCreated || got != ` {"body":"x"} 14<nil>` {
		t.Errorf("%d, Jira got %q", answer.StatusCode, got)
	}
	if answer := x.sent("POST", commentPath, strings.Repeat("x", maxHeld+1)); answer.StatusCode != http.StatusRequestEntityTooLarge || answer.Header.Get(headerReason) != string(ReasonBodyTooLarge) {
		t.Errorf("too large: %d %v", answer.StatusCode, answer.Header)
	}
	wantHeld(t, "as large as can be", x.sent("POST", commentPath, `"`+strings.Repeat("x", maxHeld-2)+`"`))
	multipart := func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=b") }
	if answer := x.sent("POST", "/rest/api/2/issue/A-1/attachments", "--b\r\nContent-Disposition: form-data; name=\"os_username\"\r\n\r\nx\r\n--b--\r\n", multipart); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("credentials in a part: %d", answer.StatusCode)
	}
	wantHeld(t, "an attachment", x.sent("POST", "/rest/api/2/issue/A-1/attachments", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n", multipart))
}

// TestHeldBodyIsReadable: what Jira could read differently from whoever approves it is not
// held at all.
func TestHeldBodyIsReadable(t *testing.T) {
	x, approvals := newHeldExchange(t)
	for name, test := range map[string]struct{ contentType, encoding, body string }{
		"compressed":            {"application/json", "gzip", `{"body":"x"}`},
		"another charset":       {"application/json; charset=iso-8859-1", "", `{"body":"x"}`},
		"UTF-16 JSON":           {"application/json", "", "{\x00}\x00"},
		"not UTF-8":             {"text/plain", "", "\xff"},
		"a name twice":          {"application/json", "", `{"fields":{"summary":"a","summary":"b"}}`},
		"a name twice, escaped": {"application/json", "", `{"a":1,"\u0061":2}`},
		"two values":            {"application/json", "", `{} {}`},
		"no type":               {"", "", `{"body":"x"}`},
		"an invalid type":       {"application/json; charset", "", `{"body":"x"}`},
		"another JSON":          {"application/vnd.x+json", "", `{"a":1,"a":2}`},
	} {
		answer := x.sent("POST", commentPath, test.body, func(r *http.Request) {
			r.Header.Set("Content-Type", test.contentType)
			if test.encoding != "" {
				r.Header.Set("Content-Encoding", test.encoding)
			}
		})
		if answer.StatusCode != http.StatusBadRequest || answer.Header.Get(headerReason) != string(ReasonAmbiguousRequest) {
			t.Errorf("%s: %d %v", name, answer.StatusCode, answer.Header)
		}
	}
	if len(x.seen) > 0 || len(approvals.known) > 0 {
		t.Errorf("%d reached Jira, held %v", len(x.seen), approvals.known)
	}
	for _, contentType := range []string{"application/json; charset=UTF-8", "application/json;charset=us-ascii", "application/octet-stream", "image/png"} {
		wantHeld(t, contentType, x.sent("POST", commentPath, `{"body":"x"}`, func(r *http.Request) { r.Header.Set("Content-Type", contentType) }))
	}
}

// TestHeldFailsClosed: without an answer of the store nothing is forwarded.
func TestHeldFailsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		check, use error
		state      ApprovalState
		status     int
		reason     Reason
	}{
		"store away":            {token.ErrUnavailable, nil, "", 503, ReasonStoreUnavailable},
		"store away when used":  {nil, token.ErrUnavailable, ApprovalApproved, 503, ReasonStoreUnavailable},
		"too many":              {ErrTooManyApprovals, nil, "", 429, ReasonRateLimited},
		"damaged":               {errors.New("damaged"), nil, "", 500, ReasonInternalError},
		"rejected":              {nil, nil, ApprovalRejected, 403, ReasonApprovalRequired},
		"expired":               {nil, nil, ApprovalExpired, 403, ReasonApprovalRequired},
		"a state of the future": {nil, nil, "half", 403, ReasonApprovalRequired},
	} {
		x, approvals := newHeldExchange(t)
		x.sent("POST", commentPath, `{}`)
		approvals.decide(test.state)
		approvals.err, approvals.use = test.check, test.use
		answer := x.sent("POST", commentPath, `{}`)
		if answer.StatusCode != test.status || answer.Header.Get(headerReason) != string(test.reason) || len(x.seen) > 0 {
			t.Errorf("%s: %d %v, %d reached Jira", name, answer.StatusCode, answer.Header, len(x.seen))
		}
	}
}

// TestHeldAndStrictTrail: a change that could not be recorded does not use its approval up,
// and what did not pass because of another one is not recorded as begun.
func TestHeldAndStrictTrail(t *testing.T) {
	x, approvals := newHeldExchange(t)
	trail := x.recorded()
	wantHeld(t, "pending", x.sent("POST", commentPath, `{}`))
	approvals.decide(ApprovalApproved)
	trail.failure = token.ErrUnavailable
	for range 2 {
		if answer := x.sent("POST", commentPath, `{}`); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get(headerReason) != string(ReasonStoreUnavailable) || len(x.seen) > 0 {
			t.Errorf("%d %v, %d reached Jira", answer.StatusCode, answer.Header, len(x.seen))
		}
	}
	trail.failure, trail.events = nil, nil
	if answer := x.sent("POST", commentPath, `{}`); answer.StatusCode != http.StatusCreated || len(x.seen) != 1 {
		t.Errorf("%d %v, %d reached Jira", answer.StatusCode, answer.Header, len(x.seen))
	}
	wantHeld(t, "the next one", x.sent("POST", commentPath, `{}`))
	if want := []string{"begins", "wrote 201", "denied approval_required"}; !slices.Equal(trail.events, want) {
		t.Errorf("recorded %q, want %q", trail.events, want)
	}
}

// TestHeldAndLimitOfWrites: what waits does not count as a write, and a request over the
// limit does not use its approval up.
func TestHeldAndLimitOfWrites(t *testing.T) {
	x, approvals := newHeldExchange(t)
	x.app.record.LimitWrites = token.Limit{Requests: 1, Period: time.Hour, Burst: 1}
	for range 3 {
		wantHeld(t, "pending", x.sent("POST", commentPath, `{}`))
	}
	approvals.decide(ApprovalApproved)
	if answer := x.sent("POST", commentPath, `{}`); answer.StatusCode != http.StatusCreated {
		t.Errorf("approved: %d", answer.StatusCode)
	}
	wantHeld(t, "pending again", x.sent("POST", commentPath, `{}`))
	approvals.decide(ApprovalApproved)
	if answer := x.sent("POST", commentPath, `{}`); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("over the limit: %d", answer.StatusCode)
	}
	if len(approvals.known) != 1 {
		t.Error("a request over the limit has used its approval up")
	}
}

// TestHeldOutsideTheConfinement: nobody is asked about what the token cannot see.
func TestHeldOutsideTheConfinement(t *testing.T) {
	g := newConfinedGate(t, token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}})
	g.app.record.HoldWrites = true
	for _, path := range []string{"/rest/api/2/issue/OUT-1/comment", "/rest/unknown/1/thing"} {
		if answer := g.sent("POST", path, `{"body":"x"}`); answer.StatusCode == http.StatusCreated || answer.Header.Get(headerApproval) != "" || len(g.app.held.known) > 0 {
			t.Errorf("%s: %d %v, held %v", path, answer.StatusCode, answer.Header, g.app.held.known)
		}
	}
	wantHeld(t, "inside", g.sent("POST", "/rest/api/2/issue/ABC-1/comment", `{"body":"x"}`))
}

// TestExplainHeld: explain says that it would be held, and asks for nothing.
func TestExplainHeld(t *testing.T) {
	x, approvals := newHeldExchange(t)
	for _, test := range []struct {
		method string
		reason Reason
	}{{"PUT", ReasonApprovalRequired}, {"GET", ""}} {
		e, err := x.handler.Explain(t.Context(), Question{Record: x.app.record, Method: test.method, URI: issuePath, Address: made(nil).Address})
		if err != nil || e.Reason != test.reason || e.Allowed != (test.reason == "") || test.reason != "" && !strings.Contains(e.Steps[len(e.Steps)-1].Detail, "would be held") {
			t.Errorf("%s: %+v, %v", test.method, e, err)
		}
	}
	if len(approvals.known) > 0 {
		t.Errorf("explain asked for approvals: %v", approvals.known)
	}
}
