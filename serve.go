package jiratokens

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"strconv"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"

	// Registers the command, which talks to the admin endpoints, and the page.
	_ "github.com/jiratokens/caddy-jira-tokens/command"
	"github.com/jiratokens/caddy-jira-tokens/manager"
)

// Lookup returns the record of a token with the right secret.
func (a *App) Lookup(ctx context.Context, presented token.Token) (*token.Record, error) {
	return a.registry.Lookup(ctx, presented)
}

// Known implements handler.App.
func (a *App) Known(presented token.Token) bool { return a.registry.Known(presented) }

// Standing implements handler.App.
func (a *App) Standing(record *token.Record) policy.Standing { return a.registry.Standing(record) }

// Account implements handler.App.
func (a *App) Account(ctx context.Context, name string) (*jira.Account, error) {
	return a.accounts.Find(ctx, name)
}

// OwnAccount implements handler.App.
func (a *App) OwnAccount(ctx context.Context, owner, url string) (*jira.Account, error) {
	return a.accounts.FindOwn(ctx, owner, url)
}

// Configured reports whether the configuration has the account.
func (a *App) Configured(account string) bool { return a.accounts.Configured(account) }

// Limits returns the rate and concurrency limits.
func (a *App) Limits() *limits.Limits { return a.limits }

// Used records a use of a token.
func (a *App) Used(id string, address netip.Addr, userAgent string) {
	a.registry.Used(id, address, userAgent)
}

// Decided counts a decision about a request.
func (a *App) Decided(outcome handler.Outcome) {
	a.tokens.Store.Metrics.Decided(outcome.Decision, string(outcome.Reason), outcome.Access, outcome.Took)
	if outcome.Reason != "" {
		a.tokens.Store.UseLog.Denied(string(outcome.Reason))
	}
	if outcome.TokenID != "" {
		a.registry.Count(outcome.TokenID, outcome.Reason != "", outcome.Bytes)
	}
}

// AddJira registers a Jira that a gateway of this configuration forwards to. With
// several Jiras and configured accounts, every gateway must name its accounts:
// otherwise one Jira's credential would be sent to another. Stored accounts are bound
// to their Jira.
func (a *App) AddJira(upstream handler.Jira) error {
	for _, other := range a.jiras {
		if len(a.Accounts) == 0 || jira.SameURL(other.URL, upstream.URL) {
			continue
		}
		for _, j := range []handler.Jira{other, upstream} {
			if len(j.Accounts) == 0 {
				return fmt.Errorf("the gateways forward to two Jiras, %s and %s: write `accounts <name…>` in the gateway of %s (and in each of the others), "+
					"so that no account's credential is sent to the wrong Jira; an account for both must be named in both", other.URL, upstream.URL, j.URL)
			}
		}
	}
	a.jiras = append(a.jiras, upstream)
	return nil
}

// AddGateway registers a handler of this configuration.
func (a *App) AddGateway(gateway *handler.Handler) {
	a.gateways = append(a.gateways, gateway)
}

// Endpoints returns the gateway's own endpoints.
func (a *App) Endpoints() handler.Endpoints { return a.endpoints }

// Documents returns the documents in the store.
func (a *App) Documents() storage.Documents { return a.tokens.Store }

// Mirror returns a mirror of the documents of a kind.
func (a *App) Mirror(kind string) *storage.Mirror { return a.tokens.Mirror(kind) }

// Registry returns the registry, which issues, changes and ends tokens.
func (a *App) Registry() *registry.Registry { return a.registry }

// JiraAccounts returns the accounts.
func (a *App) JiraAccounts() *accounts.Set { return a.accounts }

// Jiras returns the Jiras that gateways of this configuration forward to.
func (a *App) Jiras() []handler.Jira { return a.jiras }

// Gateways returns the handlers of this configuration.
func (a *App) Gateways() []*handler.Handler { return a.gateways }

// PolicyOfOthers returns the policy that another gateway with this store has loaded
// since this configuration was, or nil if all have the same.
func (a *App) PolicyOfOthers() *registry.LoadedPolicy { return a.agreement.Other() }

// policyDiffers logs that another gateway has loaded another policy, or, if other is
// nil, that all have the same again.
func (a *App) policyDiffers(other *registry.LoadedPolicy) {
	if other == nil {
		a.logger.Info("all gateways with this store have the same policy again")
		return
	}
	a.logger.Warn("another gateway with this store has loaded another policy: what tokens may do depends on the gateway until all have the same",
		zap.String("gateway", other.Node), zap.Time("loaded_at", other.At), zap.String("policy", other.Fingerprint))
}

// nodeName identifies this process among the gateways that share a store.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " (process " + strconv.Itoa(os.Getpid()) + ")"
}

// accountStates yields each account, and whether it can be used.
func (a *App) accountStates() iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		for _, view := range a.accounts.Views() {
			if !view.Hidden && !yield(view.Name, view.State != accounts.StateFailing && view.State != accounts.StateUnreadable) {
				return
			}
		}
	}
}

// accountChanged logs that Jira no longer accepts an account, or accepts it again,
// and records it in the audit trail.
func (a *App) accountChanged(account *jira.Account, site string, refused error) {
	if refused != nil {
		a.logger.Error("Jira does not accept the account; requests with its tokens are refused until it does",
			zap.String("account", account.Name()), zap.String("jira", site), zap.Error(refused), zap.Duration("asked_again_every", account.Interval()))
	} else {
		a.logger.Info("Jira accepts the account again", zap.String("account", account.Name()), zap.String("jira", site))
	}
	// A request waits for this function: writing must not delay it.
	a.trail.Add(func(ctx context.Context) {
		if err := a.registry.RecordAccount(ctx, account.Name(), site, refused); err != nil {
			a.logger.Error("recording the account's change in the audit trail", zap.String("account", account.Name()), zap.String("jira", site), zap.Error(err))
		}
		a.notifyAccount(ctx, account, site, refused)
	})
}

// Interface guards
var (
	_ handler.App = (*App)(nil)
	_ admin.App   = (*App)(nil)
	_ manager.App = (*App)(nil)
)
