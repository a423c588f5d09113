package rest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// locked checks that a page can load nothing, and tells nobody where it is.
func (g accountsGateway) locked(w answer) {
	g.t.Helper()
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || w.Header().Get("Referrer-Policy") != "no-referrer" {
		g.t.Errorf("headers %v", w.Header())
	}
}

// open opens the link at a path, and returns Jira's answer, and the cookie of the browser.
func (g accountsGateway) open(path string) (callback, cookie string) {
	g.t.Helper()
	w := g.call("GET", path, "", token.Token{})
	g.locked(w)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 {
		g.t.Fatalf("HTTP %d %v %+v", w.Code, w.Header(), w.failed)
	}
	if c := cookies[0]; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/jira/rest/jira-tokens/1/oauth/" || c.Domain != "" || c.MaxAge < 60 {
		g.t.Errorf("%+v", c)
	}
	response, err := http.DefaultTransport.RoundTrip(httptest.NewRequest(http.MethodGet, w.Header().Get("Location"), nil))
	if err != nil {
		g.t.Fatal(err)
	}
	response.Body.Close()
	back, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		g.t.Fatal(err)
	}
	return belowEndpoints(strings.TrimPrefix(back.Path, "/jira")) + "?" + back.RawQuery, "Cookie: " + connectCookie + "=" + cookies[0].Value
}

// finish sends the browser back to the gateway.
func (g accountsGateway) finish(callback string, headers ...string) answer {
	g.t.Helper()
	below, query, _ := strings.Cut(callback, "?")
	match := g.Find("GET", below)
	if match.Endpoint == nil || !match.Endpoint.SecretPath {
		g.t.Fatalf("%s: %+v", below, match)
	}
	r := httptest.NewRequest("GET", handler.EndpointsPath+below+"?"+query, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := answer{ResponseRecorder: httptest.NewRecorder()}
	if err := match.Endpoint.Serve(w, r, handler.Call{At: time.Now()}); err != nil {
		w.failed, _ = err.(*handler.EndpointError)
	}
	g.locked(w)
	return w
}

// TestConnectInTheBrowser: the pages are locked, the cookie is the browser's own, and the
// page says what has happened.
func TestConnectInTheBrowser(t *testing.T) {
	g := newAccountsGateway(t)
	holder := g.create(map[string]any{"account": "own"}).Token
	var link accounts.Link
	if w := g.call("POST", selfAccount, `{"connect":true}`, holder); w.Code != http.StatusCreated {
		t.Fatalf("HTTP %d %+v", w.Code, w.failed)
	} else {
		decodeInto(t, w, &link)
	}
	path, ok := strings.CutPrefix(link.URL, publicURL+handler.EndpointsPath)
	if !ok || link.Owner != "alice" {
		t.Fatalf("%+v", link)
	}
	g.jira.SetConsent(fakejira.Consent{User: "alice"})
	callback, _ := g.open(path)
	for what, w := range map[string]answer{"no cookie": g.finish(callback), "another cookie": g.finish(callback, "Cookie: "+connectCookie+"=x"), "no state": g.finish("1/oauth/callback?code=x")} {
		if w.reason() != handler.ReasonInvalidRequest || !w.failed.Guess || !strings.Contains(string(w.failed.Page), "same browser") {
			t.Errorf("%s: %+v", what, w.failed)
		}
	}
	g.jira.SetConsent(fakejira.Consent{})
	callback, cookie := g.open(path)
	if w := g.finish(callback, cookie); w.failed == nil || !strings.Contains(string(w.failed.Page), "cancelled or denied") || w.failed.Guess {
		t.Errorf("denied: %+v", w.failed)
	}
	callback, cookie = g.open(path)
	if w := g.finish(strings.Replace(callback, "access_denied", url.QueryEscape("<script>alert(1)</script>"), 1), cookie); w.failed == nil || strings.Contains(string(w.failed.Page), "<script") {
		t.Errorf("a script: %s", w.failed.Page)
	}
	g.jira.SetConsent(fakejira.Consent{User: "bob"})
	callback, cookie = g.open(path)
	if w := g.finish(callback, cookie); w.failed == nil || !strings.Contains(w.failed.Message, "not alice&#39;s") && !strings.Contains(w.failed.Message, "not alice's") {
		t.Errorf("somebody else: %+v", w.failed)
	}
	g.jira.SetConsent(fakejira.Consent{User: "alice"})
	callback, cookie = g.open(path)
	if w := g.finish(callback, cookie); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "alice@example.com") || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("HTTP %d %s %+v", w.Code, w.Body, w.failed)
	}
	if w := g.finish(callback, cookie); w.failed == nil {
		t.Error("a callback was replayed")
	}
	if w := g.call("GET", path, "", token.Token{}); w.failed == nil || !w.failed.Guess || !strings.Contains(string(w.failed.Page), "has been used") {
		t.Errorf("the link works twice: %+v", w.failed)
	}
	var view ownAccount
	decodeInto(t, g.call("GET", selfAccount, "", holder), &view)
	if view.Kind != accounts.KindConsent || view.User != "" || view.State != accounts.StateValid {
		t.Errorf("%+v", view)
	}
}

// TestLeadsBack: an owner who came from a page of the token manager finds a link back to it,
// and to no other page, whatever the browser sends.
func TestLeadsBack(t *testing.T) {
	g := newAccountsGateway(t)
	for from, link := range map[string]string{
		"https://jira.example.com/tokens/own": `<a href="https://jira.example.com/tokens/own">Back to the token manager</a>`,
		"javascript:alert(1)":                 `<a href="#ZgotmplZ">`, // html/template's word for what it does not trust
		"":                                    "",
	} {
		made, err := g.Accounts.NewLink(t.Context(), storage.Actor{Kind: storage.ActorOwner, Name: "alice"}, accounts.Own("alice", g.url), "", from)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(made.URL, publicURL+handler.EndpointsPath)
		const forged = "&from=https://evil.example.com&back=//evil.example.com&next=evil"
		for _, c := range []struct{ who, says string }{{"", "Not connected"}, {"bob", "Not connected"}, {"alice", "Connected"}} {
			g.jira.SetConsent(fakejira.Consent{User: c.who})
			callback, cookie := g.open(path)
			w := g.finish(callback+forged, cookie, "Referer: https://evil.example.com/", "X-Forwarded-Host: evil.example.com")
			shown := w.Body.String()
			if w.failed != nil {
				shown = string(w.failed.Page)
			}
			if !strings.Contains(shown, "<h1>"+c.says+"</h1>") || !strings.Contains(shown, link) || strings.Contains(shown, "<a") != (from != "") || strings.Contains(shown, "evil") || strings.Contains(shown, "javascript:") {
				t.Errorf("from %q, as %q: %s", from, c.who, shown)
			}
			if other := g.finish(callback, "Cookie: "+connectCookie+"=x"); other.failed == nil || strings.Contains(string(other.failed.Page), "<a") {
				t.Errorf("from %q, in another browser: %+v", from, other.failed)
			}
		}
	}
}
