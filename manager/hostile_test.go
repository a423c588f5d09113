package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestOtherSitesChangeNothing(t *testing.T) {
	a := newApp(t)
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	for what, header := range map[string]http.Header{
		"cross-site": {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":  {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.example.com"}},
		"an origin":  {"Origin": {"https://evil.example.com"}},
		"null":       {"Origin": {"null"}},
	} {
		for _, path := range []string{"tokens/" + id + "/revoke", "api/v1/tokens/" + id + "/revoke"} {
			alice.do(http.MethodPost, "/tokens/"+path, nil, header).want(t, what+" "+path, http.StatusForbidden)
		}
	}
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Status != token.StatusActive {
		t.Errorf("%+v, %v", record, err)
	}
	answer := alice.get("/tokens/")
	policy := answer.header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || answer.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", answer.header)
	}
}

func TestHostileText(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)> {{.}} javascript:alert(1)`
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	id := a.create(t, map[string]any{"owner": "root", "name": hostile, "purpose": hostile}).Record.ID
	owner := a.create(t, map[string]any{"owner": "<script>alert(2)</script>", "name": "n", "kind": "service"}).Record.ID
	for _, path := range []string{"", "all", "all?q=" + url.QueryEscape(hostile), "all?owner=" + url.QueryEscape(hostile), "tokens/" + id, "tokens/" + owner, "tokens/" + id + "/edit", "tokens/" + id + "/revoke",
		"owners?q=" + url.QueryEscape(hostile), "trail", "signin?next=" + url.QueryEscape(hostile), "tokens/" + id + "?done=" + url.QueryEscape(hostile),
		"tokens/" + id + "?path=" + url.QueryEscape("/rest/api/2/"+hostile), "tokens/" + url.PathEscape(hostile), "nothing" + url.PathEscape(hostile)} {
		answer := root.get("/tokens/" + path)
		if strings.Contains(answer.body, "<script>alert") || strings.Contains(answer.body, "<img src=x") || strings.Contains(answer.body, `href="javascript:`) {
			t.Errorf("%s: hostile text is not escaped", path)
		}
	}
	answer := root.post("/tokens/tokens/new", url.Values{"name": {hostile + hostile}, "scope": {hostile}, "expires": {hostile}, "jql": {hostile}, "allow_ip": {hostile}})
	if answer.status < 400 || strings.Contains(answer.body, "<script>alert") {
		t.Errorf("the form: %d", answer.status)
	}
}
