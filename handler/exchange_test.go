package handler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// roundTripper answers requests in Jira's place.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// exchange is a transport under test, and what reached Jira.
type exchange struct {
	t         testing.TB
	transport *Transport
	handler   *Handler
	app       oneToken
	answer    func(*http.Request) (*http.Response, error)
	// myself, if set, answers who the account is.
	myself func(*http.Request) (*http.Response, error)

	mu   sync.Mutex
	seen []*http.Request
	err  error // the transport's last error
}

// newExchange returns an exchange with a gateway in front of a Jira at url.
func newExchange(t testing.TB, url string, set ...func(*Transport)) *exchange {
	t.Helper()
	x := &exchange{t: t, app: newToken(token.New(), token.ScopeWrite), transport: &Transport{URL: url}}
	for _, f := range set {
		f(x.transport)
	}
	x.transport.ctx, x.transport.app = t.Context(), x.app
	x.transport.setDefaults()
	if err := x.transport.provision(roundTripper(x.jira)); err != nil {
		t.Fatal(err)
	}
	x.handler = newHandler(t, x.app, frontAPI, passwordsDeny)
	x.handler.ContextPath = x.transport.homes[0].Path
	return x
}

// jira is Jira.
func (x *exchange) jira(r *http.Request) (*http.Response, error) {
	x.mu.Lock()
	x.seen = append(x.seen, r)
	x.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/myself") {
		if x.myself != nil {
			return x.myself(r)
		}
		return answerOf(http.StatusOK, `{"name":"svc"}`, "Content-Type", "application/json"), nil
	}
	return x.answer(r)
}

// send sends a request through the handler and the transport.
func (x *exchange) send(method, target string, body io.Reader) *http.Response {
	x.t.Helper()
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Authorization", basicOf("alice", x.app.Reveal()))
	return x.serve(r)
}

// serve takes any request through the handler and the transport.
func (x *exchange) serve(r *http.Request) *http.Response {
	x.t.Helper()
	w := httptest.NewRecorder()
	next := handlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		out := r.Clone(r.Context())
		if context := x.handler.ContextPath; context != "" && !strings.HasPrefix(out.URL.Path, context+"/") {
			out.URL.Path = context + out.URL.Path // as the directive's rewrite does
		}
		out.URL.Scheme, out.URL.Host = x.transport.homes[0].Scheme, x.transport.homes[0].Host
		response, err := x.transport.RoundTrip(out)
		x.mu.Lock()
		x.err = err
		x.mu.Unlock()
		if err != nil {
			return err
		}
		defer response.Body.Close()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, err = io.Copy(w, response.Body)
		return err
	})
	if err := x.handler.ServeHTTP(w, r, next); err != nil && !errors.Is(err, context.Canceled) {
		x.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	return w.Result()
}

type handlerFunc func(http.ResponseWriter, *http.Request) error

func (f handlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) error { return f(w, r) }

func answerOf(status int, body string, headers ...string) *http.Response {
	header := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}
