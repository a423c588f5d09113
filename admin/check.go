package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// ask asks every configured gateway how it would handle a request.
func (c *call) ask(ctx context.Context, question handler.Question) ([]Explanation, error) {
	if len(c.app.Gateways()) == 0 {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusConflict,
			Err:        errors.New("the configuration has no jira_gateway, so there is nothing to explain"),
		}
	}
	ctx = withReplacer(ctx)
	places := placesOf(caddy.ActiveContext())
	var explanations []Explanation
	for _, gateway := range c.app.Gateways() {
		question.Jira = places[gateway].jira
		question.Transport = c.transportTo(question.Jira)
		explanation, err := gateway.Explain(ctx, question)
		if err != nil {
			return nil, registry.InvalidError{Field: "path", Err: err}
		}
		place := places[gateway]
		explanation.Site, explanation.Jira = place.site, place.jira
		explanations = append(explanations, explanation)
	}
	return explanations, nil
}

// transportTo returns the transport to the Jira with this URL; nil if there is none.
func (c *call) transportTo(url string) http.RoundTripper {
	for _, upstream := range c.app.Jiras() {
		if upstream.URL == url {
			return upstream.Transport
		}
	}
	return nil
}

// checkAccounts asks every configured Jira whether it accepts the named account,
// or all accounts if name is empty.
func (c *call) checkAccounts(ctx context.Context, name string) ([]CheckResult, error) {
	all, upstreams := c.app.JiraAccounts(), c.app.Jiras()
	names := slices.Sorted(maps.Keys(all))
	if name != "" {
		if _, ok := all[name]; !ok {
			return nil, registry.InvalidError{Field: "account", Err: fmt.Errorf("account %q is not configured: expected %s", name, strings.Join(names, ", "))}
		}
		names = []string{name}
	}
	if len(upstreams) == 0 {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusConflict,
			Err:        errors.New("the configuration has no jira_gateway, and no reverse_proxy with the transport jira, so there is no Jira to ask"),
		}
	}
	ctx = withReplacer(ctx)
	if len(names) == 0 {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusConflict,
			Err:        errors.New("no account is configured: add `account default { … }` to jira_tokens"),
		}
	}
	results := []CheckResult{}
	for _, name := range names {
		asked := make(map[string]bool) // several gateways can share a Jira
		for _, upstream := range upstreams {
			if upstream.Takes(name) && !asked[upstream.URL] {
				asked[upstream.URL] = true
				results = append(results, checkAccount(ctx, upstream, all[name]))
			}
		}
		if len(asked) == 0 {
			results = append(results, CheckResult{Account: name, Error: "no gateway uses this account: the accounts option of every gateway names other ones; add it there, or remove the account"})
		}
	}
	return results, nil
}

// withReplacer returns a context for requests to Jira: the transport replaces the
// placeholders in its options with it.
func withReplacer(ctx context.Context) context.Context {
	return context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
}

func checkAccount(ctx context.Context, upstream handler.Jira, account *jira.Account) CheckResult {
	result := CheckResult{Account: account.Name(), Jira: upstream.URL}
	identity, err := accounts.Check(ctx, account, upstream.URL, upstream.Transport)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	result.OK = true
	result.User, result.Version, result.Deployment = identity.User, identity.Version, identity.Deployment
	return result
}

// appHealth returns the health of the store, which it probes, and of the accounts,
// about which it does not ask Jira.
func (c *call) appHealth(ctx context.Context) Health {
	h := Health{OK: true, Store: StoreHealth{OK: true}, Accounts: make(map[string]AccountHealth), Policy: PolicyHealth{OK: true}}
	if err := c.registry.Reachable(ctx); err != nil {
		h.OK, h.Store = false, StoreHealth{Error: err.Error()}
	}
	for name, account := range c.app.JiraAccounts() {
		state := AccountHealth{OK: true}
		if err := account.Refusal(); err != nil {
			h.OK, state = false, AccountHealth{Error: err.Error()}
		}
		h.Accounts[name] = state
	}
	if other := c.app.PolicyOfOthers(); other != nil {
		h.Policy = PolicyHealth{Error: fmt.Sprintf("%s has loaded another policy at %s", other.Node, other.At.Format(time.RFC3339))}
	}
	return h
}
