package gatewaytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const twoGroups = `
	group admins {
		members root@example.com
	}
	group bi {
		members Bea
	}
`

// TestPolicyHolds: a policy refuses tokens when they are created, suspends those that
// no longer comply after a reload, and lets them work again.
func TestPolicyHolds(t *testing.T) {
	policy := func(everyone string) string {
		return twoGroups + `
	policy {
		everyone {
			scopes ` + everyone + `
			max_lifetime 90d
		}
		group admins {
			manage
			scopes admin
			max_lifetime never
		}
	}`
	}
	o := options{apps: policy("read write")}
	g := startGateway(t, o)
	tok := g.issue("alice", "write", "expires_at", "30d")
	admin := g.issue("Root@example.com", "admin", "expires_at", "never")
	exempt := g.issue("carl", "admin", "expires_at", "never", "exempt", "nightly job")
	for _, refused := range []struct{ args, flag, says string }{
		{"--scope admin", "--scope", "expected read, write; rule: everyone (Caddyfile:"},
		{"--expires never", "--expires", "within 90d"},
		{"--expires 91d", "--expires", "within 90d"},
	} {
		r := g.token(append([]string{"create", "--owner", "alice", "--name", "x"}, strings.Fields(refused.args)...)...)
		if r.code == 0 || !strings.Contains(oneLine(r.err), refused.flag+":") || !strings.Contains(oneLine(r.err), refused.says) {
			t.Errorf("create %s: %s", refused.args, r)
		}
	}
	if r := g.token("create", "--owner", "alice", "--name", "x"); r.code != 0 || !strings.Contains(oneLine(r.out), "; max_lifetime 90d of everyone (Caddyfile:") {
		t.Errorf("create does not say what it chose: %s", r)
	} else {
		g.guard("alice", plainToken.FindString(r.out))
	}
	write := func(tok issued) answer {
		return g.send("POST " + issuePath + "/comment HTTP/1.1\r\nHost: 127.0.0.1\r\n" + tok.basic() + "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	}
	for _, works := range []issued{tok, admin, exempt} {
		if a := write(works); a.status != http.StatusOK {
			t.Errorf("%s: %s", works.Owner, a)
		}
	}
	g.up.take()

	o.apps = policy("read")
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	// Caddy's old server can still accept a connection just after a reload.
	eventually(t, "the tightened policy", func() error {
		if a := write(tok); a.reason() != "policy_suspended" {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	g.up.take()
	if a := write(tok); a.status != http.StatusUnauthorized || a.reason() != "policy_suspended" || !strings.Contains(a.body, "the scope write is not allowed for alice: expected read") || strings.Contains(a.body, "Caddyfile") {
		t.Errorf("%s %s", a, a.body)
	}
	if a := g.send(get(issuePath, "Authorization: Basic YWxpY2U6anRfMDEyMzQ1Njc4OV8wMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\n")); a.reason() != "invalid_token" {
		t.Errorf("a wrong secret is told more: %s", a)
	}
	if seen := g.up.take(); len(seen) != 0 {
		t.Errorf("Jira got %v", seen)
	}
	if r := g.token("list", "--state", "suspended"); !strings.Contains(r.out, tok.ID) || strings.Contains(r.out, admin.ID) || strings.Contains(r.out, exempt.ID) {
		t.Errorf("list: %s", r)
	}
	if r := g.token("explain", "--token", tok.ID, "GET", issuePath); !strings.Contains(oneLine(r.out), "Rule: everyone (Caddyfile:") || !strings.Contains(r.out, "401 policy_suspended") {
		t.Errorf("explain: %s", r)
	}
	for _, works := range []issued{admin, exempt} {
		if a := write(works); a.status != http.StatusOK {
			t.Errorf("%s: %s", works.Owner, a)
		}
	}

	o.apps = policy("read write")
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	eventually(t, "the loosened policy", func() error {
		if a := write(tok); a.status != http.StatusOK {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	o.apps = strings.ReplaceAll(policy("read"), "members root@example.com", "")
	g.configure(o)
	if r := g.reload(); r.code == 0 || !strings.Contains(r.err, "nobody could manage tokens: group admins") {
		t.Errorf("a policy that locks out everybody: %s", r)
	}
	o.apps = strings.Replace(o.apps, "policy {", "policy {\nallow_no_managers", 1)
	g.configure(o)
	if r := g.reload(); r.code != 0 {
		t.Errorf("a policy that locks out everybody on purpose: %s", r)
	}
}

// TestPolicyOfAnUnknownAccount: the store could have any account, so it is only known after
// the start that there is none with this name.
func TestPolicyOfAnUnknownAccount(t *testing.T) {
	g := startGateway(t, options{apps: encryptionKey("1") + "\npolicy {\neveryone {\naccounts default own nobody\n}\n}"})
	g.eventuallyLogged(t, "the policy names an account that neither the configuration nor the store has")
	if log := g.log.String(); strings.Count(log, "the policy names an account") != 1 || !strings.Contains(log, `"account":"nobody"`) {
		t.Errorf("%s", lineWith(log, "the policy names an account"))
	}
	if r := g.token("create", "--owner", "alice", "--name", "x", "--account", "nobody"); r.code == 0 || !strings.Contains(r.err, `--account: there is no account "nobody"`) {
		t.Error(r)
	}
}

// TestApprovals: a token that needs approval does nothing before it has it.
func TestApprovals(t *testing.T) {
	g := startGateway(t, options{apps: "policy {\neveryone {\nscopes read write\napproval write\nnetworks 127.0.0.0/8\n}\n}"})
	tok, other := g.issue("alice", "write"), g.issue("alice", "write")
	read := func(tok issued, want int, reason string) {
		t.Helper()
		if a := g.send(get(issuePath, tok.basic())); a.status != want || a.reason() != reason {
			t.Errorf("want %d %s, got %s", want, reason, a)
		}
	}
	read(tok, http.StatusUnauthorized, "token_pending")
	for _, args := range []string{"enable", "disable", "reject"} {
		if r := g.token(args, tok.ID); r.code == 0 {
			t.Errorf("%s: %s", args, r)
		}
	}
	if r := g.token("list", "--state", "pending"); !strings.Contains(r.out, tok.ID) {
		t.Errorf("list: %s", r)
	}
	read(tok, http.StatusUnauthorized, "token_pending")
	if seen := g.up.take(); len(seen) != 0 {
		t.Errorf("Jira got %v", seen)
	}
	if r := g.token("approve", tok.ID); r.code != 0 || !strings.Contains(r.out, "active") {
		t.Errorf("approve: %s", r)
	}
	read(tok, http.StatusOK, "")
	if r := g.token("reject", other.ID, "--reason", "ask for read"); r.code != 0 || !strings.Contains(oneLine(r.out), "revoked: ask for read") {
		t.Errorf("reject: %s", r)
	}
	read(other, http.StatusUnauthorized, "token_revoked")
	if r := g.token("audit", "--token", other.ID); !strings.Contains(r.out, "ask for read") {
		t.Errorf("audit: %s", r)
	}
	if r := g.token("create", "--owner", "alice", "--name", "x", "--allow-ip", "192.0.2.0/24"); r.code == 0 || !strings.Contains(oneLine(r.err), "--allow-ip: the network 192.0.2.0/24 is not inside those that are allowed for alice: expected 127.0.0.0/8") {
		t.Errorf("networks: %s", r)
	}
}
