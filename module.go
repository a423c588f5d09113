// Package jiratokens provides API tokens for Jira as a Caddy plugin: the app, its
// lifecycle and its Caddyfile syntax. Package handler handles requests, package
// admin serves the management API.
package jiratokens

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/pool"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/rest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"

	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	_ "github.com/jiratokens/caddy-jira-tokens/storage/redis"
)

func init() {
	caddy.RegisterModule(App{})
}

// App manages the API tokens: their store and the cache in front of it, the Jira
// accounts that requests are forwarded with, and the audit trail. Handlers and
// the admin endpoints use it.
type App struct {
	// Where tokens and the audit trail live. Default: the `file` store in
	// Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=jira_tokens.stores inline_key=module"`

	// The in-memory cache of tokens.
	Cache *Cache `json:"cache,omitempty"`

	// The Jira credentials that requests are forwarded with, by name. A token
	// that does not name an account uses `default`.
	Accounts map[string]*accounts.Account `json:"accounts,omitempty"`

	// The keys that encrypt the accounts that the store keeps, with AES-256-GCM: each
	// is 32 bytes in base64 or hexadecimal, as printed by `openssl rand -base64 32`.
	// The first one encrypts, all of them decrypt. Support placeholders, such as
	// `{env.JIRA_TOKENS_KEY}`. All nodes need the same keys. Without one, accounts
	// cannot be added to the store. Default: none
	EncryptionKeys []string `json:"encryption_keys,omitempty"`

	// The OAuth 2.0 apps with which owners let the gateway act for them in Jira, by
	// Jira's base URL, as in its gateway: see `caddy jira-token account connect`.
	// Requires public_url and an encryption key. Default: none
	OAuth map[string]*accounts.OAuthApp `json:"oauth,omitempty"`

	// The address under which users reach the gateway, such as
	// `https://jira.example.com`, with the path below which Jira is, if there is one.
	// Links that the gateway makes begin with it. Default: where a link is needed, the
	// address of the only gateway, if the configuration names exactly one host for it
	PublicURL string `json:"public_url,omitempty"`

	// The default rate limit, for tokens without a limit of their own: a number
	// of requests per second, minute, hour or day (`600/m`), and optionally how
	// many of them may come at once (`600/m burst 50`). Requests over the limit
	// get 429 `rate_limited`. With the `redis` store, the limit applies to all
	// Caddy instances together, with other stores to each by itself. `off`: no
	// limit. Default: no limit
	Limit string `json:"limit,omitempty"`

	// The default limit on requests that change something in Jira, for tokens
	// without one of their own, in the form of limit: `20/d`. It applies in addition
	// to limit. Requests that the gateway does not forward do not count. With the
	// `file` store, the count starts anew when Caddy restarts. `off`: no limit.
	// Default: no limit
	LimitWrites string `json:"limit_writes,omitempty"`

	// The default maximum number of requests in flight on this Caddy instance
	// per token, for tokens without a limit of their own. Requests over the
	// limit get 429 `rate_limited`. `off`: no limit. Default: no limit
	MaxConcurrent token.Concurrency `json:"max_concurrent,omitempty"`

	// How often a client's network (an IPv4 address or an IPv6 /64) may fail to
	// authenticate per period. After that, it gets 429 `too_many_failures` until
	// a whole period has passed. Failures are also counted per owner, wherever
	// they come from: over the same limit, networks that have failed themselves
	// get 429 for that owner. `off`: no limit. Default: `100/m`
	MaxFailures string `json:"max_failures,omitempty"`

	// Groups of owners by name, for the rules of the policy. Default: none
	Groups map[string]policy.Group `json:"groups,omitempty"`

	// Where other groups of owners come from. Default: only the configured groups
	// exist
	GroupsFrom *GroupsFrom `json:"groups_from,omitempty"`

	// The audit trail. Default: denied requests and changes are recorded in the
	// background, events are kept forever, and a key in Caddy's storage signs
	// checkpoints
	Audit *Audit `json:"audit,omitempty"`

	// Who may have which tokens. Default: everyone may have any token
	Policy *policy.Config `json:"policy,omitempty"`

	// The issuers whose JWTs workloads can exchange for short-lived tokens. Default:
	// none
	Trust []trust.Issuer `json:"trust,omitempty"`

	// The gateway's notices and who gets them: about tokens and accounts that expire soon,
	// tokens that nobody uses, and what needs attention. Default: Caddy events and log
	// lines 30, 14, 7 and 1 days before the end
	Notices *Notices `json:"notices,omitempty"`

	ctx      caddy.Context
	store    storage.Module
	limits   *limits.Limits
	accounts *accounts.Set
	// trail writes events about accounts to the audit trail, in order.
	trail    *background.Queue
	registry *registry.Registry
	ruled    []string // the accounts that the policy names
	// tree proves the audit trail.
	tree *tree.Log
	// agreement finds out whether other gateways have loaded another policy.
	agreement *registry.Agreement
	jiras     []handler.Jira
	// deployments is which product each of jiras is.
	deployments  *jira.Deployments
	gateways     []*handler.Handler
	tokenManager *atomic.Pointer[string] // its address, once the app has started
	endpoints    *rest.API
	// trusted decides which JWTs can be exchanged for tokens; keySets are the keys in use
	// for that.
	trusted *trust.Trust
	keySets []trust.Source
	// held keeps the requests that wait for approval.
	held    *approvals.Keeper
	tokens  *pool.Cache
	notices *notices
	people  *people  // nil unless Jira is asked for groups
	signIns *signIns // nil unless identity providers are believed
	logger  *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "jira_tokens",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets up the app. Nothing is opened or dialed before Start, so that
// `caddy validate` works next to a running Caddy, and while Redis is down.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.logger, a.tokenManager = ctx, ctx.Logger(), new(atomic.Pointer[string])
	a.setDefaults()
	if err := a.loadStore(ctx); err != nil {
		return err
	}
	configured, err := a.configuredAccounts()
	if err != nil {
		return err
	}
	keys, err := accounts.NewKeys(a.EncryptionKeys)
	if err != nil {
		return err
	}
	// Checked here rather than in Validate, since the cache is created below.
	if err := a.Cache.check(); err != nil {
		return err
	}
	if err := a.checkPublicURL(); err != nil {
		return err
	}
	apps, err := a.consentApps()
	if err != nil {
		return err
	}
	tokens, err := pool.Acquire(a.store, a.Cache.options())
	if err != nil {
		return err
	}
	a.tokens = tokens
	a.trail = background.NewQueue(tokens.Go)
	a.accounts = accounts.NewSet(configured, accounts.SetOptions{
		Store: tokens.Store, Mirror: tokens.Mirror, Keys: keys,
		Rekey: func(ctx context.Context, actor storage.Actor) (bool, error) {
			return session.Rekey(ctx, tokens.Store, keys, actor)
		},
		Apps: apps, Jira: a.reachJira, PublicURL: a.PublicAddress(), Go: tokens.Go,
		Changed: a.accountChanged, Logger: a.logger, Now: time.Now,
	})
	if a.limits, err = a.limitsOver(tokens.Store.Counters); err != nil {
		return err
	}
	rules, err := policy.New(a.Policy, policy.Surroundings{
		Groups: a.Groups, OtherGroups: a.hasGroupsFromJira() || a.hasGroupsFromSignIn(), Account: a.mayHaveAccount,
	})
	if err != nil {
		return err
	}
	if rules.Configured() && !rules.HasManagers() {
		a.logger.Info("no rule of the policy gives the right to manage: pending tokens can only be approved through the admin endpoint")
	}
	a.ruled = rules.Accounts()
	a.agreement = registry.NewAgreement(tokens.Store, tokens.Mirror(registry.PolicyKind), policy.Fingerprint(a.Policy, a.Groups), nodeName(), a.policyDiffers, a.logger)
	owners := registry.NewDirectory(rules, a.Groups)
	a.registry = registry.New(tokens.Store, tokens.Cache, tokens.Store.UseLog, owners, a.accounts.TokenAccounts)
	if err := a.provisionTrust(); err != nil {
		return err
	}
	a.held = approvals.New(approvals.Options{Store: tokens.Store, Keys: keys, PublicURL: a.PublicAddress(), Notices: a})
	a.deployments = new(jira.Deployments)
	a.endpoints = rest.New(rest.Options{Registry: a.registry, Limits: a.limits, Held: a.held, Accounts: a.accounts, Jira: a.jiraOf, IsCloud: a.IsCloud, PublicURL: a.PublicAddress(), Trust: a.trusted, Logger: a.logger})
	if err := a.provisionPeople(ctx, owners); err != nil {
		return err
	}
	if err := a.provisionSignIns(ctx, owners); err != nil {
		return err
	}
	if err := a.provisionNotices(ctx); err != nil {
		return err
	}
	if err := a.provisionTree(ctx); err != nil {
		return err
	}
	return registerMetrics(ctx)
}

// mayHaveAccount reports whether there is an account with this name, or may be one in the
// store.
func (a *App) mayHaveAccount(name string) bool {
	return a.accounts.Configured(name) || a.accounts.KeepsAccounts()
}

func (a *App) setDefaults() {
	if a.Cache == nil {
		a.Cache = new(Cache)
	}
	if a.Cache.Size == 0 {
		a.Cache.Size = 100_000
	}
	if a.Cache.TTL == 0 {
		a.Cache.TTL = caddy.Duration(30 * time.Second)
	}
	if a.Cache.Grace == nil {
		grace := Grace(10 * time.Minute)
		a.Cache.Grace = &grace
	}
	if a.MaxFailures == "" {
		a.MaxFailures = "100/m"
	}
}

// limitsOver returns the configured limits.
func (a *App) limitsOver(counters *limits.Counters) (*limits.Limits, error) {
	l := &limits.Limits{Counters: counters, MaxConcurrent: a.MaxConcurrent, Accounts: make(map[string]token.Concurrency)}
	if err := l.Token.UnmarshalText([]byte(a.Limit)); err != nil {
		return nil, err
	}
	if err := l.Writes.UnmarshalText([]byte(a.LimitWrites)); err != nil {
		return nil, fmt.Errorf("limit_writes: %w", err)
	}
	if err := l.Failures.UnmarshalText([]byte(a.MaxFailures)); err != nil {
		return nil, fmt.Errorf("max_failures: %w", err)
	}
	if l.Failures.Burst != 0 && l.Failures.Burst != l.Failures.Requests {
		return nil, fmt.Errorf("max_failures %s: a burst is not supported: expected a rate such as %d/m", a.MaxFailures, l.Failures.Requests)
	}
	for name, account := range a.Accounts {
		l.Accounts[name] = account.MaxConcurrent
	}
	return l, nil
}

func (a *App) loadStore(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"module":"` + (*filestore.Store)(nil).CaddyModule().ID.Name() + `"}`)
	}
	module, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading the token store: %w", err)
	}
	var ok bool
	if a.store, ok = module.(storage.Module); !ok {
		return fmt.Errorf("module %T is not a token store", module)
	}
	return nil
}

// configuredAccounts returns the accounts of the configuration.
func (a *App) configuredAccounts() (map[string]*jira.Account, error) {
	configured := make(map[string]*jira.Account, len(a.Accounts))
	for name, account := range a.Accounts {
		provisioned, err := account.Provision(name, a.accountChanged)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		configured[name] = provisioned
	}
	return configured, nil
}

// Start opens the store.
func (a *App) Start() error {
	if len(a.gateways) > 0 && len(a.jiras) == 0 {
		a.logger.Warn("no reverse_proxy with `transport jira` follows jira_token_auth, so requests reach Jira without the account's credential: use jira_gateway, or that transport")
	}
	a.findTokenManager()
	if err := a.checkConsentJiras(); err != nil {
		return err
	}
	begin, ok := a.store.(storage.MayBeginEmpty)
	if err := a.tokens.Start(ok && begin.MayBeginEmpty()); err != nil {
		return err
	}
	a.tokens.Go(func(ctx context.Context) {
		if err := a.agreement.Announce(ctx, a.Policy != nil); err != nil {
			a.logger.Warn("other gateways may not notice that this one has another policy", zap.Error(err))
		}
	})
	a.tokens.Go(func(ctx context.Context) {
		names, err := a.accounts.Ready(ctx)
		if err != nil {
			return
		}
		for _, name := range a.ruled {
			if name != token.OwnAccount && !slices.Contains(names, name) {
				a.logger.Warn("the policy names an account that neither the configuration nor the store has: tokens cannot have it", zap.String("account", name))
			}
		}
		if len(names) == 0 {
			a.logger.Warn("there is no Jira account, so tokens cannot be created or used: add `account default { … }` to jira_tokens, or add one to the store with `caddy jira-token account add`")
		}
	})
	a.goInService(a.tree.Run)
	a.goInService(a.sweepHeld)
	a.goInService(a.tellCheckpoints)
	a.startNotices()
	a.startSignIns()
	return a.startPeople()
}

// Stop ends asking Jira for groups. Cleanup releases everything else the app holds.
func (a *App) Stop() error {
	a.people.stop()
	a.signIns.stop()
	a.notices.stop()
	return nil
}

// Cleanup releases the store, which is closed once no other configuration uses it.
func (a *App) Cleanup() error {
	a.people.stop()
	a.signIns.stop()
	a.releaseKeys()
	a.notices.stop()
	if a.accounts != nil {
		a.accounts.Close()
	}
	if a.tokens == nil {
		return nil
	}
	if a.agreement != nil {
		a.agreement.Stop()
	}
	return a.tokens.Release()
}

// goInService runs f in the background, with a context that is done once this
// configuration is replaced or the store is closed.
func (a *App) goInService(f func(ctx context.Context)) {
	a.tokens.Go(func(ctx context.Context) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(a.ctx, stop)()
		f(ctx)
	})
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
