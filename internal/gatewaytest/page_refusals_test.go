package gatewaytest

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const fromPage = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n"

// startRefusals starts a gateway whose page takes people's names from a header, in front of
// an upstream that records what reaches it.
func startRefusals(t *testing.T) *gateway {
	t.Helper()
	up := newUpstream(t)
	return startGateway(t, options{
		upstream: up, apps: pagePolicy,
		instead: fmt.Sprintf(`log access
			handle_path /tokens* {
				jira_token_manager {
					identity placeholder {http.request.header.X-Person}
					identity token
				}
			}
			jira_gateway %s`, up.url()),
	})
}

func person(name string) string { return "X-Person: " + name + "\r\n" }

// submit sends a form of the page as a person.
func (g *gateway) submit(name, path, values string) answer {
	g.t.Helper()
	return g.do("POST", "/tokens/"+path, person(name)+fromPage, values)
}

// tokensOf returns how many tokens an owner has.
func (g *gateway) tokensOf(owner string) int {
	g.t.Helper()
	var list struct{ Tokens []struct{} }
	g.call("GET", "/jira_tokens/tokens?owner="+url.QueryEscape(owner), nil, http.StatusOK, &list)
	return len(list.Tokens)
}

// TestPageRefusesNewTokens: nobody creates a token at the page or its API without the right
// to, nor two with one form.
func TestPageRefusesNewTokens(t *testing.T) {
	g := startRefusals(t)
	looks, bounded := g.issue("root", "read"), g.issue("root", "admin", "limit_writes", "20/d", "exempt", "for the test")
	form := func(owner string) string {
		return url.Values{"do": {"create"}, "name": {"stolen"}, "owner": {owner}, "kind": {"user"}, "scope": {"read"}, "lifetime": {"30d"}, "number": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}.Encode()
	}
	const body = `{"owner":"alice","name":"stolen"}`
	for name, raw := range map[string]string{
		"nobody":                       g.request("POST", "/tokens/tokens/new", fromPage, form("alice")),
		"another site":                 g.request("POST", "/tokens/tokens/new", person("alice")+strings.Replace(fromPage, "same-origin", "cross-site", 1), form("alice")),
		"another origin":               g.request("POST", "/tokens/tokens/new", person("alice")+"Content-Type: application/x-www-form-urlencoded\r\nOrigin: https://evil.example\r\n", form("alice")),
		"the API: nobody":              g.request("POST", "/tokens/api/v1/tokens", "", body),
		"the API: another site":        g.request("POST", "/tokens/api/v1/tokens", person("alice")+"Sec-Fetch-Site: cross-site\r\n", body),
		"the API: for somebody else":   g.request("POST", "/tokens/api/v1/tokens", person("eric"), body),
		"the API: a token that reads":  g.request("POST", "/tokens/api/v1/tokens", looks.basic(), body),
		"the API: a token with budget": g.request("POST", "/tokens/api/v1/tokens", bounded.basic(), body),
		"the API: the wrong secret":    g.request("POST", "/tokens/api/v1/tokens", basic("root", bounded.wrong()), body),
	} {
		if a := g.send(raw); a.status < 400 || strings.Contains(a.body, "jt_") {
			t.Errorf("%s: %s", name, a)
		}
		if n := g.tokensOf("alice"); n != 0 {
			t.Fatalf("%s: alice has %d tokens", name, n)
		}
	}
	if seen := g.up.take(); len(seen) > 0 {
		t.Errorf("Jira was asked: %v", seen)
	}
	if a := g.submit("alice", "tokens/new", form("alice")); a.status != http.StatusCreated || !strings.Contains(a.body, "jt_") {
		t.Errorf("her own: %s", a)
	}
	if a := g.submit("alice", "tokens/new", form("alice")); a.status != http.StatusConflict || strings.Contains(a.body, "jt_") || g.tokensOf("alice") != 1 {
		t.Errorf("sent again: %s, and %d tokens", a, g.tokensOf("alice"))
	}
	var list struct{ Tokens []issued }
	g.call("GET", "/jira_tokens/tokens?owner=alice", nil, http.StatusOK, &list)
	g.call("DELETE", "/jira_tokens/tokens/"+list.Tokens[0].ID, nil, http.StatusNoContent, nil)
	if a := g.submit("alice", "tokens/new", form("alice")); a.status != http.StatusConflict || strings.Contains(a.body, "jt_") || g.tokensOf("alice") != 0 {
		t.Errorf("sent again after its token was deleted: %s, and %d tokens", a, g.tokensOf("alice"))
	}
}

// TestPageRefusesChanges: what somebody must not do to a token at the page or its API leaves
// it as it is, for requests to Jira too.
func TestPageRefusesChanges(t *testing.T) {
	g := startRefusals(t)
	disabled := g.issue("alice", "read")
	g.call("POST", "/jira_tokens/tokens/"+disabled.ID+"/disable", nil, http.StatusOK, nil)
	held := g.issue("root", "write", "hold_writes", true, "exempt", "for the test")
	pending := g.issue("alice", "write")
	g.up.take()
	id := g.wantHeld(t, g.change(held, heldBody))
	for name, attempt := range map[string]func() answer{
		"enable what an administrator disabled": func() answer { return g.submit("alice", "tokens/"+disabled.ID+"/enable", "") },
		"the same by the API": func() answer {
			return g.do("POST", "/tokens/api/v1/tokens/"+disabled.ID+"/enable", person("alice"), "{}")
		},
		"approve one's own change":        func() answer { return g.submit("root", "requests/"+id, "verdict=approve") },
		"the same by the API, own":        func() answer { return g.do("POST", "/tokens/api/v1/approvals/"+id+"/approve", person("root"), "{}") },
		"approve a change without manage": func() answer { return g.submit("alice", "requests/"+id, "verdict=approve") },
		"end the holding of one's own changes": func() answer {
			return g.do("PATCH", "/tokens/api/v1/tokens/"+held.ID, person("root"), `{"hold_writes":false}`)
		},
		"approve one's own token": func() answer { return g.submit("alice", "tokens/"+pending.ID+"/approve", "") },
		"the same by the API, token": func() answer {
			return g.do("POST", "/tokens/api/v1/tokens/"+pending.ID+"/approve", person("alice"), "{}")
		},
		"change somebody else's token": func() answer {
			return g.do("PATCH", "/tokens/api/v1/tokens/"+held.ID, person("alice"), `{"name":"stolen"}`)
		},
		"rotate somebody else's token": func() answer { return g.submit("alice", "tokens/"+held.ID+"/rotate", "") },
	} {
		if a := attempt(); a.status < 400 || strings.Contains(a.body, "jt_") {
			t.Errorf("%s: %s", name, a)
		}
	}
	for _, c := range []struct {
		answer answer
		reason string
	}{
		{g.do("GET", issuePath, disabled.basic()), "token_disabled"},
		{g.do("GET", issuePath, pending.basic()), "token_pending"},
		{g.change(held, heldBody), "approval_required"},
	} {
		if c.answer.reason() != c.reason {
			t.Errorf("%s, want %s", c.answer, c.reason)
		}
	}
	if seen := g.up.take(); len(seen) > 0 {
		t.Errorf("Jira was reached: %v", seen)
	}

	// The same requests of somebody who may.
	for _, a := range []answer{
		g.submit("eve", "tokens/"+disabled.ID+"/enable", ""), g.submit("eve", "tokens/"+pending.ID+"/approve", ""), g.submit("eve", "requests/"+id, "verdict=approve"),
	} {
		if a.status != http.StatusSeeOther {
			t.Errorf("somebody else who manages: %s", a)
		}
	}
	for _, a := range []answer{g.do("GET", issuePath, disabled.basic()), g.do("GET", issuePath, pending.basic()), g.change(held, heldBody)} {
		if a.status != http.StatusOK {
			t.Errorf("afterwards: %s", a)
		}
	}
}

// TestPageRefusesTries: trying a token at the page takes every check of the gateway, and tells
// nothing about a token that one may not see. What is refused does not reach Jira.
func TestPageRefusesTries(t *testing.T) {
	g := startRefusals(t)
	elsewhere, own, others := g.issue("alice", "read", "allow_ip", []string{"10.0.0.0/8"}), g.issue("alice", "read"), g.issue("eric", "read", "allow_ip", []string{"10.0.0.0/8"})
	revoked := g.issue("alice", "read")
	g.call("POST", "/jira_tokens/tokens/"+revoked.ID+"/revoke", nil, http.StatusOK, nil)
	// tried returns what has reached Jira, but for the question which product it is.
	tried := func() []*arrival {
		return slices.DeleteFunc(g.up.take(), func(a *arrival) bool { return strings.Contains(a.line, "/serverInfo ") })
	}
	form := func(holder, secret string) string { return url.Values{"holder": {holder}, "token": {secret}}.Encode() }
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"nobody":                       {g.request("POST", "/tokens/tokens/try", fromPage, form("alice", own.Token)), http.StatusUnauthorized},
		"another site":                 {g.request("POST", "/tokens/tokens/try", person("alice")+strings.Replace(fromPage, "same-origin", "cross-site", 1), form("alice", own.Token)), http.StatusForbidden},
		"another encoding":             {g.request("POST", "/tokens/tokens/try", person("alice")+"Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n", `{"holder":"alice"}`), http.StatusUnsupportedMediaType},
		"somebody else's, from abroad": {g.request("POST", "/tokens/tokens/try", person("alice")+fromPage, form("eric", others.Token)), http.StatusNotFound},
		"one's own as somebody else":   {g.request("POST", "/tokens/tokens/try", person("alice")+fromPage, form("eric", own.Token)), http.StatusNotFound},
		"revoked":                      {g.request("POST", "/tokens/tokens/try", person("alice")+fromPage, form("alice", revoked.Token)), http.StatusNotFound},
		"the wrong secret":             {g.request("POST", "/tokens/tokens/try", person("alice")+fromPage, form("alice", own.wrong())), http.StatusNotFound},
	} {
		if a := g.send(c.raw); a.status != c.status || strings.Contains(a.body, "is ready") {
			t.Errorf("%s: %s, want %d", name, a, c.status)
		}
	}
	if a := g.submit("alice", "tokens/try", form("alice", elsewhere.Token)); a.status != http.StatusOK || !strings.Contains(a.body, "The gateway answers 403") {
		t.Errorf("from a network that the token does not allow: %s", a)
	}
	if seen := tried(); len(seen) > 0 {
		t.Errorf("Jira was reached: %v", seen)
	}
	if a := g.submit("alice", "tokens/try", form("alice", own.Token)); a.status != http.StatusOK || !strings.Contains(a.body, "Jira answers 200") {
		t.Errorf("one's own: %s", a)
	}
	seen := tried()
	if len(seen) != 1 || strings.Contains(fmt.Sprint(seen), own.Token) || strings.Contains(fmt.Sprint(seen), "X-Person") {
		t.Errorf("Jira got %v", seen)
	}
}

// TestPageRefusesStaleRotations: a form that shows a token as it was before somebody changed
// it does not rotate it, so its secret still works.
func TestPageRefusesStaleRotations(t *testing.T) {
	g := startRefusals(t)
	tok := g.issue("alice", "read")
	g.call("PATCH", "/jira_tokens/tokens/"+tok.ID, map[string]any{"purpose": "changed"}, http.StatusOK, nil)
	for name, a := range map[string]answer{
		"the page":    g.submit("alice", "tokens/"+tok.ID+"/rotate", "overlap=0s&version=1"),
		"with a link": g.submit("alice", "tokens/"+tok.ID+"/rotate", "overlap=0s&version=1&handover=true&handover_for=1h"),
		"the API":     g.do("POST", "/tokens/api/v1/tokens/"+tok.ID+"/rotate", person("alice"), `{"overlap":"0s","version":1}`),
	} {
		if a.status != http.StatusConflict || strings.Contains(a.body, "jt_") {
			t.Errorf("%s: %s", name, a)
		}
	}
	g.check(t, g.do("GET", issuePath, tok.basic()), passes)
	if a := g.submit("alice", "tokens/"+tok.ID+"/rotate", "overlap=0s&version=2"); a.status != http.StatusCreated {
		t.Errorf("the form as it is now: %s", a)
	}
	g.up.take() // what the ready lines need to know about Jira
	g.check(t, g.do("GET", issuePath, tok.basic()), refused(401, "invalid_token"))
}

// TestPageRefusesKeptFormsOfOthers: what somebody typed until the session ended can be sent
// by whoever signs in next in that browser, who can do no more with it than with a form of
// their own.
func TestPageRefusesKeptFormsOfOthers(t *testing.T) {
	g := startRefusals(t)
	tok := g.issue("alice", "read")
	for path, form := range map[string]string{
		"tokens/new":                   "do=create&name=typed&owner=alice&kind=user&scope=read&expires=7d&number=ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		"tokens/" + tok.ID + "/edit":   "do=change&name=typed&version=1",
		"tokens/" + tok.ID + "/rotate": "overlap=0s&version=1&reason=typed",
		"tokens/" + tok.ID + "/revoke": "version=1&reason=typed",
		"all/bulk/take":                "do=revoke&id=" + tok.ID + "&version=1&typed=" + url.QueryEscape("revoke 1") + "&reason=typed",
		"owner/revoke?name=alice":      "typed=alice&reason=typed",
	} {
		lost := g.do("POST", "/tokens/"+path, fromPage, form)
		if lost.status != http.StatusUnauthorized || !strings.Contains(lost.body, "typed") {
			t.Fatalf("%s without a session: %s", path, lost)
		}
		kept := make(map[string]string)
		for _, name := range []string{"kept", "kept_to"} {
			found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(lost.body)
			if found == nil {
				t.Fatalf("%s: the page keeps no form: %s", path, lost.body)
			}
			kept[name] = html.UnescapeString(found[1])
		}
		values, err := url.ParseQuery(kept["kept"])
		if err != nil {
			t.Fatal(err)
		}
		sent, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // as the page sends it, and without looking at the form again
			if a := g.submit("eric", kept["kept_to"], values.Encode()); strings.Contains(a.body, "jt_") || a.status == http.StatusCreated || a.status == http.StatusSeeOther {
				t.Errorf("%s by somebody else: %s", path, a)
			}
			values.Set("do", sent.Get("do"))
		}
	}
	g.check(t, g.do("GET", issuePath, tok.basic()), passes)
	var now issued
	g.call("GET", "/jira_tokens/tokens/"+tok.ID, nil, http.StatusOK, &now)
	if now.Version != tok.Version || g.tokensOf("alice") != 1 || g.tokensOf("eric") != 0 {
		t.Errorf("alice has %d tokens, eric %d: %+v", g.tokensOf("alice"), g.tokensOf("eric"), now)
	}
}

// TestPageRefusesUnknownFilters: a filter that the page does not know selects nothing, rather
// than all tokens.
func TestPageRefusesUnknownFilters(t *testing.T) {
	g := startRefusals(t)
	tok := g.issue("alice", "read")
	for _, filter := range []string{"ownr=alice", "owner=alice&owners=bob", "%zz", "Owner=alice"} {
		for _, path := range []string{"all/bulk", "all/bulk/take"} {
			for _, do := range []string{"disable", "revoke", "extend"} {
				values := url.Values{"do": {do}, "all": {filter}, "typed": {do + " 1"}, "by": {"30"}}
				if a := g.submit("root", path, values.Encode()); a.status != http.StatusBadRequest {
					t.Errorf("%s %s of %q: %s", path, do, filter, a)
				}
			}
		}
	}
	g.check(t, g.do("GET", issuePath, tok.basic()), passes)
	if a := g.submit("root", "all/bulk/take", url.Values{"do": {"revoke"}, "all": {"owner=alice"}, "typed": {"revoke 1"}}.Encode()); a.status != http.StatusSeeOther {
		t.Errorf("a filter that it knows: %s", a)
	}
	g.check(t, g.do("GET", issuePath, tok.basic()), refused(401, "token_revoked"))
}
