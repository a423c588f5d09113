package admin

import (
	"context"
	"errors"
	"fmt"
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

var (
	errNoJira    = errors.New("the configuration has no jira_gateway, and no reverse_proxy with the transport jira, so there is no Jira to ask")
	errNoAccount = errors.New("no account is configured: add `account default { … }` to jira_tokens, or add one to the store with `caddy jira-token account add`")
)

// checkAccounts asks every configured Jira whether it accepts the named account. If
// name is empty, it asks about all accounts but owners' own ones, of which there may be
// thousands, and also reports Jiras without any.
func (c *call) checkAccounts(ctx context.Context, name string) ([]CheckResult, error) {
	if len(c.app.Jiras()) == 0 {
		return nil, caddy.APIError{HTTPStatus: http.StatusConflict, Err: errNoJira}
	}
	all, err := c.app.JiraAccounts().List(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(v Account) bool { return v.Owner != "" })
	views := all
	if name != "" {
		views = slices.DeleteFunc(slices.Clone(all), func(v Account) bool { return v.Name != name })
	}
	switch {
	case len(all) == 0:
		return nil, caddy.APIError{HTTPStatus: http.StatusConflict, Err: errNoAccount}
	case len(views) == 0:
		names := c.app.JiraAccounts().Names()
		return nil, registry.InvalidError{Field: "account", Err: fmt.Errorf("there is no account %q: expected %s", name, strings.Join(names, ", "))}
	}
	ctx = withReplacer(ctx)
	results := []CheckResult{}
	for _, view := range views {
		results = append(results, c.checkView(ctx, view)...)
	}
	if name == "" {
		results = append(results, c.unusedJiras(results)...)
	}
	return results, nil
}

// checkView asks every Jira that an account is used with whether it accepts it.
func (c *call) checkView(ctx context.Context, view Account) []CheckResult {
	if view.Hidden {
		return []CheckResult{{Account: view.Name, Jira: view.Jira, Error: "the store keeps an account with the name of a configured one, which takes precedence: remove one of them"}}
	}
	account, err := c.accountOf(ctx, view)
	if err != nil {
		return []CheckResult{{Account: view.Name, Jira: view.Jira, Error: err.Error()}}
	}
	results := c.checkAt(ctx, account)
	for i := range results {
		if view.State == accounts.StateExpiring {
			results[i].ExpiresAt = view.ExpiresAt
		}
	}
	if len(results) > 0 {
		return results
	}
	missing := "no gateway uses this account: the accounts option of every gateway names other ones; add it there, or remove the account"
	if view.Jira != "" {
		missing = "no gateway of the configuration forwards to this Jira: add one, or remove the account"
	}
	return []CheckResult{{Account: view.Name, Jira: view.Jira, Error: missing}}
}

// accountOf returns the account of a view.
func (c *call) accountOf(ctx context.Context, view Account) (*jira.Account, error) {
	if view.Owner != "" {
		return c.app.JiraAccounts().FindOwn(ctx, view.Owner, view.Jira)
	}
	return c.app.JiraAccounts().Find(ctx, view.Name)
}

// checkAt asks the Jiras of all gateways that take an account. Gateways of one Jira may
// reach it in different ways, so each of them asks, until Jira refuses the account: it
// may count that as a failed login.
func (c *call) checkAt(ctx context.Context, account *jira.Account) (results []CheckResult) {
	for _, upstream := range c.app.Jiras() {
		if !upstream.Takes(account) || slices.ContainsFunc(results, func(r CheckResult) bool { return r.refused && jira.SameURL(r.Jira, upstream.URL) }) {
			continue
		}
		if result := checkAccount(ctx, upstream, account); !slices.Contains(results, result) {
			results = append(results, result)
		}
	}
	return results
}

// unusedJiras reports the Jiras that no account is used with.
func (c *call) unusedJiras(results []CheckResult) (unused []CheckResult) {
	for _, upstream := range c.app.Jiras() {
		named := func(r CheckResult) bool { return jira.SameURL(r.Jira, upstream.URL) }
		if !slices.ContainsFunc(results, named) && !slices.ContainsFunc(unused, named) {
			unused = append(unused, CheckResult{Jira: upstream.URL, Error: "no account is used with this Jira, so no token works there"})
		}
	}
	return unused
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
		result.refused = errors.As(err, new(jira.RefusedError))
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
	if err := c.app.Registry().Reachable(ctx); err != nil {
		h.OK, h.Store = false, StoreHealth{Error: err.Error()}
	}
	for _, view := range c.app.JiraAccounts().Views() {
		if view.Hidden {
			continue
		}
		state := AccountHealth{OK: view.State == accounts.StateValid || view.State == accounts.StateExpiring, Error: view.Error}
		h.OK = h.OK && state.OK
		h.Accounts[view.Name] = state
	}
	if other := c.app.PolicyOfOthers(); other != nil {
		h.Policy = PolicyHealth{Error: fmt.Sprintf("%s has loaded another policy at %s", other.Node, other.At.Format(time.RFC3339))}
	}
	if h.GroupsFromJira = c.app.GroupsHealth(); h.GroupsFromJira != nil && h.GroupsFromJira.Lapsed {
		h.OK = false
	}
	return h
}
