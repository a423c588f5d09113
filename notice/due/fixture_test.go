package due

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/notice/post"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const day = 24 * time.Hour

// world is a store, a clock that the test sets, and what has been published.
type world struct {
	t        *testing.T
	store    storage.Store
	accounts []Account
	options  func(*Options)

	mu      sync.Mutex
	clock   time.Time
	told    []notice.Notice
	counts  map[time.Duration]int
	failing func(n int) error // decides whether the nth publication fails
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, store: store, clock: storagetest.NewRecord(0, "a", "a").CreatedAt}
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

var errAway = errors.New("the store is away")

// node returns a watch, as one of several gateways.
func (w *world) node() *Watch {
	office := post.New(post.Options{
		Store: w.store, Mirror: storage.NewMirror(w.store, post.KindReceiver, storage.CacheOptions{TTL: time.Minute, ReadTimeout: time.Second}),
		Local: func(notice.Notice) {}, Counted: func(string, string, int) {}, Logger: zap.NewNop(), Now: w.now,
	})
	options := Options{
		Store: w.store, Counter: w.store.(storage.ExpiryCounter), LastUses: w.store.Uses,
		Accounts: func() []Account { return w.accounts }, Forget: office.Forget, Disable: w.disable,
		Counted: func(counts map[time.Duration]int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counts = counts
		},
		Publish: func(ctx context.Context, notices ...notice.Notice) (int, error) {
			for i, n := range notices {
				if w.failing != nil {
					if err := w.failing(i); err != nil {
						return 0, err
					}
				}
				published, err := office.Publish(ctx, n)
				if err != nil {
					return 0, err
				}
				w.mu.Lock()
				w.told = append(w.told, slices.Repeat([]notice.Notice{n}, published)...)
				w.mu.Unlock()
			}
			return 0, nil
		},
		Before: []time.Duration{30 * day, 14 * day, 7 * day, day}, Logger: zap.NewNop(), Now: w.now,
	}
	if w.options != nil {
		w.options(&options)
	}
	return New(options)
}

// disable stands in for the registry.
func (w *world) disable(ctx context.Context, id, reason string) error {
	record, err := w.store.Get(ctx, id)
	if err != nil || record.Status != token.StatusActive {
		return err
	}
	return w.store.Apply(ctx, storagetest.Update(record, func(r *token.Record) { r.Status, r.StatusReason = token.StatusDisabled, reason }))
}

// token creates a token that expires in some time, or never if it is 0.
func (w *world) token(name string, in time.Duration) *token.Record {
	w.t.Helper()
	r := storagetest.NewRecord(0, "anna", name)
	r.CreatedAt = w.now()
	if in != 0 {
		r.ExpiresAt = w.now().Add(in)
	}
	w.apply(storagetest.Create(r))
	return r
}

func (w *world) apply(change storage.Change) *token.Record {
	w.t.Helper()
	if err := w.store.Apply(w.t.Context(), change); err != nil {
		w.t.Fatal(err)
	}
	return change.New
}

func (w *world) use(r *token.Record) {
	w.t.Helper()
	if err := w.store.SaveUses(w.t.Context(), map[string]storage.Use{r.ID: {At: w.now().Truncate(time.Minute)}}); err != nil {
		w.t.Fatal(err)
	}
}

// turns makes nodes take turns until some time has passed.
func (w *world) turns(during, step time.Duration, nodes ...*Watch) {
	w.t.Helper()
	for end := w.now().Add(during); w.now().Before(end); {
		w.pass(step)
		for _, node := range nodes {
			if err := node.turn(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// want checks what has been published since the last time: "<name> <within or unused>",
// in any order.
func (w *world) want(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, n := range w.told {
		what := strings.TrimPrefix(n.Type, "jira_tokens.token.")
		if within, ok := n.Data["within"]; ok {
			what = fmt.Sprint(within)
		}
		name := n.Data["name"]
		if name == nil {
			name = n.Data["account"]
		}
		got = append(got, fmt.Sprint(name, " ", what))
	}
	w.told = nil
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("published:\n got %q\nwant %q", got, want)
	}
}
