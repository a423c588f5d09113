package gatewaytest

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

const (
	selfPath   = "/rest/jira-tokens/1/self"
	asProgram  = "Accept: application/json\r\n"
	asBrowser  = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nSec-Fetch-Site: cross-site\r\n"
	linkBefore = "/rest/jira-tokens/1/handover/"
)

// handedOver is what the command prints with --handover.
type handedOver struct {
	ID       string `json:"id"`
	Token    string `json:"token"`
	Handover struct {
		URL       string    `json:"url"`
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"handover"`
}

// handOver runs a command with --handover, and returns the path of the link. The link
// must not reach the log or Jira.
func (g *gateway) handOver(args ...string) (h handedOver, path string) {
	g.t.Helper()
	r := g.token(append(args, "--handover", "--output", "json")...)
	if r.code != 0 || json.Unmarshal([]byte(r.out), &h) != nil || h.Token != "" || strings.Contains(r.out, "jt_"+h.ID) {
		g.t.Fatalf("%q: %s", args, r)
	}
	u, err := url.Parse(h.Handover.URL)
	if err != nil || !strings.HasPrefix(u.Path, linkBefore+h.ID+"-") {
		g.t.Fatalf("link %q: %v", h.Handover.URL, err)
	}
	g.guard("eve", strings.TrimPrefix(u.Path, linkBefore))
	return h, u.Path
}

// TestHandoverAndSelf follows a token from its link to its end, with Jira away: nothing
// reaches Jira, and neither the link nor a secret the log.
func TestHandoverAndSelf(t *testing.T) {
	g := startGateway(t, options{site: "front site"})
	g.up.stop()
	h, path := g.handOver("create", "--owner", "eve", "--name", "<handed>", "--expires", "10d")
	if h.Handover.URL != "http://"+g.addr+path {
		t.Errorf("without public_url, the link is %s", h.Handover.URL)
	}
	for _, look := range []string{g.request("GET", path, asBrowser), g.request("HEAD", path, ""), g.request("GET", path, asProgram)} {
		if got := g.send(look); got.status != http.StatusOK || strings.Contains(got.body, "jt_") || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("a look: %s %v", got, got.header)
		}
	}
	page := g.do("GET", path, asBrowser)
	if !strings.Contains(page.body, `<form method="post">`) || !strings.Contains(page.body, "&lt;handed&gt;") || page.header.Get("Referrer-Policy") != "no-referrer" ||
		!strings.HasPrefix(page.header.Get("Content-Security-Policy"), "default-src 'none'; ") {
		t.Errorf("the page: %s %v", page, page.header)
	}
	var opened issued
	if got := g.do("POST", path, asProgram, ""); got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &opened) != nil || opened.ID != h.ID || opened.Owner != "eve" {
		t.Fatalf("opening it: %s", got)
	}
	g.guard(opened.Owner, opened.Token)
	g.check(t, g.do("POST", path, asProgram, ""), refused(http.StatusGone, "handover_ended"))
	g.check(t, g.do("POST", path[:len(path)-1]+"_", asProgram, ""), refused(http.StatusNotFound, "unknown_handover"))
	g.check(t, g.do("POST", path+"/", asProgram, ""), refused(http.StatusNotFound, "unknown_endpoint"))
	g.check(t, g.do("PUT", path, asProgram, ""), refused(http.StatusMethodNotAllowed, "method_not_allowed"))
	if line := g.eventuallyLogged(t, "a hand-over link was opened again"); !strings.Contains(line, h.ID) || !strings.Contains(line, `"warn"`) {
		t.Errorf("the alarm in the log: %s", line)
	}

	var self struct {
		ID, Scope, Address string
		AtExpiry           struct{ Rotate string } `json:"at_expiry"`
	}
	got := g.do("GET", selfPath, opened.basic())
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &self) != nil || self.ID != h.ID || self.Scope != "read" || self.Address != "127.0.0.1" {
		t.Errorf("self: %s", got)
	}
	if got.header.Get("X-Jira-Token-Expires") == "" || got.header.Get("Sunset") == "" {
		t.Errorf("a token that ends soon: %v", got.header)
	}
	if line := g.eventuallyLogged(t, `"uri":"`+selfPath); !strings.Contains(line, h.ID) || !strings.Contains(line, `"jira_decision":"allowed"`) {
		t.Errorf("access log: %s", line)
	}
	g.check(t, g.do("GET", selfPath, ""), refused(http.StatusUnauthorized, "no_credentials"))
	g.check(t, g.do("POST", selfPath+"/rotate", opened.basic()+"Origin: https://evil.example\r\nContent-Type: text/plain\r\n", ""), refused(http.StatusForbidden, "path_denied"))
	var rotated issued
	if got := g.do("POST", selfPath+"/rotate", opened.basic(), "{}"); got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &rotated) != nil {
		t.Fatalf("rotate: %s", got)
	}
	g.guard(rotated.Owner, rotated.Token)
	g.check(t, g.do("GET", selfPath, opened.basic()), refused(http.StatusUnauthorized, "invalid_token"))

	if r := g.token("explain", "--token", h.ID, "POST", selfPath+"/rotate"); !strings.Contains(r.out, "The gateway itself would answer the request.") {
		t.Errorf("explain: %s", r)
	}
	if r := g.token("disable", h.ID); r.code != 0 {
		t.Fatal(r)
	}
	g.check(t, g.do("GET", selfPath, rotated.bearer()), refused(http.StatusUnauthorized, "token_disabled"))
	if got := g.do("DELETE", selfPath, rotated.bearer(), `{"reason":"leaked"}`); got.status != http.StatusNoContent {
		t.Errorf("ending it: %s", got)
	}
	g.check(t, g.do("GET", issuePath, rotated.bearer()), refused(http.StatusUnauthorized, "token_revoked"))
	r := g.token("audit", "--token", h.ID)
	for _, want := range []string{"handover_opened", "handover_alarm", "by link, 127.0.0.1", "by token, " + h.ID, `status_reason: – → "leaked"`} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the audit trail lacks %q:\n%s", want, r.out)
		}
	}
}

// TestLinkIsNeverLogged: the secret of a link is in no log, whatever somebody does with it
// by mistake: another method, a path with a typo, or a page elsewhere that asks a browser
// to send something there.
func TestLinkIsNeverLogged(t *testing.T) {
	const app = "https://app.example.com"
	g := startGateway(t, options{site: "front site\ncors {\norigins " + app + "\n}"})
	_, path := g.handOver("create", "--owner", "eve", "--name", "n")
	link := strings.TrimPrefix(path, linkBefore)
	preflight := "Origin: " + app + "\r\nAccess-Control-Request-Method: POST\r\n"
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"} {
		for _, target := range []string{
			path, path + "/", path + "/x", path + ";x", path + "?x=1", path + "%20", path + "%00", path + "/../x", "/jira" + path, "/jira/jira" + path, "/x" + path,
			"/rest/jira-tokens/handover/" + link, "/rest/jira-tokens/2/handover/" + link, "/rest/jira-tokens/1/handovers/" + link, "/rest/jira-tokens/1/" + link,
			"/rest/jira-tokens/1/self/" + link, "/rest/jira-tokens/" + link, "/rest/Jira-Tokens/1/handover/" + link, "//rest//jira-tokens/1//handover/" + link,
			"/rest/jira%2dtokens/1/handover/" + link, "/rest%2Fjira-tokens%2F1%2Fhandover%2F" + link,
			"/rest/jira-tokens/1/handover?" + link,
		} {
			for _, header := range []string{asBrowser, asProgram, preflight} {
				g.do(method, target, header)
			}
		}
	}
	if g.do("GET", path, asProgram).status != http.StatusOK {
		t.Error("the link was used up")
	}
}

// TestHandoverOnTwoGateways: a link that was made on one gateway is opened on two at
// once: one shows the token.
func TestHandoverOnTwoGateways(t *testing.T) {
	redis := redistest.Start(t)
	public := "public_url https://jira.example.com"
	a := startGateway(t, options{store: redisStore(redis), apps: public})
	b := startGateway(t, options{store: redisStore(redis), apps: public})
	h, path := a.handOver("create", "--owner", "eve", "--name", "n")
	if h.Handover.URL != "https://jira.example.com"+path {
		t.Errorf("link %s", h.Handover.URL)
	}
	b.guard("eve", strings.TrimPrefix(path, linkBefore))
	var mu sync.Mutex
	var shown []issued
	var all sync.WaitGroup
	for _, g := range []*gateway{a, b, a, b} {
		conn := g.dial()
		all.Go(func() {
			if _, err := conn.Write([]byte(g.request("POST", path, asProgram, ""))); err != nil {
				t.Error(err)
				return
			}
			response, body, err := readResponse(conn)
			mu.Lock()
			defer mu.Unlock()
			var opened issued
			switch {
			case err != nil:
				t.Error(err)
			case response.StatusCode == http.StatusOK && json.Unmarshal(body, &opened) == nil:
				shown = append(shown, opened)
			case response.StatusCode != http.StatusGone:
				t.Errorf("HTTP %d %s", response.StatusCode, body)
			}
		})
	}
	all.Wait()
	if len(shown) != 1 || shown[0].ID != h.ID {
		t.Fatalf("%d got a token", len(shown))
	}
	for _, g := range []*gateway{a, b} {
		g.guard(shown[0].Owner, shown[0].Token)
		if got := g.do("GET", selfPath, shown[0].basic()); got.status != http.StatusOK {
			t.Errorf("%s", got)
		}
	}
}

// readResponse reads the single response on a connection.
func readResponse(conn net.Conn) (*http.Response, []byte, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(response.Body)
	return response, body, err
}
