package gatewaytest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestPATAPI: with pat_api, a tool for Data Center's personal access tokens gets tokens
// of the gateway; without it, the path is open to no token. Jira gets none of it.
func TestPATAPI(t *testing.T) {
	const path = "/rest/pat/latest/tokens"
	g := startGateway(t, options{site: "pat_api on"})
	tok := g.issue("alice", "write")
	a := g.do("POST", path, tok.bearer(), `{"name":"tool","expirationDuration":30}`)
	var created struct {
		ID       int64
		Name     string
		RawToken string
	}
	if err := json.Unmarshal([]byte(a.body), &created); err != nil || a.status != http.StatusCreated || created.Name != "tool" || created.RawToken == "" {
		t.Fatalf("create: %s, %v", a, err)
	}
	g.guard("alice", created.RawToken)
	bearer := "Authorization: Bearer " + created.RawToken + "\r\n"
	g.check(t, g.do("GET", issuePath, bearer), passes)
	if a := g.do("GET", "/rest/pat/1.0/tokens", bearer); a.status != http.StatusOK || strings.Count(a.body, `"name"`) != 2 || strings.Contains(a.body, "rawToken") {
		t.Errorf("list: %s", a)
	}
	if a := g.do("DELETE", path+"/"+strconv.FormatInt(created.ID, 10), tok.bearer()); a.status != http.StatusNoContent {
		t.Errorf("revoke: %s", a)
	}
	g.check(t, g.do("GET", issuePath, bearer), refused(401, "token_revoked"))
	g.check(t, g.do("GET", path, ""), refused(401, "no_credentials"))
	g.check(t, g.do("PUT", path, tok.bearer(), "{}"), refused(405, "method_not_allowed"))
	for _, other := range []string{"/rest/pat/latest/tokens/", "/rest/pat/latest/tokens/1/x", "/rest/pat/2.0/tokens", "/rest/Pat/latest/tokens", "/rest/pat/latest"} {
		g.check(t, g.do("GET", other, tok.bearer()), refused(403, "path_denied"))
	}
	g.check(t, g.do("GET", "/rest/jira-tokens/pat/tokens", tok.bearer()), refused(404, "unknown_endpoint"))
	g.check(t, g.do("GET", "/rest/jira-tokens//pat/tokens", tok.bearer()), refused(400, "ambiguous_request"))

	o := g.options
	o.site = "pat_api on\nfront site"
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	if a := g.do("GET", path, tok.bearer()); a.status != http.StatusOK || len(g.up.take()) > 0 {
		t.Errorf("in front of a site: %s", a)
	}
	g.check(t, g.do("GET", path, "Cookie: JSESSIONID=abc\r\n"), passes)

	o.site = ""
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		g.check(t, g.do(method, path, tok.bearer()), refused(403, "path_denied"))
	}
}

// TestPATWouldDoMore: a token whose changes are held, or with a limit of its own or the
// gateway's, creates no other, with which its holder could do more.
func TestPATWouldDoMore(t *testing.T) {
	const path = "/rest/pat/latest/tokens"
	g := startGateway(t, options{site: "pat_api on"})
	create := func(tok issued, w want) {
		t.Helper()
		a := g.do("POST", path, tok.bearer(), `{"name":"stolen","expirationDuration":30}`)
		g.check(t, a, w)
		if n := g.tokensOf(tok.Owner); strings.Contains(a.body, "jt_") || n != 1 {
			t.Errorf("%s has %d tokens: %s", tok.Owner, n, a)
		}
	}
	for owner, bound := range map[string][]any{
		"held": {"hold_writes", true}, "limited": {"limit", "9/d"}, "few changes": {"limit_writes", "9/d"}, "one at once": {"max_concurrent", 1},
	} {
		create(g.issue(owner, "write", bound...), refused(403, "path_denied"))
	}
	create(g.issue("reader", "read"), refused(403, "scope_insufficient"))

	free := g.issue("free", "write")
	o := g.options
	o.apps = "limit_writes 9/d"
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	create(free, refused(403, "path_denied"))
}
