package gatewaytest

import (
	"slices"
	"strings"
	"testing"
)

// TestFrontSite: browser sessions pass untouched, passwords are denied.
func TestFrontSite(t *testing.T) {
	deny := startGateway(t, options{site: "front site"})
	pass := startGateway(t, options{site: "front site\npasswords pass"})
	refusedPassword, invalid := refused(401, "password_refused"), refused(401, "invalid_token")
	type gates struct{ deny, pass want }
	token := map[*gateway]issued{deny: deny.issue("alice", "read"), pass: pass.issue("alice", "read")}
	session := "Cookie: JSESSIONID=abc; x=y\r\n"
	for name, c := range map[string]struct {
		method, target, headers string
		want                    gates
	}{
		"session":              {"GET", "/secure/Dashboard.jspa", session, gates{passes, passes}},
		"session, rest":        {"GET", "/rest/api/2/myself?x=1;y&updateHistory=true", session, gates{passes, passes}},
		"session, odd path":    {"GET", "/browse/A-1;jsessionid=1//x/%2e%2e/", session, gates{passes, passes}},
		"session, odd query":   {"GET", "/issues/?jql=a%20b&%E4=1&x%=y", session, gates{passes, passes}},
		"session, write":       {"POST", "/rest/api/2/issue", session + "Origin: https://x.example\r\nReferer: https://x.example/\r\nX-Atlassian-Token: abc\r\n", gates{passes, passes}},
		"anonymous":            {"GET", "/rest/api/2/serverInfo", "", gates{passes, passes}},
		"login page":           {"POST", "/login.jsp", "Content-Type: application/x-www-form-urlencoded\r\n", gates{passes, passes}},
		"empty authorization":  {"GET", "/rest/api/2/myself", "Authorization: \r\n", gates{passes, passes}},
		"password":             {"GET", "/rest/api/2/myself", basic("alice", "hunter2"), gates{refusedPassword, passes}},
		"password on a page":   {"GET", "/secure/Dashboard.jspa", basic("alice", "hunter2"), gates{refusedPassword, passes}},
		"password in latin-1":  {"GET", "/rest/api/2/myself", basic("alice", "hunt\xe4r"), gates{refusedPassword, passes}},
		"empty password":       {"GET", "/rest/api/2/myself", basic("alice", ""), gates{refusedPassword, passes}},
		"native token":         {"GET", "/rest/api/2/myself", "Authorization: Bearer NjE2MDc4NzQy\r\n", gates{refusedPassword, passes}},
		"os_username":          {"GET", "/rest/api/2/myself?os_username=a&os_password=b", "", gates{refusedPassword, passes}},
		"os_username, session": {"GET", "/rest/api/2/myself?os%5fusername=a&os_password=b", session, gates{refusedPassword, passes}},
		"REST login":           {"POST", "/rest/auth/1/session", "", gates{refusedPassword, passes}},
		"REST login, latest":   {"POST", "/rest/auth/latest/session", session, gates{refusedPassword, passes}},
		"REST login, odd":      {"POST", "/rest/./au%74h;x/1/session", "", gates{refusedPassword, passes}},
		// The form on Jira's own dashboard, with which people start their sessions.
		"gadget login":           {"POST", "/rest/gadget/1.0/login", "", gates{passes, passes}},
		"negotiate":              {"GET", "/rest/api/2/myself", "Authorization: Negotiate YIIJ\r\n", gates{passes, passes}},
		"oauth":                  {"GET", "/rest/api/2/myself", "Authorization: OAuth oauth_token=\"x\"\r\n", gates{passes, passes}},
		"odd scheme":             {"GET", "/rest/api/2/myself", "Authorization: Basic2 YTpi\r\n", gates{refusedPassword, passes}},
		"scheme with no-break":   {"GET", "/rest/api/2/myself", "Authorization: Basic\xa0YTpi\r\n", gates{invalid, invalid}},
		"bad base64":             {"GET", "/rest/api/2/myself", "Authorization: Basic !!!\r\n", gates{invalid, invalid}},
		"two authorizations":     {"GET", "/rest/api/2/myself", basic("a", "b") + basic("c", "d"), gates{refused(400, "ambiguous_request"), refused(400, "ambiguous_request")}},
		"damaged token":          {"GET", "/rest/api/2/myself", basic("alice", "jt_0123456789_damaged"), gates{invalid, invalid}},
		"damaged bearer":         {"GET", "/rest/api/2/myself", "Authorization: Bearer jt_0123456789_damaged\r\n", gates{invalid, invalid}},
		"unknown token":          {"GET", "/rest/api/2/myself", basic("alice", forged("0123456789")), gates{invalid, invalid}},
		"unknown token, session": {"GET", "/rest/api/2/myself", basic("alice", forged("0123456789")) + session, gates{invalid, invalid}},
	} {
		for g, w := range map[*gateway]want{deny: c.want.deny, pass: c.want.pass} {
			mode := map[*gateway]string{deny: "deny", pass: "pass"}[g]
			t.Run(name+"/"+mode, func(t *testing.T) {
				seen := g.check(t, g.do(c.method, c.target, c.headers+"X-Forwarded-User: x\r\nUser-Agent: Mozilla/5.0\r\n"), w)
				if w != passes || len(seen) != 1 {
					return
				}
				if seen[0].target() != c.target {
					t.Errorf("arrived as %s", seen[0].line)
				}
				for _, line := range strings.Split(strings.TrimSuffix(c.headers+"X-Forwarded-User: x\r\nUser-Agent: Mozilla/5.0\r\n", "\r\n"), "\r\n") {
					header, value, _ := strings.Cut(line, ":")
					if got := seen[0].values(header); !slices.Contains(got, strings.TrimSpace(value)) && value != " " {
						t.Errorf("%q arrived as %q", line, got)
					}
				}
			})
		}
	}
	for g, token := range token {
		// Tokens work here too, and are never combined with the session.
		for _, seen := range g.check(t, g.do("GET", issuePath, token.basic()+session), passes) {
			if seen.get("Cookie") != "" || seen.get("Authorization") != "Basic "+accountBasic {
				t.Errorf("arrived: %v", seen)
			}
		}
		g.check(t, g.do("GET", "/secure/Dashboard.jspa", token.basic()+session), refused(403, "path_denied"))
		// Jira's responses to sessions come back untouched.
		g.up.answerWith(reply("200 OK", "Content-Type: application/json\r\nETag: \"x\"\r\n"+secretHeaders, `{"self":"`+g.up.url()+`/rest/api/2/x"}`))
		a := g.do("GET", "/rest/api/2/x", session)
		if len(a.header["Set-Cookie"]) != 2 || a.header.Get("X-Ausername") == "" || len(a.header["Www-Authenticate"]) != 2 || a.header.Get("Etag") != `"x"` || a.body != `{"self":"`+g.up.url()+`/rest/api/2/x"}` {
			t.Errorf("a session's response came back as %s %q", a, a.header)
		}
		g.up.take()
		// Whatever a client does with a token, it never reaches Jira: the sweep at
		// the end would find each of these.
		for _, headers := range []string{
			basic(token.Token, ""), basic(token.Token, "x-oauth-basic"), basic("alice", " "+token.Token), basic("alice", token.Token+" "),
			"Authorization: Token " + token.Token + "\r\n", "Authorization: " + token.Token + "\r\n", "Authorization: Bearer\xa0" + token.Token + "\r\n",
			"Authorization: Bearer \"" + token.Token + "\"\r\n", "Authorization: Bearer x, Basic " + encode("alice:"+token.Token) + "\r\n",
			"Authorization: Negotiate " + token.Token + "\r\n",
		} {
			a := g.do("GET", "/rest/api/2/myself", headers)
			for _, seen := range g.up.take() {
				if value := seen.get("Authorization"); strings.Contains(value, token.Token) || strings.Contains(decode(value), token.Token) {
					t.Errorf("passwords %s: a live token reached Jira in %q (%d)", map[*gateway]string{deny: "deny", pass: "pass"}[g], headers[:30], a.status)
				}
			}
		}
		g.tokens = nil // already checked above
		g.up.answer(nil)
	}
}

// TestContextPath: both spellings of a path are the same.
func TestContextPath(t *testing.T) {
	g := startGateway(t, options{jiraPath: "/jira"})
	read := g.issue("alice", "read")
	no, denied, ambiguous := refused(403, "scope_insufficient"), refused(403, "path_denied"), refused(400, "ambiguous_request")
	for target, c := range map[string]struct {
		want
		arrives string
	}{
		"/rest/api/2/search":                 {passes, "/jira/rest/api/2/search"},
		"/jira/rest/api/2/search?a=b":        {passes, "/jira/rest/api/2/search?a=b"},
		"/rest/api/2/issue":                  {no, ""},
		"/jira/rest/api/2/issue":             {no, ""},
		"/jira/jira/rest/api/2/search":       {denied, ""},
		"/jira/jira/rest/api/2/issue":        {denied, ""},
		"/JIRA/rest/api/2/search":            {denied, ""},
		"/jira":                              {denied, ""},
		"/jira/":                             {denied, ""},
		"/jirarest/api/2/search":             {denied, ""},
		"/jira%2frest/api/2/search":          {ambiguous, ""},
		"/jir%61/rest/api/2/issue":           {ambiguous, ""},
		"/jira/..;/rest/api/2/search":        {ambiguous, ""},
		"/jira/../rest/api/2/search":         {ambiguous, ""},
		"/jira//rest/api/2/search":           {ambiguous, ""},
		"/jira;x/rest/api/2/search":          {ambiguous, ""},
		"/rest/api/2/jira/rest/api/2/search": {no, ""},
	} {
		t.Run(target, func(t *testing.T) {
			for _, seen := range g.check(t, g.do("POST", target, read.basic(), "{}"), c.want) {
				if seen.target() != c.arrives {
					t.Errorf("arrived as %s", seen.line)
				}
			}
		})
	}
	get := g.check(t, g.do("GET", "/rest/api/2/issue/A%20B%26c?x=%2f+", read.basic()), passes)
	if len(get) == 1 && get[0].target() != "/jira/rest/api/2/issue/A%20B%26c?x=%2f+" {
		t.Errorf("arrived as %s", get[0].line)
	}
}
