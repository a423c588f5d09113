package handler

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestPreflight: only preflight requests from configured origins are answered, and
// the answer says nothing about tokens.
func TestPreflight(t *testing.T) {
	h := newHandler(t, newToken(token.New(), token.ScopeRead), frontAPI, passwordsDeny)
	h.CORS = &CORS{Origins: []string{"https://app.example", "http://localhost:5173"}}
	h.Headers = []string{"X-Tempo-Version"}
	h.cors = h.corsHeaders()
	const preflight = "Access-Control-Request-Method: PUT"
	for _, c := range []struct {
		method, path, headers string
		answered              bool
	}{
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://app.example\n" + preflight, true},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: http://localhost:5173\n" + preflight + "\nAccess-Control-Request-Headers: authorization", true},
		{"OPTIONS", "/nowhere", "Origin: https://app.example\n" + preflight, true},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://elsewhere.example\n" + preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: http://app.example\n" + preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://app.example:443\n" + preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://app.example.evil.example\n" + preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://app.example\nOrigin: https://app.example\n" + preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: null\n" + preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", preflight, false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://app.example", false},
		{"OPTIONS", "/rest/api/3/issue/A-1", "Origin: https://app.example\nAuthorization: Bearer x\n" + preflight, false},
		{"PUT", "/rest/api/3/issue/A-1", "Origin: https://app.example\n" + preflight, false},
	} {
		r := httptest.NewRequest(c.method, c.path, http.NoBody)
		for line := range strings.SplitSeq(c.headers, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
			t.Errorf("%s %q goes to Jira", c.method, c.headers)
			return nil
		})); err != nil {
			t.Fatal(err)
		}
		header := w.Header()
		if answered := w.Code == http.StatusNoContent; answered != c.answered {
			t.Errorf("%s %q: HTTP %d", c.method, c.headers, w.Code)
		}
		if !strings.Contains(strings.Join(header["Vary"], ","), "Origin") || header["Access-Control-Allow-Credentials"] != nil {
			t.Errorf("%s %q: headers %q", c.method, c.headers, header)
		}
		if !c.answered {
			if header["Access-Control-Allow-Methods"] != nil || header["Access-Control-Allow-Headers"] != nil {
				t.Errorf("%s %q: headers %q", c.method, c.headers, header)
			}
			continue
		}
		if got := header.Get("Access-Control-Allow-Origin"); got != r.Header.Get("Origin") {
			t.Errorf("%q: allowed %q", c.headers, got)
		}
		for name, want := range map[string][]string{
			"Access-Control-Allow-Methods": {"GET", "POST", "PUT", "PATCH", "DELETE"},
			"Access-Control-Allow-Headers": {"Authorization", "Content-Type", "X-Atlassian-Token", "X-ExperimentalApi", "If-Match", "X-Tempo-Version"},
		} {
			for _, value := range want {
				if !strings.Contains(", "+header.Get(name)+",", ", "+value+",") {
					t.Errorf("%s has no %s: %s", name, value, header.Get(name))
				}
			}
		}
		if strings.Contains(header.Get("Access-Control-Allow-Headers"), "X-Forwarded") {
			t.Errorf("allows %s", header.Get("Access-Control-Allow-Headers"))
		}
	}
}
