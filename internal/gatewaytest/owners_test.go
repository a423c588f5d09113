package gatewaytest

import (
	"net/http"
	"strings"
	"testing"
)

// TestOwnersCommand lists owners, and transfers and revokes all tokens of one.
func TestOwnersCommand(t *testing.T) {
	g := startGateway(t, options{apps: "group " + strings.Repeat("long-name-", 9) + " {\nmembers alice@example.com\n}"})
	owner := "al/ice? %d@example.com"
	first, second := g.issue(owner, "read"), g.issue(strings.ToUpper(owner), "read")
	other := g.issue("alice@example.com", "read")
	g.issue(strings.Repeat("o", 200), "read")

	r := g.tokenCommand("owners")
	if r.code != 0 || r.err != "" || strings.Count(r.out, "\n") != 4 {
		t.Error(r)
	}
	if !strings.Contains(r.out, strings.Repeat("o", 200)) { // the output is not a terminal, so nothing is cut
		t.Error(r)
	}
	var list struct {
		Owners []struct {
			Owner, Kind, State string
			Groups             []string
			Tokens             map[string]int
		}
	}
	r = g.tokenCommand("owners", "--search", "AL/ICE", "--output", "json")
	decodeJSON(t, r.out, &list)
	if r.code != 0 || len(list.Owners) != 1 || list.Owners[0].Tokens["active"] != 2 || list.Owners[0].State != "active" || list.Owners[0].Groups == nil {
		t.Error(r)
	}
	if r = g.tokenCommand("owners", "--state", "gone"); r.code == 0 || !strings.HasPrefix(r.err, "Error: --state: invalid state") {
		t.Error(r)
	}

	// Nothing happens unless somebody agrees.
	for _, args := range [][]string{{"revoke", "--owner", owner}, {"transfer", "--owner", owner, "--to", "bob"}} {
		r := g.tokenCommand(args...)
		if r.code == 0 || !strings.Contains(r.err, "2 tokens of "+owner) || !strings.Contains(r.err, "--yes") {
			t.Error(r)
		}
		r = g.tokenWith("no\n", args...)
		if r.code == 0 || !strings.Contains(r.err, "2 tokens of "+owner) || !strings.Contains(r.err, "nothing was changed") {
			t.Error(r)
		}
	}
	if err := g.get(first, http.StatusOK, ""); err != nil {
		t.Fatal(err)
	}

	r = g.tokenWith("Yes\n", "transfer", "--owner", owner, "--to", "bob")
	if r.code != 0 || !strings.Contains(r.out, "Transferred tokens of "+owner+": 2.") || !strings.Contains(r.err, "must now send bob") {
		t.Error(r)
	}
	if err := g.get(first, http.StatusUnauthorized, "invalid_token"); err != nil {
		t.Errorf("with the old owner's name: %v", err)
	}
	first.Owner, second.Owner = "bob", "Bob"
	for _, tok := range []issued{first, second, other} {
		if err := g.get(tok, http.StatusOK, ""); err != nil {
			t.Error(err)
		}
	}

	r = g.tokenCommand("revoke", "--owner", "BOB", "--yes")
	if r.code != 0 || !strings.Contains(r.out, "Revoked tokens of BOB: 2.") {
		t.Error(r)
	}
	for _, tok := range []issued{first, second} {
		if err := g.get(tok, http.StatusUnauthorized, "token_revoked"); err != nil {
			t.Error(err)
		}
	}
	if r = g.tokenCommand("revoke", "--owner", "bbo", "--yes"); r.code == 0 || !strings.Contains(r.err, `no tokens of "bbo"`) {
		t.Error(r)
	}
	if r = g.tokenCommand("revoke", other.ID, "--owner", "alice@example.com"); r.code == 0 {
		t.Error(r)
	}
	if err := g.get(other, http.StatusOK, ""); err != nil {
		t.Error(err)
	}
}
