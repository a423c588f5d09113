package handler

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// TestUploadsThatTheClientBreaks: they must not count as failures of Jira, which
// would make the proxy take the upstream out of service for everybody.
func TestUploadsThatTheClientBreaks(t *testing.T) {
	for name, c := range map[string]struct {
		failure error
		status  int
	}{
		"malformed": {errors.New("malformed chunked encoding"), http.StatusBadRequest},
		"too large": {&http.MaxBytesError{Limit: 1}, http.StatusBadRequest},
		"cut off":   {io.ErrUnexpectedEOF, 0},
		"gone":      {context.Canceled, 0},
	} {
		for _, path := range []string{"/rest/api/2/issue", "/rest/api/2/search"} {
			x := newExchange(t, "https://jira.example.com")
			x.answer = func(r *http.Request) (*http.Response, error) {
				_, err := io.ReadAll(r.Body)
				return nil, err
			}
			body := io.MultiReader(strings.NewReader("{"), iotest.ErrReader(c.failure))
			got := x.send("POST", "http://gateway.example.com"+path, body)
			if c.status == 0 {
				if !errors.Is(x.err, context.Canceled) {
					t.Errorf("%s, %s: %v", name, path, x.err)
				}
				continue
			}
			if x.err != nil || got.StatusCode != c.status || got.Header.Get(headerReason) != string(ReasonAmbiguousRequest) {
				t.Errorf("%s, %s: got %d %v, %v", name, path, got.StatusCode, got.Header, x.err)
			}
		}
	}
}

// TestReadsAreRetried: a read is retried if its connection breaks while it is being
// written, a change is not.
func TestReadsAreRetried(t *testing.T) {
	broken := &net.OpError{Op: "write", Err: syscall.EPIPE}
	search := `{"jql":"` + strings.Repeat("x", 30_000) + `"}`
	for _, c := range []struct {
		method, path, body string
		failure            error
		times              int
	}{
		{"GET", "/rest/api/2/issue/A-1", "", broken, 2},
		{"GET", "/rest/api/2/issue/A-1", "{}", broken, 2},
		{"POST", "/rest/api/2/search", search, broken, 2},
		{"POST", "/rest/api/2/search", search + strings.Repeat(" ", maxKept), broken, 1},
		{"POST", "/rest/api/2/search", search, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 1},
		{"POST", "/rest/api/2/issue", search, broken, 1},
		{"PUT", "/rest/api/2/issue/A-1", search, broken, 1},
		{"DELETE", "/rest/api/2/issue/A-1/comment/1", "", broken, 1},
	} {
		for _, chunked := range []bool{false, true} {
			x := newExchange(t, "https://jira.example.com")
			var bodies []string
			x.answer = func(r *http.Request) (*http.Response, error) {
				text := ""
				if r.Body != nil {
					read, _ := io.ReadAll(r.Body)
					text = string(read)
				}
				bodies = append(bodies, text)
				if len(bodies) == 1 {
					return nil, c.failure
				}
				return answerOf(http.StatusOK, "{}", "Content-Type", "application/json"), nil
			}
			var body io.Reader = strings.NewReader(c.body)
			if chunked {
				body = io.MultiReader(body)
			}
			x.send(c.method, "http://gateway.example.com"+c.path, body)
			if len(bodies) != c.times {
				t.Errorf("%s %s, %d bytes: sent %d times, want %d", c.method, c.path, len(c.body), len(bodies), c.times)
			}
			for _, sent := range bodies {
				if sent != c.body {
					t.Errorf("%s %s: sent %d bytes of %d", c.method, c.path, len(sent), len(c.body))
				}
			}
		}
	}
}
