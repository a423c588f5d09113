package manager

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// app is the jira_tokens app of a test: alice has tokens of her own, bea may create them for
// others, and root and eve manage.
type app struct {
	App
	registry *registry.Registry
	accounts *accounts.Set
	store    *awayStore
	limits   *limits.Limits
	people   *registry.Directory
	mirrors  map[string]*storage.Mirror
	used     []string
	jiras    []handler.Jira
	public   string
	// known is which product each of jiras is.
	known jira.Deployments
	// gateway serves what is not below the page.
	gateway http.HandlerFunc
	trusted *trust.Trust
}

func (a *app) Trusted() *trust.Trust { return a.trusted }

func (a *app) Registry() *registry.Registry { return a.registry }
func (a *app) JiraAccounts() *accounts.Set  { return a.accounts }
func (a *app) Jiras() []handler.Jira        { return a.jiras }
func (a *app) IsCloud(ctx context.Context, url string) bool {
	return len(a.jiras) > 0 && !slices.ContainsFunc(a.jiras, func(at handler.Jira) bool {
		return (url == "" || url == at.URL) && !a.known.IsCloud(ctx, at.Transport, at.URL)
	})
}
func (a *app) PublicAddress() string                { return a.public }
func (*app) Gateways() []*handler.Handler           { return nil }
func (*app) GroupsHealth() *facts.Health            { return nil }
func (*app) PolicyOfOthers() *registry.LoadedPolicy { return nil }
func (a *app) Documents() storage.Documents         { return a.store }
func (a *app) Limits() *limits.Limits               { return a.limits }

func (a *app) Used(id string, _ netip.Addr, userAgent string) {
	a.used = append(a.used, id+" "+userAgent)
}

func (a *app) Standing(record *token.Record) policy.Standing { return a.registry.Standing(record) }

func (a *app) Mirror(kind string) *storage.Mirror { return a.mirrors[kind] }

func (a *app) Lookup(ctx context.Context, presented token.Token) (*token.Record, error) {
	return a.registry.Lookup(ctx, presented)
}

var options = storage.CacheOptions{Size: 100, TTL: time.Minute, Grace: time.Minute, ReadTimeout: time.Minute}

func newApp(t testing.TB) *app {
	t.Helper()
	return newAppWith(t, &policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}, MaxLifetime: policy.Span(90 * 24 * time.Hour)},
		Groups:   []policy.Rule{{Group: "bi", OnBehalf: true}, {Group: "admins", Manage: true, OnBehalf: true}},
	})
}

// newAppWith returns an app with another policy.
func newAppWith(t testing.TB, config *policy.Config) *app {
	t.Helper()
	store := &awayStore{Store: filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())}
	t.Cleanup(func() { _ = store.Close() })
	members := map[string]policy.Group{"bi": {Members: []string{"bea"}}, "admins": {Members: []string{"root", "eve"}}}
	rules, err := policy.New(config, policy.Surroundings{Groups: members, Account: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{public: "https://jira.example.com", gateway: http.NotFound, store: store, people: registry.NewDirectory(rules, members), limits: &limits.Limits{Counters: limits.NewCounters(nil, nil, nil)}, mirrors: make(map[string]*storage.Mirror)}
	for _, kind := range []string{"session_key", "ended_session"} {
		a.mirrors[kind] = storage.NewMirror(store, kind, options)
	}
	a.accounts = accounts.NewSet(map[string]*jira.Account{"default": jira.NewAccount("default", jira.Bearer("secret"), jira.AccountOptions{ProbeInterval: time.Minute})}, accounts.SetOptions{
		Store: store, Mirror: func(kind string) *storage.Mirror { return storage.NewMirror(store, kind, options) },
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	t.Cleanup(a.accounts.Close)
	a.App = newParts(t, store)
	a.registry = registry.New(catalog.New(store, nil, background.New(t.Context())), storage.NewCache(t.Context(), store, options), storage.NewUseLog(store, func(int, error) {}), a.people, a.accounts.Names)
	return a
}

// create creates a token without the page.
func (a *app) create(t *testing.T, fields map[string]any) registry.Issued {
	t.Helper()
	edit, err := token.NewEdit(fields)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.registry.Create(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, edit)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// awayStore is a store that can go away.
type awayStore struct {
	storage.Store
	away atomic.Bool
}

func (s *awayStore) err() error {
	if s.away.Load() {
		return fmt.Errorf("%w: connection refused", storage.ErrUnavailable)
	}
	return nil
}

func (s *awayStore) Get(ctx context.Context, id string) (*token.Record, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, id)
}

func (s *awayStore) Apply(ctx context.Context, change storage.Change) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.Apply(ctx, change)
}

func (s *awayStore) List(ctx context.Context, query storage.Query) (storage.Page, error) {
	if err := s.err(); err != nil {
		return storage.Page{}, err
	}
	return s.Store.List(ctx, query)
}
