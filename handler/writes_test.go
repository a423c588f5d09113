package handler

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// newCounters returns counters for one node.
func newCounters(t testing.TB) *limits.Counters {
	return limits.NewCounters(background.New(t.Context()), nil, nil)
}

// TestLimitOfWrites: only what changes something in Jira counts, whatever its method,
// and only if the gateway forwards it.
func TestLimitOfWrites(t *testing.T) {
	x := newExchange(t, "https://jira.example.com")
	x.answer = func(*http.Request) (*http.Response, error) {
		return answerOf(http.StatusCreated, `{}`, "Content-Type", "application/json"), nil
	}
	x.app.limits.Counters = newCounters(t)
	x.app.record.LimitWrites = token.Limit{Requests: 3, Period: 24 * time.Hour, Burst: 3}
	for i, test := range []struct {
		method, path string
		status       int
		retry        string
	}{
		{"POST", "/rest/api/2/search", 201, ""}, // a read
		{"POST", "/rest/api/2/issue", 201, ""},
		{"GET", "/rest/api/2/issue/ABC-1", 201, ""},
		{"POST", "/rest/api/2/user", 403, ""}, // out of the token's scope
		{"POST", "/rest/unknown/1/thing", 201, ""},
		{"PUT", "/rest/api/2/issue/ABC-1", 201, ""},
		{"DELETE", "/rest/api/2/issue/ABC-1", 429, "28800"},
		{"POST", "/rest/api/2/issue/ABC-1/comment", 429, "28800"},
		{"POST", "/rest/api/2/search", 201, ""},
	} {
		answer := x.send(test.method, "http://gateway.example.com"+test.path, strings.NewReader(`{}`))
		if answer.StatusCode != test.status || answer.Header.Get("Retry-After") != test.retry {
			t.Errorf("%d: %s %s: %d, Retry-After %q", i, test.method, test.path, answer.StatusCode, answer.Header.Get("Retry-After"))
		}
		if test.status != http.StatusTooManyRequests {
			continue
		}
		if reason := answer.Header.Get(headerReason); reason != string(ReasonRateLimited) {
			t.Errorf("reason %s", reason)
		}
		for name, want := range map[string]string{"Limit": "3", "Remaining": "0", "Fillrate": "3", "Interval-Seconds": "86400"} {
			if got := answer.Header.Get("X-Ratelimit-" + name); got != want {
				t.Errorf("X-RateLimit-%s: %s, want %s", name, got, want)
			}
		}
	}
	if len(x.seen) != 6 {
		t.Errorf("%d requests reached Jira, want 6", len(x.seen))
	}
}
