package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestOffersTellNothingOfOthers: whoever creates tokens for others does not learn from which
// networks and with which accounts these may work, unless they manage.
func TestOffersTellNothingOfOthers(t *testing.T) {
	a := newAppWith(t, &policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read"}, Networks: []string{"198.51.100.0/24"}, Accounts: []string{"hidden-bot"}, MaxLifetime: policy.Span(90 * 24 * time.Hour), Place: "Caddyfile:7"},
		Groups: []policy.Rule{
			{Group: "bi", OnBehalf: true, Accounts: []string{"default"}, Networks: []string{"127.0.0.0/8"}, Place: "Caddyfile:8"},
			{Group: "admins", Manage: true, OnBehalf: true, Place: "Caddyfile:9"},
		},
	})
	probed := jira.AccountOptions{ProbeInterval: time.Minute}
	a.accounts = accounts.NewSet(map[string]*jira.Account{
		"default": jira.NewAccount("default", jira.Bearer("secret"), probed), "hidden-bot": jira.NewAccount("hidden-bot", jira.Bearer("secret"), probed),
	}, accounts.SetOptions{
		Store: a.store, Mirror: func(kind string) *storage.Mirror { return storage.NewMirror(a.store, kind, options) },
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	t.Cleanup(a.accounts.Close)
	server := serve(t, a, new(header))
	form := url.Values{"do": {"update"}, "owner": {"ci"}, "kind": {"service"}, "name": {"n"}, "scope": {"admin"}}
	asked := newBrowser(t, server, "bea").post("/tokens/tokens/new", form)
	asked.want(t, "bea", http.StatusOK)
	for _, secret := range []string{"198.51.100", "Caddyfile"} {
		if strings.Contains(asked.body, secret) {
			t.Errorf("bea learns %q", secret)
		}
	}
	newBrowser(t, server, "root").post("/tokens/tokens/new", form).want(t, "root", http.StatusOK, "198.51.100.0/24")
	alice := newBrowser(t, server, "alice").get("/tokens/tokens/new")
	alice.want(t, "alice", http.StatusOK, "198.51.100.0/24", "hidden-bot")
	if strings.Contains(alice.body, "Caddyfile") {
		t.Error("alice learns where the rules are written")
	}
}
