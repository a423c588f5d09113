package manager

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
)

// header is an Identity that believes the header X-User.
type header struct{ identity.Placeholder }

func (*header) Recognize(r *http.Request) (*identity.Person, error) {
	if name := r.Header.Get("X-User"); name != "" {
		return &identity.Person{Name: name}, nil
	}
	return nil, nil
}

// serve serves a manager below /tokens/, as handle_path does.
func serve(t testing.TB, a *app, identities ...identity.Identity) *httptest.Server {
	t.Helper()
	h := &Handler{app: a, identities: identities, now: time.Now, logger: zap.NewNop()}
	for _, i := range identities {
		if user, ok := i.(identity.UsesApp); ok {
			user.Use(a)
		}
	}
	var err error
	if h.pages, err = newPages(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if h.compression, err = newCompression(ctx); err != nil {
		t.Fatal(err)
	}
	h.sessions = session.New(a.Documents(), a.Mirror, a.JiraAccounts().Keys())
	if h.routes, err = h.newRoutes(); err != nil {
		t.Fatal(err)
	}
	var site http.Handler
	site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, "/tokens")
		if !ok {
			a.gateway(w, r)
			return
		}
		original := *r
		address, _, _ := strings.Cut(r.RemoteAddr, ":")
		ctx := context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)
		ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: address})
		ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
		ctx = context.WithValue(ctx, caddyhttp.ServerCtxKey, site)
		inner := r.Clone(ctx)
		inner.URL.Path = path
		if err := h.ServeHTTP(w, inner, nil); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return server
}

// browser is a browser with cookies, which follows no redirects.
type browser struct {
	t      testing.TB
	server *httptest.Server
	user   string // for the identity header
	client *http.Client
}

func newBrowser(t testing.TB, server *httptest.Server, user string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, server, user, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(method, path string, body io.Reader, header http.Header) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if b.user != "" {
		r.Header.Set("X-User", b.user)
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do(http.MethodGet, path, nil, nil) }

// post sends a form, as a page of the manager does.
func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	return b.do(http.MethodPost, path, strings.NewReader(form.Encode()), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"},
	})
}

func (a answer) want(t *testing.T, what string, status int, contains ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, want %d:\n%s", what, a.status, status, a.text())
	}
	for _, text := range contains {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s: the page does not contain %q:\n%s", what, text, a.text())
		}
	}
}

// text returns a page as a reader sees it: without tags, and on one line.
func (a answer) text() string {
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(a.body, " "))), " ")
}

func (a answer) wantText(t *testing.T, what string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.text(), text) {
			t.Errorf("%s: the page does not say %q:\n%s", what, text, a.text())
		}
	}
}
