package facts

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/time/rate"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var admin = storage.Actor{Kind: storage.ActorAdmin, Name: "test"}

// countingStore counts the changes of documents by kind.
type countingStore struct {
	storage.Store
	mu      sync.Mutex
	changes map[string]int
}

func (s *countingStore) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	s.mu.Lock()
	s.changes[change.Kind]++
	s.mu.Unlock()
	return s.Store.ApplyDocument(ctx, change)
}

// take returns the number of changes since the last call.
func (s *countingStore) take(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.changes[kind]
	s.changes[kind] = 0
	return n
}

// world is a store, a Jira, and a clock that the test sets.
type world struct {
	t     *testing.T
	store *countingStore
	jira  *fakejira.Server
	user  string // what the account is called
	mu    sync.Mutex
	clock time.Time
}

func newWorld(t *testing.T, dress fakejira.Dress) *world {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	site := fakejira.New(fakejira.Options{Dress: dress})
	if _, err := site.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = site.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: &countingStore{Store: store, changes: make(map[string]int)}, jira: site, user: fakejira.DefaultEmail, clock: time.Now().Truncate(time.Second)}
	if dress == fakejira.DataCenter {
		w.user = fakejira.DefaultUser
	}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// node is a Caddy that shares the world's store.
type node struct {
	*Keeper
	world    *world
	registry *registry.Registry
	log      *observer.ObservedLogs
}

// mirrors are the mirrors of a node. They only read the store when they are told to.
type mirrors map[string]*storage.Mirror

func (m mirrors) Mirror(kind string) *storage.Mirror { return m[kind] }

// newNode returns a node whose policy lets everyone read, and writers write. It asks
// every hour, and keeps what Jira said for a day.
func (w *world) newNode() *node {
	w.t.Helper()
	rules, err := policy.New(&policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read"}},
		Groups:   []policy.Rule{{Group: "writers", Scopes: []string{"write"}}},
	}, policy.Surroundings{OtherGroups: true})
	if err != nil {
		w.t.Fatal(err)
	}
	options := storage.CacheOptions{Size: 100, TTL: time.Minute, Grace: time.Minute, ReadTimeout: time.Minute}
	directory := registry.NewDirectory(rules, nil)
	tokens := registry.New(catalog.New(w.store, nil, background.New(w.t.Context())), storage.NewCache(w.t.Context(), w.store, options), storage.NewUseLog(w.store, func(int, error) {}), directory, func() []string { return []string{"default"} })
	core, log := observer.New(zapcore.InfoLevel)
	own := mirrors{KindOwner: storage.NewMirror(w.store, KindOwner, options), KindRefresh: storage.NewMirror(w.store, KindRefresh, options)}
	k := New(w.store, own, tokens, directory, Options{Interval: time.Hour, Keep: 24 * time.Hour}, zap.New(core))
	k.now = w.now
	k.pace.SetLimit(rate.Inf)
	account := jira.NewAccount("default", jira.Basic(w.user, fakejira.DefaultSecret), jira.AccountOptions{ProbeInterval: time.Second})
	k.Ask(w.jira.URL(), http.DefaultTransport, func(context.Context) (*jira.Account, error) { return account, nil })
	tokens.Follow(k)
	n := &node{k, w, tokens, log}
	n.look()
	return n
}

// look makes the node see what is in the store.
func (n *node) look() {
	n.world.t.Helper()
	for _, mirror := range []*storage.Mirror{n.owners, n.refreshes} {
		if err := mirror.Load(n.world.t.Context()); err != nil {
			n.world.t.Fatal(err)
		}
	}
	n.learn()
}

// refreshNow lets an hour pass and gives the node its turn.
func (n *node) refreshNow() {
	n.world.t.Helper()
	n.world.pass(time.Hour)
	n.look()
	n.turn(n.world.t.Context())
	n.look()
}

// issue creates a token without asking Jira: it is exempt from the policy until then.
func (n *node) issue(owner string, fields map[string]any) *token.Record {
	n.world.t.Helper()
	all := map[string]any{"owner": owner, "name": "test", "exempt": "test"}
	for name, value := range fields {
		all[name] = value
	}
	edit, err := token.NewEdit(all)
	if err != nil {
		n.world.t.Fatal(err)
	}
	issued, err := n.registry.Create(n.world.t.Context(), admin, edit)
	if err != nil {
		n.world.t.Fatal(err)
	}
	record := *issued.Record
	record.Exempt = ""
	return &record
}

// want checks why a token is suspended; "" if it is not.
func (n *node) want(record *token.Record, says string) {
	n.world.t.Helper()
	got := ""
	if suspension := n.registry.Standing(record).Suspension; suspension != nil {
		got = suspension.Why()
	}
	if says == "" && got != "" || !strings.Contains(got, says) {
		n.world.t.Errorf("%s of %s: suspended because %q, want %q", record.Scope, record.Owner, got, says)
	}
}

// state returns the state of an owner as it is listed.
func (n *node) state(name string) registry.OwnerView {
	n.world.t.Helper()
	page, err := n.registry.Owners(n.world.t.Context(), registry.OwnerQuery{Search: name})
	if err != nil || len(page.Owners) != 1 {
		n.world.t.Fatalf("%s: %+v, %v", name, page.Owners, err)
	}
	return page.Owners[0]
}
