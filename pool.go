package jiratokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// What outlives a reload of the configuration: stores by their connection, and
// the caches in front of them by store and bounds.
var (
	stores = caddy.NewUsagePool()
	caches = caddy.NewUsagePool()
)

// openTimeout bounds how long Start waits for the store to open.
const openTimeout = 10 * time.Second

// sharedStore is a store, what was measured of it, and what is counted and
// gathered in memory for it.
type sharedStore struct {
	storage.Store
	metrics  *metrics
	breaker  *storage.Breaker
	uses     *storage.UseLog
	counters *limits.Counters

	end       context.CancelFunc
	running   *background.Group
	startOnce sync.Once
}

func newSharedStore(store storage.Store, logger *zap.Logger) *sharedStore {
	var writing, counting service
	ctx, end := context.WithCancel(context.Background()) // ended by Destruct
	s := &sharedStore{metrics: newMetrics(), end: end, running: background.New(ctx)}
	s.Store = storage.Observe(store, s.metrics.storeCalled)
	s.breaker = storage.NewBreaker(ctx, s.Store, func(cause error) {
		s.metrics.storeUp.Set(upIf(cause == nil))
		if cause != nil {
			logger.Error("the token store does not answer: tokens in memory work for the cache's grace, others get 503, nothing can be changed, and limits are each node's own", zap.Error(cause))
		} else {
			logger.Info("the token store answers again")
		}
	})
	s.metrics.storeUp.Set(1)
	s.uses = storage.NewUseLog(s.Store, func(tokens int, err error) {
		s.metrics.active.Set(float64(tokens))
		if s.breaker.Away() == nil { // of which the log tells
			writing.went(err, logger, "when tokens were used cannot be written; it waits in memory", "when tokens were used is written again")
		}
	})
	var shared storage.Limiter
	if limiter, ok := store.(storage.Limiter); ok {
		shared = s.breaker.Limiter(storage.ObserveLimiter(limiter, s.metrics.storeCalled))
	}
	s.counters = limits.NewCounters(s.running, shared, func(err error) {
		if s.breaker.Away() == nil {
			counting.went(err, logger, "the token store does not count requests: limits are each node's own", "the token store counts requests for all nodes again")
		}
	})
	return s
}

// service is something that the store does beside keeping tokens, and may fail
// to do while it answers: a full memory, a missing permission.
type service struct{ failing atomic.Bool }

// went writes a line when the service begins to fail, and one when it works
// again.
func (s *service) went(err error, logger *zap.Logger, fails, works string) {
	if failing := err != nil; s.failing.Swap(failing) == failing {
		return
	}
	if err != nil {
		logger.Warn(fails, zap.Error(err))
	} else {
		logger.Info(works)
	}
}

// Destruct closes the store when no configuration uses it any more.
func (s *sharedStore) Destruct() error {
	s.end()
	s.running.Wait()
	s.breaker.Wait()
	return s.Store.Close()
}

// sharedCache is a cache and the watch that keeps it true.
type sharedCache struct {
	*storage.Cache
	store *sharedStore
	key   cacheKey

	// losses counts how often the watch was lost or restored; deaf says that
	// the log tells of a loss.
	losses atomic.Uint64
	deaf   atomic.Bool

	watchOnce sync.Once
	ctx       context.Context
	end       context.CancelFunc
	running   *background.Group
}

// lostBefore is how long changes may go unheard before the log says so: a
// connection that is made anew at once is no news.
const lostBefore = 3 * time.Second

// Lost probes the store at once, so that an outage shows when nobody sends a
// request. If it answers, it is the notification of changes alone that fails.
func (s *sharedCache) Lost(cause error) {
	lost := s.losses.Add(1)
	s.running.Go(func(ctx context.Context) {
		if s.store.breaker.Probe(ctx) != nil || !pause(ctx, lostBefore) || s.losses.Load() != lost || s.store.breaker.Away() != nil {
			return
		}
		s.deaf.Store(true)
		caddy.Log().Named("jira_tokens.store").Warn("changes that other nodes make are not heard of: they hold here after the cache's ttl", zap.Error(cause))
	})
}

// Restored reads everything again: changes may have been missed.
func (s *sharedCache) Restored() {
	s.losses.Add(1)
	if s.deaf.Swap(false) {
		caddy.Log().Named("jira_tokens.store").Info("changes that other nodes make are heard of again")
	}
	s.Cache.Restored()
}

// pause waits, and tells whether ctx lasted as long.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

type cacheKey struct {
	store   string
	options storage.CacheOptions
}

// acquireCache returns the cache with these bounds in front of the store that
// module configures: the one in use, if there is one.
func acquireCache(module storage.Module, options storage.CacheOptions) (*sharedCache, error) {
	key := cacheKey{store: module.Key(), options: options}
	value, _, err := caches.LoadOrNew(key, func() (caddy.Destructor, error) {
		store, err := acquireStore(module)
		if err != nil {
			return nil, err
		}
		ctx, end := context.WithCancel(context.Background()) // by Destruct
		cache := storage.NewCache(ctx, store.breaker, options)
		store.metrics.watch(cache)
		return &sharedCache{Cache: cache, store: store, key: key, ctx: ctx, end: end, running: background.New(ctx)}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*sharedCache), nil
}

func acquireStore(module storage.Module) (*sharedStore, error) {
	value, _, err := stores.LoadOrNew(module.Key(), func() (caddy.Destructor, error) {
		// Not the configuration's logger: the store outlives it.
		logger := caddy.Log().Named("jira_tokens.store")
		store, err := module.NewStore(logger)
		if err != nil {
			return nil, err
		}
		return newSharedStore(store, logger), nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*sharedStore), nil
}

// start opens the store, and begins to watch it if nobody did yet.
func (s *sharedCache) start() error {
	ctx, cancel := context.WithTimeout(s.ctx, openTimeout)
	defer cancel()
	if err := s.store.Open(ctx); err != nil {
		return fmt.Errorf("opening the token store: %w", err)
	}
	s.store.startOnce.Do(func() { s.store.running.Go(s.store.uses.Run) })
	s.watchOnce.Do(func() {
		s.running.Go(func(ctx context.Context) {
			if err := s.store.Watch(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
				caddy.Log().Named("jira_tokens.store").Error("the token store is no longer watched; changes are seen after the cache's ttl", zap.Error(err))
			}
		})
	})
	return nil
}

// release gives the cache back.
func (s *sharedCache) release() error {
	_, err := caches.Delete(s.key)
	return err
}

// Destruct ends the watch when no configuration uses the cache any more, and
// gives the store back.
func (s *sharedCache) Destruct() error {
	s.end()
	s.running.Wait()
	s.Wait()
	s.store.metrics.unwatch(s.Cache)
	_, err := stores.Delete(s.key.store)
	return err
}

// Interface guards
var (
	_ caddy.Destructor = (*sharedStore)(nil)
	_ caddy.Destructor = (*sharedCache)(nil)
	_ storage.Watcher  = (*sharedCache)(nil)
)
