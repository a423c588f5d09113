package manager

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestAPIByBearer: programs can send a token as they can to Jira, by Basic or Bearer.
func TestAPIByBearer(t *testing.T) {
	a := newApp(t)
	a.limits.Failures = token.Limit{Requests: 10, Period: time.Minute, Burst: 10}
	server := serve(t, a, new(header), new(identity.Token))
	program := newBrowser(t, server, "")
	writer := a.create(t, map[string]any{"owner": "root", "name": "writer", "scope": "admin", "exempt": "for the test"})
	alice := a.create(t, map[string]any{"owner": "alice", "name": "no manager"})
	umlaut := a.create(t, map[string]any{"owner": "jürgen", "name": "no manager either"})
	send := func(header http.Header, path string) answer {
		t.Helper()
		return program.do(http.MethodGet, "/tokens/api/v1/"+path, nil, header)
	}
	bearer := func(secret string) http.Header { return http.Header{"Authorization": {"Bearer " + secret}} }
	send(bearer(writer.Token.Reveal()), "tokens").want(t, "Bearer", http.StatusOK, "no manager")
	send(http.Header{"Authorization": {"bearer  " + writer.Token.Reveal()}}, "tokens").want(t, "bearer", http.StatusOK, "no manager")
	program.do(http.MethodPost, "/tokens/api/v1/tokens/"+alice.Record.ID+"/disable", nil, bearer(writer.Token.Reveal())).want(t, "a change", http.StatusOK, `"disabled"`)
	for what, header := range map[string]http.Header{
		"no credentials":                nil,
		"somebody who does not manage":  bearer(alice.Token.Reveal()),
		"no token":                      bearer("jt_nothing"),
		"a password":                    {"Authorization": {"Basic YWxpY2U6cGFzc3dvcmQ="}},
		"the wrong secret":              bearer(strings.Replace(writer.Token.Reveal(), writer.Record.ID, alice.Record.ID, 1)),
		"another scheme":                {"Authorization": {"Digest username=root"}},
		"a name in ISO-8859-1":          {"Authorization": {"Basic " + latin1("j\xfcrgen:"+umlaut.Token.Reveal())}},
		"somebody who does not, encode": {"Authorization": {"Basic " + latin1("alice:"+alice.Token.Reveal()+"\n")}},
	} {
		refused := send(header, "tokens")
		refused.want(t, what, http.StatusUnauthorized, `{"error":"`)
		if refused.header.Get("Www-Authenticate") != `Basic realm="Jira API tokens", charset="UTF-8"` || refused.header.Get(admin.VersionHeader) != "1" {
			t.Errorf("%s: %v", what, refused.header)
		}
	}
	send(http.Header{"Authorization": {"Basic " + latin1("j\xfcrgen:"+umlaut.Token.Reveal())}}, "tokens").want(t, "an owner in ISO-8859-1", http.StatusUnauthorized, "Only people who manage")
	send(http.Header{"Authorization": {"Bearer " + writer.Token.Reveal(), "Bearer " + alice.Token.Reveal()}}, "tokens").want(t, "two tokens", http.StatusBadRequest, "several Authorization headers")

	// A browser would ask its user for a password.
	for what, header := range map[string]http.Header{
		"a script of the page": {"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"same-origin"}},
		"with a session":       {"Cookie": {"jira_tokens_session=ended"}},
	} {
		refused := send(header, "tokens")
		refused.want(t, what, http.StatusUnauthorized, "sign in first")
		if refused.header.Get("Www-Authenticate") != "" {
			t.Errorf("%s: %v", what, refused.header)
		}
	}
	// Where tokens are not accepted, there is nothing to ask for.
	if refused := newBrowser(t, serve(t, newApp(t), new(header)), "").get("/tokens/api/v1/tokens"); refused.status != http.StatusUnauthorized || refused.header.Get("Www-Authenticate") != "" {
		t.Errorf("%d %v", refused.status, refused.header)
	}
}

// TestAPIAnswersAreJSON: whatever a program does, it gets JSON, the header of the API, and no
// address outside the mount.
func TestAPIAnswersAreJSON(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	alice := a.create(t, map[string]any{"owner": "alice", "name": "n"})
	cross := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Content-Type": {"application/json"}}
	for _, c := range []struct {
		what, method, path string
		header             http.Header
		status             int
	}{
		{"from another site", http.MethodPost, "/api/v1/tokens", cross, http.StatusForbidden},
		{"from another site, to nothing", http.MethodPost, "/api/v1/nothing", cross, http.StatusNotFound},
		{"the mount of the API", http.MethodGet, "/api/v1", nil, http.StatusNotFound},
		{"the mount of the API, with a slash", http.MethodGet, "/api/v1/", nil, http.StatusNotFound},
		{"no endpoint", http.MethodGet, "/api/v1/nothing", nil, http.StatusNotFound},
		{"an endpoint with a slash", http.MethodGet, "/api/v1/tokens/", nil, http.StatusNotFound},
		{"two slashes", http.MethodGet, "/api/v1//tokens", nil, http.StatusNotFound},
		{"dots", http.MethodGet, "/api/v1/x/../tokens", nil, http.StatusNotFound},
		{"out of the API and back", http.MethodGet, "/all/../api/v1/tokens", nil, http.StatusNotFound},
		{"the wrong method", http.MethodPut, "/api/v1/tokens", nil, http.StatusMethodNotAllowed},
		{"an export", http.MethodGet, "/api/v1/export", nil, http.StatusNotFound},
		{"a list", http.MethodGet, "/api/v1/tokens", nil, http.StatusOK},
	} {
		got := root.do(c.method, "/tokens"+c.path, strings.NewReader("{}"), c.header)
		got.want(t, c.what, c.status)
		if got.header.Get("Content-Type") != "application/json" || got.header.Get(admin.VersionHeader) != "1" || got.header.Get("Location") != "" {
			t.Errorf("%s: %v", c.what, got.header)
		}
	}
	for path, want := range map[string]string{
		"tokens": "HEAD, GET, POST", "tokens/" + alice.Record.ID: "HEAD, GET, PATCH", "tokens/" + alice.Record.ID + "/revoke": "POST",
	} {
		if refused := root.do(http.MethodPut, "/tokens/api/v1/"+path, nil, nil); refused.header.Get("Allow") != want {
			t.Errorf("%s: Allow: %q, want %q", path, refused.header.Get("Allow"), want)
		}
	}
	head := root.do(http.MethodHead, "/tokens/api/v1/tokens", nil, nil)
	head.want(t, "HEAD", http.StatusOK)
	if head.body != "" || head.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %q %v", head.body, head.header)
	}
	newBrowser(t, server, "alice").do(http.MethodHead, "/tokens/api/v1/owners", nil, nil).want(t, "HEAD without the right", http.StatusForbidden)
}

// TestPathsStayInMount: an address of the page that has to be tidied up stays below the mount.
func TestPathsStayInMount(t *testing.T) {
	root := newBrowser(t, serve(t, newApp(t), new(header)), "root")
	for path, want := range map[string]string{
		"/tokens//all?owner=a%26b":       "/tokens/all?owner=a%26b",
		"/tokens/x/../all":               "/tokens/all",
		"/tokens/tokens//0123456789":     "/tokens/tokens/0123456789",
		"/tokens//evil.example/../all":   "/tokens/all",
		"/tokens/./trail/export?x=/../y": "/tokens/trail/export?x=/../y",
	} {
		if got := root.get(path); got.status != http.StatusTemporaryRedirect || got.header.Get("Location") != want {
			t.Errorf("%s: %d %q, want %q", path, got.status, got.header.Get("Location"), want)
		}
	}
}

// TestOwnersOfOthers: a filter is answered or refused, never replaced.
func TestOwnersOfOthers(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	a.create(t, map[string]any{"owner": "root", "name": "of root"})
	a.create(t, map[string]any{"owner": "alice", "name": "of alice"})
	alice := newBrowser(t, server, "alice")
	for query, want := range map[string]int{"owner=root": 0, "owner=nobody": 0, "owner=alice": 1, "owner=ALICE": 1, "owner=": 1, "": 1, "kind=service": 0, "owner=root&state=pending": 0, "kind=user,service": 1} {
		got := alice.get("/tokens/api/v1/tokens?" + query)
		got.want(t, query, http.StatusOK, `"tokens":[`)
		if found := strings.Count(got.body, `"id":"`); found != want || strings.Contains(got.body, "of root") {
			t.Errorf("%s: %d tokens, want %d: %s", query, found, want, got.body)
		}
	}
	for _, query := range []string{"state=active&state=pending", "owner=alice&owner=root", "cursor=&cursor=", "owner=%zz"} {
		alice.get("/tokens/api/v1/tokens?"+query).want(t, query, http.StatusBadRequest, "query: ")
	}
	refused := alice.get("/tokens/api/v1/audit?token=0123456789&owner=root")
	if refused.status == http.StatusOK && strings.Contains(refused.body, "of root") {
		t.Errorf("the trail of others: %s", refused.body)
	}
}

// latin1 encodes credentials byte by byte.
func latin1(credentials string) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	user, password, _ := strings.Cut(credentials, ":")
	r.SetBasicAuth(user, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}
