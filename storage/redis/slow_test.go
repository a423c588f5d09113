package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// broken returns a breaker in front of s, and the number of outages it has reported.
func broken(t *testing.T, s storage.Store) (*storage.Breaker, *atomic.Int32) {
	outages := new(atomic.Int32)
	ctx, cancel := context.WithCancel(t.Context())
	b := storage.NewBreaker(ctx, s, func(cause error) {
		if cause != nil {
			t.Log(cause)
			outages.Add(1)
		}
	})
	t.Cleanup(func() { cancel(); b.Wait() })
	return b, outages
}

// TestSlowIsNotAway reads hundreds of tokens at once, and counts requests for each,
// over a network that is slow but well within the timeout. With one round trip per
// token, the connections would be busy for longer than that.
func TestSlowIsNotAway(t *testing.T) {
	const tokens, latency, timeout = 400, 200 * time.Millisecond, 3 * time.Second
	server := redistest.Start(t)
	network := redistest.StartProxy(t, server)
	for _, size := range []int{defaultPoolSize, 1} {
		t.Run(fmt.Sprint("pool_size ", size), func(t *testing.T) {
			server.Do("flushall")
			s := open(t, &Store{URL: network.URL(), PoolSize: size, Timeout: caddy.Duration(timeout)}, zap.NewNop())
			var ids []string
			for i := range tokens {
				r := storagetest.NewRecord(i, "anna", "a")
				if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.ID)
			}
			network.Slow(latency)
			defer network.Slow(0)
			b, outages := broken(t, s)
			limiter := b.Limiter(s.(*store))
			limit := token.Limit{Requests: 600, Period: time.Minute, Burst: 50}
			var all sync.WaitGroup
			for i, id := range ids {
				all.Go(func() {
					if _, err := b.Get(t.Context(), id); err != nil {
						t.Errorf("token %d: %v", i, err)
					}
				})
				all.Go(func() { _, _ = limiter.Take(t.Context(), id, limit, 1) }) // on errors, the node counts by itself
			}
			all.Wait()
			if n := outages.Load(); n != 0 {
				t.Errorf("%d outages", n)
			}
		})
	}
}

// TestReadsThatWaitAreTold checks that, when the server hangs, waiting reads do not run
// into the timeout one after the other.
func TestReadsThatWaitAreTold(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL(), Timeout: caddy.Duration(300 * time.Millisecond)}, zap.NewNop())
	var asked atomic.Int32
	counted := s.(*store)
	fetch := counted.reads.fetch
	counted.reads.fetch = func(ctx context.Context, ids []string) []*redis.StringCmd {
		asked.Add(1)
		return fetch(ctx, ids)
	}
	server.Pause()
	defer server.Resume()
	var all sync.WaitGroup
	for range 10 * maxBatch {
		all.Go(func() {
			if _, err := s.Get(t.Context(), "0123456789"); !errors.Is(err, storage.ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n > 2*maxPipelines {
		t.Errorf("%d reads were sent to the server", n)
	}
}

// TestForgottenConnections makes a firewall drop all connections silently. After the
// first timeout, the others must not be tried.
func TestForgottenConnections(t *testing.T) {
	server := redistest.Start(t)
	network := redistest.StartProxy(t, server)
	s := open(t, &Store{URL: network.URL(), Timeout: caddy.Duration(2 * time.Second)}, zap.NewNop())
	heard, _ := storagetest.Watch(t, s)
	heard.Want(t, "restored")
	r := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	heard.Want(t, r.ID)
	network.Slow(50 * time.Millisecond)
	var all sync.WaitGroup
	for range defaultPoolSize {
		all.Go(func() {
			if err := s.(*store).client.Exists(t.Context(), "x").Err(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	network.Slow(0)
	if n := network.Forget(); n < defaultPoolSize+1 {
		t.Fatalf("%d open connections, want the pool and the subscription", n)
	}
	var failed atomic.Int32
	b, _ := broken(t, storage.Observe(s, func(_ string, _ time.Duration, err error) {
		if errors.Is(err, storage.ErrUnavailable) {
			failed.Add(1)
		}
	}))
	redistest.Eventually(t, "the store is used again", func() error {
		_, err := b.Get(t.Context(), r.ID)
		return err
	})
	// The periodic check for the primary may have found it first.
	if n := failed.Load(); n > 1 {
		t.Errorf("%d reads timed out, want at most one", n)
	}
	heard.Want(t, "lost")
	heard.Want(t, "restored")
	if err := s.Apply(t.Context(), storagetest.Delete(r)); err != nil {
		t.Error(err)
	}
}
