package gatewaytest

import (
	"fmt"
	"net/http"
	"net/url"
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
		"the API: the wrong secret":    g.request("POST", "/tokens/api/v1/tokens", basic("root", bounded.Token[:len(bounded.Token)-1]+"0"), body),
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
