package handler

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// BenchmarkRequest sends a typical request of a report through the gateway, and
// through reverse_proxy alone: the difference is our cost. It involves neither a
// network nor a server.
func BenchmarkRequest(b *testing.B) {
	const jira = "http://jira.example.com"
	answer := searchPage(jira)
	connection := bufio.NewReader(nil) // the body is read before the next request
	upstream := roundTripper(func(r *http.Request) (*http.Response, error) {
		connection.Reset(bytes.NewReader(answer))
		return http.ReadResponse(connection, r)
	})
	app := newCachedToken(b, token.ScopeRead)
	request := httptest.NewRequest(http.MethodGet, "http://gateway.example.com/rest/api/2/search?jql=project%3DDEMO&maxResults=50", nil)
	request.Header = http.Header{
		"User-Agent": {"python-requests/2.32.3"}, "Accept-Encoding": {"gzip, deflate"}, "Accept": {"application/json"},
		"Content-Type": {"application/json"}, "Authorization": {basicOf("alice", app.Reveal())},
	}
	serve := func(b *testing.B, handle caddyhttp.HandlerFunc) {
		server, header := new(caddyhttp.Server), request.Header
		b.ReportAllocs()
		for b.Loop() {
			r := request.WithContext(b.Context())
			r.Header = header.Clone()
			w := &discarding{header: make(http.Header)}
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, server)
			if err := handle(w, r); err != nil {
				b.Fatal(err)
			}
			if w.status != http.StatusOK || w.size < searchPageSize {
				b.Fatal(w.status, w.size)
			}
		}
	}
	b.Run("reverse_proxy", func(b *testing.B) {
		proxy := newProxy(b, upstream)
		serve(b, func(w http.ResponseWriter, r *http.Request) error { return proxy.ServeHTTP(w, r, nil) })
	})
	b.Run("gateway", func(b *testing.B) {
		transport := &Transport{URL: jira, ctx: b.Context()}
		transport.setDefaults()
		if err := transport.provision(upstream); err != nil {
			b.Fatal(err)
		}
		h, proxy := newHandler(b, app, frontAPI, passwordsDeny), newProxy(b, transport)
		next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return proxy.ServeHTTP(w, r, nil) })
		serve(b, func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, next) })
	})
}

// newProxy returns a reverse_proxy that uses transport.
func newProxy(b *testing.B, transport http.RoundTripper) *reverseproxy.Handler {
	b.Helper()
	ctx, err := caddy.ProvisionContext(new(caddy.Config))
	if err != nil {
		b.Fatal(err)
	}
	proxy := &reverseproxy.Handler{Upstreams: reverseproxy.UpstreamPool{{Dial: "jira.example.com:80"}}}
	if err := proxy.Provision(ctx); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = proxy.Cleanup() })
	proxy.Transport = transport
	return proxy
}

// searchPageSize is the minimum size of a page of search results, in bytes.
const searchPageSize = 2000

// searchPage is a page of search results from Data Center, including headers.
func searchPage(jira string) []byte {
	var body strings.Builder
	body.WriteString(`{"startAt":0,"maxResults":50,"total":7,"issues":[{}`)
	for i := 1; body.Len() < searchPageSize; i++ {
		fmt.Fprintf(&body, `,{"id":"%d","self":"%s/rest/api/2/issue/%d","key":"DEMO-%d","fields":{"summary":"Export of the month's bookings ends early",`+
			`"status":{"self":"%s/rest/api/2/status/3","name":"In Progress"},"updated":"2026-10-01T08:15:30.000+0000"}}`, 10000+i, jira, 10000+i, i, jira)
	}
	body.WriteString("]}")
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-cache, no-store, no-transform\r\nDate: Thu, 01 Oct 2026 08:15:30 GMT\r\n"+
		"Set-Cookie: JSESSIONID=0F3C7D2E; Path=/; HttpOnly\r\nVary: User-Agent\r\nX-AREQUESTID: 495x1x1\r\n"+
		"X-ASESSIONID: 1abcdef\r\nX-AUSERNAME: svc-bi\r\nX-Content-Type-Options: nosniff\r\n\r\n%s", body.Len(), body.String())
}

// discarding is a response writer that only keeps the status and the size.
type discarding struct {
	header http.Header
	status int
	size   int
}

func (w *discarding) Header() http.Header { return w.header }

func (w *discarding) WriteHeader(status int) { w.status = status }

func (w *discarding) Write(p []byte) (int, error) {
	w.size += len(p)
	return len(p), nil
}
