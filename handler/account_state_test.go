package handler

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// TestBacksOffOnlyForMyself: the gateway backs off from an account if Jira itself refuses
// it, but not for a login page, which something in between may have sent.
func TestBacksOffOnlyForMyself(t *testing.T) {
	const html = "text/html;charset=UTF-8"
	redirect := func() *http.Response { return answerOf(302, "", "Location", "https://id.example.com/login?continue=x") }
	outRedirect := func() *http.Response {
		return answerOf(302, "", "Location", "/login.jsp?os_destination=x", "X-Seraph-LoginReason", "OUT")
	}
	page := func() *http.Response { return answerOf(200, loginPage, "Content-Type", html) }
	unauthorized := func() *http.Response { return answerOf(401, "{}", "Content-Type", "application/json") }
	who := func() *http.Response { return answerOf(200, `{"name":"svc"}`, "Content-Type", "application/json") }
	because := func(status int, header, reason string) func() *http.Response {
		return func() *http.Response {
			return answerOf(status, "{}", "Content-Type", "application/json", header, reason)
		}
	}
	denied := because(403, "X-Seraph-LoginReason", "AUTHENTICATION_DENIED")
	out := because(200, "X-Seraph-LoginReason", "OUT")
	failed := because(401, "X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
	captcha := because(403, "X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=x")
	for name, c := range map[string]struct {
		answer, myself func() *http.Response
		rests          bool
	}{
		"denied":                      {denied, who, false},
		"denied, also for myself":     {denied, denied, true},
		"out":                         {out, who, false},
		"out, also for myself":        {out, out, true},
		"failed":                      {failed, who, false},
		"failed, also for myself":     {failed, failed, true},
		"CAPTCHA":                     {captcha, who, false},
		"CAPTCHA, also for myself":    {captcha, captcha, true},
		"redirect":                    {redirect, who, false},
		"redirect, also for myself":   {redirect, redirect, false},
		"redirect with Jira's reason": {outRedirect, who, false},
		"page":                        {page, who, false},
		"page, also for myself":       {page, page, false},
		"401, then a redirect":        {unauthorized, redirect, false},
		"401, then a firewall's page": {unauthorized, func() *http.Response { return answerOf(403, maintenancePage, "Content-Type", html) }, false},
		"401":                         {unauthorized, who, false},
		"401, also for myself":        {unauthorized, unauthorized, true},
		"redirect, myself refuses":    {redirect, unauthorized, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t, "https://jira.example.com")
				x.answer = func(*http.Request) (*http.Response, error) { return c.answer(), nil }
				x.myself = func(*http.Request) (*http.Response, error) { return c.myself(), nil }
				got := x.send("GET", "http://gateway.example.com"+issuePath, nil)
				if got.StatusCode != http.StatusBadGateway || got.Header.Get(headerReason) != string(ReasonJiraRejectedAccount) {
					t.Errorf("got %d %v", got.StatusCode, got.Header)
				}
				synctest.Wait()
				if rests := x.app.account.Refusal() != nil; rests != c.rests {
					t.Errorf("backs off: %v, want %v", rests, c.rests)
				}
			})
		})
	}
}

// TestDoubtful401HoldsNobody: the caller of a doubtful 401 gets its answer while the
// gateway is still confirming it with Jira, and so do others. Meanwhile only a few
// requests go out that Jira refuses.
func TestDoubtful401HoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "https://jira.example.com")
		release, asked := make(chan struct{}), 0
		x.myself = func(*http.Request) (*http.Response, error) {
			asked++
			<-release
			return answerOf(401, "{}"), nil
		}
		x.answer = func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/fine") {
				return answerOf(200, "{}", "Content-Type", "application/json"), nil
			}
			return answerOf(401, "{}"), nil
		}
		send := func(path string) *http.Response { return x.send("GET", "http://gateway.example.com"+path, nil) }
		if got := send(issuePath); got.StatusCode != http.StatusBadGateway {
			t.Fatalf("got %d", got.StatusCode)
		}
		for range 10 {
			if got := send("/rest/api/2/issue/fine"); got.StatusCode != http.StatusOK {
				t.Fatalf("got %d", got.StatusCode)
			}
		}
		statuses := make(chan int, 10)
		for range cap(statuses) {
			go func() { statuses <- send(issuePath).StatusCode }()
		}
		synctest.Wait()
		if sent := len(x.seen) - 12; sent != 2 || len(statuses) != 2 || asked != 1 { // 12: the first, myself and the ten
			t.Errorf("sent %d requests, answered %d, asked myself %d times", sent, len(statuses), asked)
		}
		close(release)
		for range cap(statuses) {
			if status := <-statuses; status != http.StatusBadGateway {
				t.Errorf("got %d", status)
			}
		}
		if len(x.seen) != 14 {
			t.Errorf("Jira got %d requests, including some that should have waited", len(x.seen))
		}
	})
}

// TestFailedLoginHoldsOthers: Data Center requires a CAPTCHA after three failed
// logins, so a wrong password must not cause more than two.
func TestFailedLoginHoldsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "https://jira.example.com")
		release := make(chan struct{})
		failed := func() *http.Response { return answerOf(401, "{}", "X-Seraph-LoginReason", "AUTHENTICATED_FAILED") }
		x.answer = func(*http.Request) (*http.Response, error) { return failed(), nil }
		x.myself = func(*http.Request) (*http.Response, error) { <-release; return failed(), nil }
		statuses := make(chan int, 10)
		send := func() { statuses <- x.send("GET", "http://gateway.example.com"+issuePath, nil).StatusCode }
		send()
		for range cap(statuses) - 1 {
			go send()
		}
		synctest.Wait()
		close(release)
		for range cap(statuses) {
			if status := <-statuses; status != http.StatusBadGateway {
				t.Errorf("got %d", status)
			}
		}
		if len(x.seen) != 2 {
			t.Errorf("Jira got %d requests, want one plus myself", len(x.seen))
		}
	})
}

// TestWaitingEndsWithTheClient: a client that disconnects stops waiting for the
// confirmation.
func TestWaitingEndsWithTheClient(t *testing.T) {
	account := jira.NewAccount("a", jira.Bearer("x"), jira.AccountOptions{ProbeInterval: time.Hour})
	release := make(chan struct{})
	defer close(release)
	account.Confirm("one", jira.RefusedError{}, func() { <-release })
	for range 2 {
		if _, err := account.Attempt(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := account.Attempt(ctx, "one"); err == nil {
		t.Error("more than two attempts")
	}
	if _, err := account.Attempt(t.Context(), "two"); err != nil {
		t.Error("another Jira is held up")
	}
}

// TestLateRefusalAsksNothing: a request that was sent while the refusal was being
// confirmed, and is refused after the account was paused, does not make the gateway ask
// Jira once more.
func TestLateRefusalAsksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "https://jira.example.com")
		confirm, late := make(chan struct{}), make(chan struct{})
		captcha := func() *http.Response {
			return answerOf(403, "{}", "X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=x")
		}
		x.myself = func(*http.Request) (*http.Response, error) { <-confirm; return captcha(), nil }
		x.answer = func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/late") {
				<-late
			}
			return captcha(), nil
		}
		send := func(path string) { x.send("GET", "http://gateway.example.com"+path, nil) }
		send(issuePath)
		go send("/rest/api/2/issue/late")
		synctest.Wait()
		close(confirm)
		synctest.Wait()
		close(late)
		synctest.Wait()
		if len(x.seen) != 3 { // the first, myself and the late one
			t.Errorf("Jira got %d requests, want 3", len(x.seen))
		}
	})
}

// TestExplainIgnoresOtherJiras: a refusal by another Jira does not matter.
func TestExplainIgnoresOtherJiras(t *testing.T) {
	x := newExchange(t, "https://one.example")
	x.app.account.Refused("https://two.example", jira.RefusedError{Why: "no"}, time.Now())
	for url, allowed := range map[string]bool{"https://one.example": true, "https://two.example": false} {
		e, err := x.handler.Explain(t.Context(), Question{Record: x.app.record, Method: "GET", URI: issuePath, Jira: url})
		if err != nil || e.Allowed != allowed {
			t.Errorf("%s: %+v, %v", url, e, err)
		}
	}
}
