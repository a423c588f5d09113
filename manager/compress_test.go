package manager

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// compressed are the headers of a browser's own request for a page.
var compressed = http.Header{"Accept-Encoding": {"gzip, deflate, br, zstd"}, "Sec-Fetch-Site": {"same-origin"}}

// longRows creates tokens whose rows are long.
func (a *app) longRows(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		a.create(t, map[string]any{
			"owner": fmt.Sprintf("somebody.with-a-long-name-%d@example.com", i), "name": fmt.Sprintf("Power BI, dashboard of the support desk, number %d", i),
			"confine": map[string]any{
				"projects": []string{"DEMO", "OPS", "SUPPORT"}, "hide": []string{"internal-comments"},
				"jql": fmt.Sprintf("issuetype in (Story, Bug, Task) AND labels not in (secret, personnel) AND created >= -%dd", i),
			},
			"allow_ip":   []string{fmt.Sprintf("203.0.113.%d/32", i%200), fmt.Sprintf("198.51.100.%d/32", i%200), fmt.Sprintf("2001:db8:%x::/48", i)},
			"expires_at": "30d",
		})
	}
}

// TestPagesAreSmall: full pages with long rows have, with style and script, 100 kB at most.
func TestPagesAreSmall(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	a.longRows(t, 1001)
	var events []storage.Event
	for i := range 200 {
		events = append(events, storage.Event{
			At: time.Now(), Action: "denied", TokenID: fmt.Sprintf("%010d", i), Owner: fmt.Sprintf("somebody-%d@example.com", i), Name: fmt.Sprintf("dashboard %d", i),
			Request: &storage.EventRequest{Method: http.MethodPost, Path: fmt.Sprintf("/rest/api/2/issue/DEMO-%d/comment", i), Reason: "scope_insufficient"},
		})
	}
	if err := a.store.AddEvents(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	bulk := url.Values{"do": {"revoke"}, "all": {"owner=&search=Power"}, "typed": {"revoke"}}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept-Encoding": {"gzip"}, "Sec-Fetch-Site": {"same-origin"}}
	for _, path := range []string{"overview", "tokens/new", "all", "owners", "trail", "all/bulk"} {
		page := root.do(http.MethodGet, "/tokens/"+path, nil, compressed)
		if path == "all/bulk" {
			page = root.do(http.MethodPost, "/tokens/"+path, strings.NewReader(bulk.Encode()), form)
		}
		html := unzipped(t, path, page)
		size := len(page.body)
		for _, asset := range regexp.MustCompile(`(?:href|src)="(/tokens/assets/[^"]+)"`).FindAllStringSubmatch(html, -1) {
			size += len(root.do(http.MethodGet, asset[1], nil, compressed).body)
		}
		t.Logf("%s: %d bytes, the page alone %d of %d", path, size, len(page.body), len(html))
		if size > 100_000 {
			t.Errorf("%s, its style and its scripts have %d bytes", path, size)
		}
		if path == "all/bulk" {
			page.body = html
			page.wantText(t, path, "Revoke 1000 tokens?", "and 950 more")
			page.want(t, path, http.StatusOK, `href="/tokens/all?search=Power"`)
		}
	}
}

// unzipped returns what a compressed page contains.
func unzipped(t *testing.T, what string, page answer) string {
	t.Helper()
	if page.header.Get("Content-Encoding") != "gzip" || !strings.Contains(page.header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("%s: HTTP %d, %v", what, page.status, page.header)
	}
	reader, err := gzip.NewReader(strings.NewReader(page.body))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	html, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return string(html)
}

// TestNothingSecretIsCompressed: neither a page with a token, nor one that another site asks
// for, nor what the client cannot decompress.
func TestNothingSecretIsCompressed(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	unzipped(t, "a page", alice.do(http.MethodGet, "/tokens/tokens/new", nil, compressed))
	plain := func(what string, page answer, transforms bool) {
		t.Helper()
		if page.header.Get("Content-Encoding") != "" || !strings.Contains(page.body, "<!doctype html>") {
			t.Errorf("%s: HTTP %d, %v", what, page.status, page.header)
		}
		if got := page.header.Get("Cache-Control"); strings.Contains(got, "no-transform") == transforms || !strings.Contains(got, "no-store") {
			t.Errorf("%s: Cache-Control: %s", what, got)
		}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		plain(site, alice.do(http.MethodGet, "/tokens/tokens?search=x", nil, http.Header{"Accept-Encoding": {"gzip"}, "Sec-Fetch-Site": {site}}), false)
	}
	plain("not accepted", alice.do(http.MethodGet, "/tokens/tokens/new", nil, http.Header{"Accept-Encoding": {"gzip;q=0, br"}}), true)
	record := a.create(t, map[string]any{"owner": "alice", "name": "rotated", "scope": "read", "expires_at": "30d"}).Record
	shown := alice.do(http.MethodPost, "/tokens/tokens/"+record.ID+"/rotate", strings.NewReader("overlap=0s"), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept-Encoding": {"gzip"}, "Sec-Fetch-Site": {"same-origin"},
	})
	if _, hasToken := token.CutSecrets(shown.body); !hasToken {
		t.Fatalf("no token: HTTP %d\n%s", shown.status, shown.text())
	}
	plain("a page with a token", shown, false)
}
