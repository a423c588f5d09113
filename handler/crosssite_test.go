package handler

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestCrossSite sends requests to http://gateway.example:8080 as browsers do for
// pages of this site and of others.
func TestCrossSite(t *testing.T) {
	const (
		search, attach = "POST /rest/api/3/search/jql", "POST /rest/api/3/issue/A-1/attachments"
		own, other     = "Origin: http://gateway.example:8080", "Origin: https://elsewhere.example"
		multipart      = "Content-Type: multipart/form-data; boundary=b"
		jsonType       = "Content-Type: application/json"
	)
	app := newToken(token.New(), token.ScopeAdmin)
	basic, bearer := basicOf("alice", app.Reveal()), "Bearer "+app.Reveal()
	h := newHandler(t, app, frontAPI, passwordsDeny)
	h.CORS = &CORS{Origins: []string{"https://app.example"}}
	for _, c := range []struct {
		request, headers string
		denied           bool // with Basic; Bearer is never denied
	}{
		{attach, "", false},
		{attach, multipart, false},
		// Browsers that send Sec-Fetch-Site.
		{attach, jsonType + "\nSec-Fetch-Site: cross-site", true},
		{attach, jsonType + "\nSec-Fetch-Site: same-site", true},
		{attach, jsonType + "\nSec-Fetch-Site: unheard-of", true},
		{attach, jsonType + "\nSec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site", true},
		{attach, multipart + "\nSec-Fetch-Site: same-origin\n" + own, false},
		{attach, multipart + "\nSec-Fetch-Site: none", false},
		// Without it, Origin decides about requests that need no preflight.
		{attach, multipart + "\n" + other, true},
		{attach, "Content-Type: MULTIPART/Form-Data; boundary=b\n" + other, true},
		{attach, "Content-Type: text/plain\n" + other, true},
		{attach, "Content-Type: text/plain; charset=utf-8; x=application/json\n" + other, true},
		{attach, "Content-Type: application/x-www-form-urlencoded\n" + other, true},
		{attach, "Content-Type:\n" + other, true},
		{attach, "Content-Type: application/json, text/plain\n" + other, true},
		{attach, other, true},
		{attach, jsonType + "\n" + other, false},
		{attach, multipart + "\nOrigin: null", true},
		{attach, multipart + "\nOrigin:", true},
		{attach, multipart + "\nOrigin: nonsense", true},
		{attach, multipart + "\n" + own, false},
		{attach, multipart + "\nOrigin: HTTP://Gateway.Example:8080", false},
		{attach, multipart + "\n" + own + "\n" + other, true},
		{attach, multipart + "\n" + other + "\n" + own, true},
		{attach, multipart + "\nOrigin: https://gateway.example:8080", true},
		{attach, multipart + "\nOrigin: http://gateway.example", true},
		{attach, multipart + "\nOrigin: http://gateway.example:8081", true},
		{attach, multipart + "\nOrigin: http://gateway.example:8080.evil.example", true},
		{attach, multipart + "\nOrigin: http://gateway.example:8080@evil.example", true},
		{attach, multipart + "\nOrigin: http://sub.gateway.example:8080", true},
		// Referer decides for browsers that send forms without Origin.
		{attach, multipart + "\nReferer: https://elsewhere.example/page", true},
		{attach, multipart + "\nReferer: http://gateway.example:8080/page?x", false},
		{attach, multipart + "\nReferer: http://evil.example/http://gateway.example:8080/", true},
		{attach, multipart + "\nReferer: about:blank", true},
		{attach, jsonType + "\nReferer: https://elsewhere.example/page", false},
		{attach, multipart + "\n" + own + "\nReferer: https://elsewhere.example/page", false},
		// Only operations that change something are denied.
		{search, jsonType + "\nSec-Fetch-Site: cross-site", false},
		{search, "Content-Type: text/plain\n" + other, false},
		{"GET /rest/api/3/issue/A-1", "Sec-Fetch-Site: cross-site", false},
		{"HEAD /rest/api/3/issue/A-1", other, false},
		{"PUT /rest/api/3/issue/A-1", "Sec-Fetch-Site: cross-site\n" + jsonType, true},
		{"DELETE /rest/api/3/issue/A-1", other, true},
		{"GET /rest/api/3/auditing/record", "Sec-Fetch-Site: cross-site", false},
		{"GET /rest/api/3/auditing/record", "Referer: https://elsewhere.example/", false},
		{"GET /rest/api/3/role", "Sec-Fetch-Site: cross-site", false},
		{"GET /rest/api/3/auditing/record", "", false},
		// A web application named in the configuration.
		{attach, multipart + "\nSec-Fetch-Site: cross-site\nOrigin: https://app.example", false},
		{attach, multipart + "\nOrigin: https://app.example", false},
		{attach, multipart + "\nOrigin: https://app.example\n" + other, true},
		{attach, multipart + "\nReferer: https://app.example/", true},
	} {
		for _, authorization := range []string{basic, bearer} {
			method, path, _ := strings.Cut(c.request, " ")
			r := httptest.NewRequest(method, "http://gateway.example:8080"+path, http.NoBody)
			r.Header.Set("Authorization", authorization)
			for line := range strings.SplitSeq(c.headers, "\n") {
				if name, value, ok := strings.Cut(line, ":"); ok {
					r.Header.Add(name, strings.TrimSpace(value))
				}
			}
			denied := h.decide(r, &Decision{now: time.Now(), Address: netip.MustParseAddr("127.0.0.1")})
			if (denied != nil) != (c.denied && authorization == basic) || denied != nil && denied.reason != ReasonPathDenied {
				t.Errorf("%s with %.6s and %q: %v", c.request, authorization, c.headers, denied)
			}
		}
	}
}

// TestOwnOrigin: default ports are omitted, and TLS makes a different origin.
func TestOwnOrigin(t *testing.T) {
	for _, c := range []struct {
		host, origin string
		tls, other   bool
	}{
		{"gateway.example", "http://gateway.example", false, false},
		{"gateway.example:80", "http://gateway.example", false, false},
		{"gateway.example", "https://gateway.example", false, true},
		{"Gateway.Example", "https://gateway.example", true, false},
		{"gateway.example:443", "https://gateway.example", true, false},
		{"gateway.example", "http://gateway.example", true, true},
		{"[::1]:8443", "https://[::1]:8443", true, false},
		{"", "http://gateway.example", false, true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.Host = c.host
		if c.tls {
			r.TLS = new(tls.ConnectionState)
		}
		r.Header.Set("Origin", c.origin)
		if got := fromOtherSite(r); got != c.other {
			t.Errorf("%s at host %q (TLS: %v): other site: %v", c.origin, c.host, c.tls, got)
		}
	}
}

func TestCORSOrigins(t *testing.T) {
	for _, origin := range []string{"https://app.example", "http://localhost:5173", "https://app.example:8443", "http://[::1]:3000", "app://obsidian.md", "chrome-extension://abcdef"} {
		if err := (&CORS{Origins: []string{origin}}).validate(); err != nil {
			t.Error(err)
		}
	}
	for _, origin := range []string{
		"*", "https://*.example.com", "https://app.*", "null", "", "app.example", "https://", "https://app.example/", "https://app.example/path",
		"https://app.example:443", "http://app.example:80", "https://App.example", "HTTPS://app.example", "https://user@app.example", "https://app.example?x",
		"https://app.example#x", "https://app.example,https://b.example", "https://bücher.example", "{env.ORIGIN}", "https://{env.HOST}", "file:///x",
		" https://app.example", "https://app.example:", "https://app.example:x", "//app.example",
	} {
		err := (&CORS{Origins: []string{"https://first.example", origin}}).validate()
		if err == nil || !strings.HasPrefix(err.Error(), "cors: origins ") {
			t.Errorf("%q: error %v", origin, err)
		}
	}
	if (*CORS)(nil).validate() != nil || new(CORS).validate() == nil {
		t.Error("the option may be missing, but not empty")
	}
}
