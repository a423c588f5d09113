package gatewaytest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestWebApp uses a token from a web application on another origin: the browser
// sends a preflight request, and the application can also read denials.
func TestWebApp(t *testing.T) {
	g := startGateway(t, options{site: "cors {\norigins https://app.example http://localhost:5173\n}"})
	read, write := g.issue("alice", "read"), g.issue("alice", "write")
	const origin, cross = "Origin: https://app.example\r\n", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n"
	allowed := func(what string, header http.Header, want string) {
		t.Helper()
		if got := header["Access-Control-Allow-Origin"]; !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: allowed for %q, want %q", what, got, want)
		}
		if !strings.Contains(strings.Join(header["Vary"], ","), "Origin") {
			t.Errorf("%s: Vary is %q", what, header["Vary"])
		}
		for _, name := range []string{"Access-Control-Allow-Credentials", "Access-Control-Allow-Private-Network"} {
			if header[name] != nil {
				t.Errorf("%s: %s is %q", what, name, header[name])
			}
		}
		exposed := header.Get("Access-Control-Expose-Headers")
		for _, name := range []string{"X-Jira-Token-Reason", "X-Jira-Token-Limited-By", "Retry-After", "Link", "Location", "X-RateLimit-Remaining"} {
			if strings.Contains(exposed, name) != (want != "") {
				t.Errorf("%s: exposes %q", what, exposed)
			}
		}
	}

	preflight := g.do("OPTIONS", issuePath, origin+cross+"Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization,content-type\r\n")
	g.check(t, preflight, want{204, "", 0})
	allowed("preflight", preflight.header, "https://app.example")
	if got := preflight.header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, "Authorization") || !strings.Contains(got, "Content-Type") {
		t.Errorf("preflight allows %q", got)
	}

	// Jira's own CORS headers never count.
	g.up.answerWith(reply("200 OK", "Content-Type: application/json\r\nVary: Accept\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: Set-Cookie\r\n", "{}"))
	for what, c := range map[string]struct {
		method, target, headers string
		want                    want
		origin                  string
	}{
		"read":                {"GET", issuePath, origin + cross + read.bearer(), passes, "https://app.example"},
		"search":              {"POST", "/rest/api/3/search/jql", origin + cross + read.bearer(), passes, "https://app.example"},
		"write":               {"PUT", issuePath, origin + cross + write.bearer(), passes, "https://app.example"},
		"write, Basic":        {"PUT", issuePath, origin + cross + write.basic(), passes, "https://app.example"},
		"second origin":       {"GET", issuePath, "Origin: http://localhost:5173\r\n" + cross + read.bearer(), passes, "http://localhost:5173"},
		"no origin":           {"GET", issuePath, read.basic(), passes, ""},
		"another origin":      {"GET", issuePath, "Origin: https://elsewhere.example\r\n" + cross + read.bearer(), passes, ""},
		"scope":               {"PUT", issuePath, origin + cross + read.bearer(), refused(403, "scope_insufficient"), "https://app.example"},
		"no credentials":      {"GET", issuePath, origin + cross, refused(401, "no_credentials"), "https://app.example"},
		"invalid token":       {"GET", issuePath, origin + cross + "Authorization: Bearer x\r\n", refused(401, "invalid_token"), "https://app.example"},
		"another's preflight": {"OPTIONS", issuePath, "Origin: https://elsewhere.example\r\nAccess-Control-Request-Method: PUT\r\n", refused(401, "no_credentials"), ""},
		"another's write":     {"PUT", issuePath, "Origin: https://elsewhere.example\r\n" + cross + write.basic(), refused(403, "path_denied"), ""},
	} {
		t.Run(what, func(t *testing.T) {
			var body []string
			if c.method != "GET" && c.method != "OPTIONS" {
				body = []string{"{}"}
			}
			a := g.do(c.method, c.target, c.headers, body...)
			for _, seen := range g.check(t, a, c.want) {
				if seen.get("Origin") != "" || seen.get("Sec-Fetch-Site") != "" {
					t.Errorf("arrived: %v", seen)
				}
			}
			allowed(what, a.header, c.origin)
			if c.want == passes && !slices.Contains(a.header["Vary"], "Accept") {
				t.Errorf("Jira's Vary is missing: %q", a.header["Vary"])
			}
		})
	}
	g.up.stop()
	a := g.do("GET", issuePath, origin+cross+read.bearer())
	g.check(t, a, refused(502, "jira_unreachable"))
	allowed("Jira is down", a.header, "https://app.example")
}

// TestOtherSitesPages makes a browser send a form from another site's page, with
// Basic credentials that it remembers: nothing reaches Jira.
func TestOtherSitesPages(t *testing.T) {
	g := startGateway(t, options{})
	write := g.issue("alice", "write")
	const target = "/rest/api/2/issue/A-1/attachments"
	const other, multipart = "Origin: https://elsewhere.example\r\n", "Content-Type: multipart/form-data; boundary=b\r\n"
	const body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n"
	own := "Origin: http://" + g.addr + "\r\n"
	denied := refused(403, "path_denied")
	for what, c := range map[string]struct {
		headers string
		want    want
	}{
		"another origin":         {write.basic() + other + multipart, denied},
		"null":                   {write.basic() + "Origin: null\r\n" + multipart, denied},
		"text":                   {write.basic() + other + "Content-Type: text/plain\r\n", denied},
		"two types":              {write.basic() + other + multipart + "Content-Type: application/json\r\n", denied},
		"referer":                {write.basic() + "Referer: https://elsewhere.example/\r\n" + multipart, denied},
		"another port":           {write.basic() + "Origin: http://127.0.0.1:1\r\n" + multipart, denied},
		"Sec-Fetch-Site":         {write.basic() + "Sec-Fetch-Site: same-site\r\n" + own + multipart, denied},
		"own":                    {write.basic() + own + multipart, passes},
		"own, by Sec-Fetch-Site": {write.basic() + "Sec-Fetch-Site: same-origin\r\n" + own + multipart, passes},
		"no browser":             {write.basic() + multipart, passes},
		"Bearer":                 {write.bearer() + other + multipart, passes},
		"Bearer, Sec-Fetch-Site": {write.bearer() + other + "Sec-Fetch-Site: cross-site\r\n" + multipart, passes},
	} {
		t.Run(what, func(t *testing.T) {
			g.check(t, g.do("POST", target, c.headers, body), c.want)
		})
	}
}
