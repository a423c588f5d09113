package gatewaytest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

const (
	consentPublic = "http://gateway.example.com"
	consenter     = "pat@example.com"
	appSecret     = "n0b0dy-sees-the-app"
	callbackPath  = "/rest/jira-tokens/1/oauth/callback"
)

// consenting is a Jira Cloud to which owners consent, with two gateways on one Redis.
type consenting struct {
	jira *fakejira.Server
	a, b *gateway
	tok  issued
}

// startConsenting starts the gateways, and connects an owner by a link that one of them
// made and the other opens. Access tokens last lifetime.
func startConsenting(t *testing.T, lifetime time.Duration) *consenting {
	t.Helper()
	redis := redistest.Start(t)
	c := &consenting{jira: fakejira.New(fakejira.Options{
		Accounts:  takesAccount(),
		OAuthApps: []fakejira.OAuthApp{{ID: "app", Secret: appSecret, RedirectURL: consentPublic + callbackPath}},
	})}
	base, err := c.jira.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.jira.Close() })
	c.jira.SetConsent(fakejira.Consent{User: consenter, Lifetime: lifetime})
	start := func() *gateway {
		g := startGateway(t, options{store: redisStore(redis), instead: "log access\njira_gateway " + base, apps: encryptionKey("a") + fmt.Sprintf(`
			public_url %s
			oauth %s {
				client_id app
				client_secret %s
				product cloud
				auth_url %s
				api_url %s
			}`, consentPublic, base, appSecret, base, base)})
		g.account = append(g.account, appSecret)
		return g
	}
	c.a, c.b = start(), start()
	made := c.a.token("account", "connect", "--owner", consenter)
	link, ok := strings.CutPrefix(strings.TrimSpace(made.out), consentPublic)
	if made.code != 0 || !ok || !strings.Contains(made.err, "works once") {
		t.Fatalf("connect: %s", made)
	}
	opened := c.b.send(get(link, ""))
	cookie, _, _ := strings.Cut(opened.header.Get("Set-Cookie"), ";")
	if opened.status != http.StatusSeeOther || cookie == "" || opened.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("open: %s %v", opened, opened.header)
	}
	response, err := http.DefaultTransport.RoundTrip(httptest.NewRequestWithContext(context.Background(), http.MethodGet, opened.header.Get("Location"), nil))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	back, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{strings.TrimPrefix(link, "/rest/jira-tokens/1/oauth/connect/"), back.Query().Get("code"), back.Query().Get("state"), strings.TrimPrefix(cookie, "jira_tokens_connect=")} {
		for _, g := range []*gateway{c.a, c.b} {
			g.mu.Lock()
			g.tokens = append(g.tokens, secret)
			g.mu.Unlock()
		}
	}
	done := c.a.send(get(back.RequestURI(), "Cookie: "+cookie+"\r\n"))
	if done.status != http.StatusOK || !strings.Contains(done.body, "Connected") || !strings.Contains(done.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("callback: %s %v", done, done.header)
	}
	if again := c.b.send(get(back.RequestURI(), "Cookie: "+cookie+"\r\n")); again.status != http.StatusBadRequest || !strings.Contains(again.body, "<h1>Not connected</h1>") {
		t.Errorf("replayed: %s", again)
	}
	c.tok = c.a.issue(consenter, "read", "account", "own")
	c.b.guard(c.tok.Owner, c.tok.Token)
	return c
}

// get sends a request with the token, which must succeed.
func (c *consenting) get(t *testing.T, g *gateway) {
	t.Helper()
	if got := g.send(get(myself, c.tok.basic())); got.status != http.StatusOK || !strings.Contains(got.body, consenter) {
		t.Errorf("%s", got)
	}
}

// TestTwoGatewaysRefreshOnce: requests through two gateways around the time when an
// owner's access token expires make them refresh it once, and none of them fails.
func TestTwoGatewaysRefreshOnce(t *testing.T) {
	c := startConsenting(t, 4*time.Second)
	c.jira.SetConsent(fakejira.Consent{Lifetime: time.Hour})
	for _, g := range []*gateway{c.a, c.b} {
		reaches(t, g, c.tok, http.StatusOK, "", consenter)
	}
	var sending sync.WaitGroup
	stop := make(chan struct{})
	for i := range 8 {
		sending.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.get(t, []*gateway{c.a, c.b}[i%2])
				}
			}
		})
	}
	eventually(t, "the refresh", func() error {
		if c.jira.Refreshes().Done == 0 {
			return fmt.Errorf("%+v", c.jira.Refreshes())
		}
		return nil
	})
	// Both have it once they have sent requests after its tokens were saved.
	for _, g := range []*gateway{c.a, c.b} {
		for range 20 {
			c.get(t, g)
		}
	}
	close(stop)
	sending.Wait()
	if got, want := c.jira.Refreshes(), (fakejira.Refreshes{Done: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	list := c.b.token("account", "list")
	if !strings.Contains(list.out, "own of "+consenter) || !strings.Contains(list.out, "oauth_consent") {
		t.Errorf("list: %s", list)
	}
	if remove := c.a.token("account", "remove", "--owner", consenter); remove.code == 0 || !strings.Contains(remove.err, "in use") {
		t.Errorf("remove: %s", remove)
	}
}

// TestGatewayDiesWhileRefreshing: Jira has replaced the tokens, but the gateway that asked
// for that is killed before it gets them. The other one takes over.
func TestGatewayDiesWhileRefreshing(t *testing.T) {
	c := startConsenting(t, 4*time.Second)
	c.jira.SetConsent(fakejira.Consent{Lifetime: time.Hour, ReuseInterval: 10 * time.Minute})
	var killed atomic.Bool
	c.jira.SetFaults(fakejira.Faults{Intercept: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/oauth/token" || !killed.CompareAndSwap(false, true) {
			return false
		}
		c.jira.ServeHTTP(httptest.NewRecorder(), r) // this time, it is not intercepted
		_ = c.a.cmd.Process.Kill()
		<-c.a.exited
		return true
	}})
	eventually(t, "the gateway to die", func() error {
		// In the background it refreshes the tokens, and dies, perhaps in this request.
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.a.addr+myself, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(c.tok.Owner, c.tok.Token)
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			response.Body.Close()
		}
		if !killed.Load() {
			return fmt.Errorf("it has not refreshed the tokens: %+v", c.jira.Refreshes())
		}
		return nil
	})
	<-c.a.exited
	eventually(t, "the other gateway to take over", func() error {
		c.get(t, c.b) // which may wait, but succeeds
		if c.jira.Refreshes().Done < 2 {
			return fmt.Errorf("%+v", c.jira.Refreshes())
		}
		return nil
	})
	c.get(t, c.b)
	if got, want := c.jira.Refreshes(), (fakejira.Refreshes{Done: 2, Reused: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
