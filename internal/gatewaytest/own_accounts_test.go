package gatewaytest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// TestTokensThatActAsTheirOwner checks that a token with the account own is forwarded
// with its owner's credential, and that one owner's failure is nobody else's.
func TestTokensThatActAsTheirOwner(t *testing.T) {
	jira, url := startJira(t, fakejira.DataCenter)
	g := startStoring(t, "", "a", url)
	for owner, credential := range map[string][]string{"svc": {firstSecret, "--user", "svc"}, "pat": {bearerSecret, "--bearer"}} {
		args := append([]string{"account", "add", "--owner", owner, "--jira", url}, credential[1:]...)
		if add := g.tokenWith(credential[0], args...); add.code != 0 || !strings.Contains(add.out, "Added account own of "+owner) {
			t.Fatalf("add: %s", add)
		}
	}
	if add := g.tokenWith(bearerSecret, "account", "add", "--owner", "eve", "--jira", url, "--bearer"); add.code == 0 || !strings.Contains(add.err, "not eve's") {
		t.Errorf("somebody else's credential: %s", add)
	}
	svc, pat := g.issue("svc", "read", "account", "own"), g.issue("Pat", "read", "account", "own")
	eve, shared := g.issue("eve", "read", "account", "own"), g.issue("pat", "read")
	reaches(t, g, svc, http.StatusOK, "", `"svc"`)
	reaches(t, g, pat, http.StatusOK, "", `"pat"`)
	reaches(t, g, shared, http.StatusOK, "", accountUser)
	reaches(t, g, eve, http.StatusBadGateway, "jira_rejected_account", "account add|replace --owner")

	// Pat's credential is revoked in Jira.
	jira.SetAccounts(append(takesAccount(), fakejira.Account{User: "svc", Secret: firstSecret}, fakejira.Account{User: "pat", Bearer: secondSecret}))
	reaches(t, g, pat, http.StatusBadGateway, "jira_rejected_account", "expired or been revoked")
	g.eventuallyLogged(t, "Jira does not accept the account")
	reaches(t, g, svc, http.StatusOK, "", `"svc"`)
	reaches(t, g, shared, http.StatusOK, "", accountUser)
	if status, health := g.adminCall("GET", "/jira_tokens/health", ""); status != http.StatusOK || strings.Contains(health, "own") {
		t.Errorf("health: %d %s", status, health)
	}
	if list := g.token("account", "list"); !strings.Contains(oneLine(list.out), "own of pat store failing since") {
		t.Errorf("list: %s", list)
	}
	if check := g.token("account", "check", "--owner", "pat"); check.code == 0 || !strings.Contains(oneLine(check.out), "refuses the credential") {
		t.Errorf("check: %s", check)
	}
	if explain := g.token("explain", "--token", pat.ID, "GET", myself); !strings.Contains(explain.out, "jira_rejected_account") || !strings.Contains(oneLine(explain.out), "own credential of Pat") {
		t.Errorf("explain: %s", explain)
	}

	// A new one mends it.
	if replace := g.tokenWith(secondSecret, "account", "replace", "--owner", "PAT"); replace.code != 0 {
		t.Fatalf("replace: %s", replace)
	}
	reaches(t, g, pat, http.StatusOK, "", `"pat"`)
	if remove := g.token("account", "remove", "--owner", "pat"); remove.code == 0 || !strings.Contains(remove.err, "list --account own --owner pat") {
		t.Errorf("remove: %s", remove)
	}
	if list := g.token("list", "--account", "own", "--owner", "pat"); !strings.Contains(list.out, pat.ID) || strings.Contains(list.out, svc.ID) || strings.Contains(list.out, shared.ID) {
		t.Errorf("tokens: %s", list)
	}
	g.call("DELETE", "/jira_tokens/tokens/"+pat.ID, nil, http.StatusNoContent, nil)
	if remove := g.token("account", "remove", "--owner", "pat"); remove.code != 0 {
		t.Errorf("remove: %s", remove)
	}
	if trail := g.token("audit").out; !strings.Contains(trail, "account_remove  account own of pat") {
		t.Errorf("trail: %s", trail)
	}
	// Tokens cannot take their owner's credential along.
	if transfer := g.token("transfer", "--owner", "svc", "--to", "eve", "--yes"); transfer.code == 0 {
		t.Errorf("transfer: %s", transfer)
	}
	reaches(t, g, svc, http.StatusOK, "", `"svc"`)
}
