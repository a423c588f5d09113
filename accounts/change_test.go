package accounts

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	redisstore "github.com/jiratokens/caddy-jira-tokens/storage/redis"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestConcurrentAccountChanges checks that of concurrent changes, exactly one succeeds,
// and that accounts can be used meanwhile.
func TestConcurrentAccountChanges(t *testing.T) {
	inBothStores(t, func(t *testing.T, w *world) {
		key := newTestKey(t)
		nodes := []*Set{w.node(key), w.node(key)}
		race := func(what string, change func(node *Set, i int) error) {
			t.Helper()
			var done atomic.Int32
			var racing sync.WaitGroup
			for i := range 8 {
				racing.Go(func() {
					switch err := change(nodes[i%2], i); {
					case err == nil:
						done.Add(1)
					case !errors.Is(err, token.ErrConflict):
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			racing.Wait()
			if n := done.Load(); n < 1 || what == "add" && n != 1 {
				t.Errorf("%s: %d of 8 succeeded", what, n)
			}
		}
		race("add", func(node *Set, i int) error {
			_, err := w.add(node, basic("bi", []string{"hunter2-first", "hunter2-second"}[i%2]))
			return err
		})
		stop, used := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(used)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := nodes[0].Find(context.Background(), "bi"); err != nil {
					t.Errorf("an account is gone while it is replaced: %v", err)
					return
				}
			}
		}()
		race("replace", func(node *Set, i int) error {
			_, err := w.replace(node, "bi", Edit{Secret: []string{"hunter2-first", "hunter2-second"}[i%2]})
			return err
		})
		close(stop)
		<-used
		w.sweep()
	})
}

// TestReplacedAccountStartsAfresh checks that the old credential's refusal says nothing
// about the new one, and that an unchanged account keeps its health.
func TestReplacedAccountStartsAfresh(t *testing.T) {
	w := newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	node := w.node(newTestKey(t))
	var changes atomic.Int32
	node.options.Changed = func(*jira.Account, string, error) { changes.Add(1) }
	for _, name := range []string{"bi", "other"} {
		if _, err := w.add(node, basic(name, "hunter2-first")); err != nil {
			t.Fatal(err)
		}
	}
	old, _ := node.Find(t.Context(), "bi")
	other, _ := node.Find(t.Context(), "other")
	other.Refused(w.at.URL, errors.New("refused"), time.Now())
	if view, err := node.Show(t.Context(), Ref{Name: "other"}); err != nil || view.State != StateFailing || view.FailingSince.IsZero() || changes.Load() != 1 {
		t.Errorf("%+v, %v, %d changes", view, err, changes.Load())
	}
	if _, err := w.replace(node, "bi", Edit{Secret: "hunter2-second"}); err != nil {
		t.Fatal(err)
	}
	// A request with the old credential is still in flight.
	old.Refused(w.at.URL, errors.New("revoked"), time.Now())
	if view, err := node.Show(t.Context(), Ref{Name: "bi"}); err != nil || view.State != StateValid || changes.Load() != 1 {
		t.Errorf("%+v, %v, %d changes", view, err, changes.Load())
	}
	if still, _ := node.Find(t.Context(), "other"); still != other {
		t.Error("an account that did not change lost its health")
	}
}

// TestFindDoesNotAllocate checks the lookup in a request's way.
func TestFindDoesNotAllocate(t *testing.T) {
	w := newWorld(t, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
	node := w.node(newTestKey(t))
	if _, err := w.add(node, basic("bi", "hunter2-first")); err != nil {
		t.Fatal(err)
	}
	url := strings.ToLower(w.at.URL)
	if _, err := w.add(node, Edit{Owner: "pat", Jira: "x", Kind: KindBearer, Secret: "hunter2-bearer"}); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"pat", "missing"} {
		if n := testing.AllocsPerRun(1000, func() { _, _ = node.FindOwn(t.Context(), owner, url) }); n > 0 {
			t.Errorf("the own account of %s: %v allocations", owner, n)
		}
	}
	for _, name := range []string{"bi", "missing"} {
		if n := testing.AllocsPerRun(1000, func() { _, _ = node.Find(t.Context(), name) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestDamagedBelowJSON checks that an account whose document cannot be read at all can be
// removed, and added again.
func TestDamagedBelowJSON(t *testing.T) {
	server := redistest.Start(t)
	module := &redisstore.Store{Address: []string{server.Addr}, Timeout: caddy.Duration(20 * time.Second)}
	if err := module.Provision(caddy.Context{Context: t.Context()}); err != nil {
		t.Fatal(err)
	}
	store, err := module.NewStore(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, store)
	node := w.node(newTestKey(t))
	own := Own("pat", w.at.URL)
	for _, edit := range []Edit{basic("bi", "hunter2-first"), {Owner: "pat", Jira: "x", Kind: KindBearer, Secret: "hunter2-bearer"}} {
		if _, err := w.add(node, edit); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range []Ref{{Name: "bi"}, own} {
		key := "{jira_tokens}:document:" + ref.document().String()
		if server.Do("exists", key) != int64(1) {
			t.Fatalf("no key %s", key)
		}
		server.Do("set", key, "{]")
		if err := node.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := node.Replace(t.Context(), admin, ref, Edit{Secret: "hunter2-first"}, func(string) (Jira, error) { return w.at, nil })
		if !errors.Is(err, token.ErrConflict) || !strings.Contains(err.Error(), "account remove "+ref.flags()) {
			t.Errorf("replaced: %v", err)
		}
		if err := node.Remove(t.Context(), admin, ref, func(context.Context) (int, error) { return 0, nil }); err != nil {
			t.Errorf("removed: %v", err)
		}
		if _, err := node.Show(t.Context(), ref); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("after it was removed: %v", err)
		}
	}
	if _, err := w.add(node, basic("bi", "hunter2-first")); err != nil {
		t.Error(err)
	}
}
