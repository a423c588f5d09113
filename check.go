package jiratokens

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

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// CheckResult says whether one Jira accepts one account.
type CheckResult struct {
	Account string `json:"account"`
	Jira    string `json:"jira"`
	OK      bool   `json:"ok"`
	// User is who the account is in Jira; Version and Deployment say which
	// Jira that is.
	User       string `json:"user,omitempty"`
	Version    string `json:"version,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	// Error is what is wrong.
	Error string `json:"error,omitempty"`
}

// AddJira makes a Jira known that a gateway of this configuration forwards to.
func (a *App) AddJira(upstream handler.Jira) {
	for _, known := range a.jiras {
		if known.URL == upstream.URL {
			return
		}
	}
	a.jiras = append(a.jiras, upstream)
}

// AddGateway makes a handler of this configuration known.
func (a *App) AddGateway(gateway *handler.Handler) {
	a.gateways = append(a.gateways, gateway)
}

// explain asks every gateway of the configuration what it would do.
func (a *App) explain(question handler.Question) ([]handler.Explanation, error) {
	if len(a.gateways) == 0 {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusConflict,
			Err:        errors.New("the configuration has no jira_gateway: there is nothing to explain"),
		}
	}
	var explanations []handler.Explanation
	for _, gateway := range a.gateways {
		explanation, err := gateway.Explain(question)
		if err != nil {
			return nil, registry.InvalidError{Field: "path", Err: err}
		}
		explanations = append(explanations, explanation)
	}
	return explanations, nil
}

// check asks every Jira of the configuration whether it accepts the account
// with this name; all accounts if it is empty.
func (a *App) check(ctx context.Context, name string) ([]CheckResult, error) {
	names := slices.Sorted(maps.Keys(a.accounts))
	if name != "" {
		if _, ok := a.accounts[name]; !ok {
			return nil, registry.InvalidError{Field: "account", Err: fmt.Errorf("account %q: is not configured; there is %s", name, strings.Join(names, ", "))}
		}
		names = []string{name}
	}
	if len(a.jiras) == 0 {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusConflict,
			Err:        errors.New("the configuration has no jira_gateway, and no reverse_proxy with the transport jira: there is no Jira to ask"),
		}
	}
	// The transport finds placeholders of its options here.
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	if len(names) == 0 {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusConflict,
			Err:        errors.New("no account is configured: add `account default { … }` to jira_tokens"),
		}
	}
	results := []CheckResult{}
	for _, upstream := range a.jiras {
		for _, name := range names {
			if upstream.Takes(name) {
				results = append(results, a.checkAccount(ctx, upstream, a.accounts[name]))
			}
		}
	}
	return results, nil
}

func (a *App) checkAccount(ctx context.Context, upstream handler.Jira, account *jira.Account) CheckResult {
	result := CheckResult{Account: account.Name(), Jira: upstream.URL}
	identity, err := jira.Identify(ctx, upstream.Transport, upstream.URL, account)
	if err != nil {
		var refused jira.RefusedError
		if errors.As(err, &refused) && len(a.jiras) == 1 {
			// With several Jiras another one may well take it.
			account.Refused(refused, time.Now())
		}
		result.Error = err.Error()
		return result
	}
	account.Accepted()
	result.OK = true
	result.User, result.Version, result.Deployment = identity.User, identity.Version, identity.Deployment
	return result
}

// Health is what the health endpoint answers.
type Health struct {
	OK       bool                     `json:"ok"`
	Store    StoreHealth              `json:"store"`
	Accounts map[string]AccountHealth `json:"accounts"`
}

// StoreHealth says whether the token store answers.
type StoreHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// AccountHealth says whether Jira takes an account, as far as was seen.
type AccountHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// health tells how the store and the accounts are. It asks the store, and
// Jira not at all.
func (a *App) health(ctx context.Context) Health {
	h := Health{OK: true, Store: StoreHealth{OK: true}, Accounts: make(map[string]AccountHealth)}
	if err := a.registry.Reachable(ctx); err != nil {
		h.OK, h.Store = false, StoreHealth{Error: err.Error()}
	}
	for name, account := range a.accounts {
		state := AccountHealth{OK: true}
		if err := account.Refusal(); err != nil {
			h.OK, state = false, AccountHealth{Error: err.Error()}
		}
		h.Accounts[name] = state
	}
	return h
}
