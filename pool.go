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

// sharedStore is a store with what was measured of it.
type sharedStore struct {
	storage.Store
	metrics *metrics
	// away: the last call was not answered.
	away atomic.Bool
}

// called is told of every call: one line in the log begins an outage, one ends
// it.
func (s *sharedStore) called(op string, took time.Duration, err error) {
	s.metrics.storeCalled(op, took, err)
	if errors.Is(err, context.Canceled) {
		return
	}
	away := errors.Is(err, storage.ErrUnavailable)
	if s.away.Swap(away) == away {
		return
	}
	logger := caddy.Log().Named("jira_tokens.store")
	if away {
		logger.Error("the token store does not answer: tokens in memory work for the cache's grace, others get 503, nothing can be changed", zap.Error(err))
	} else {
		logger.Info("the token store answers again")
	}
}

// Destruct closes the store when no configuration uses it any more.
func (s *sharedStore) Destruct() error { return s.Store.Close() }

// sharedCache is a cache and the watch that keeps it true.
type sharedCache struct {
	*storage.Cache
	store *sharedStore
	key   cacheKey

	watchOnce sync.Once
	ctx       context.Context
	cancel    context.CancelFunc

	mu      sync.Mutex // held while something is begun
	running sync.WaitGroup
}

// run does in the background what Destruct waits for. After the end nothing is
// begun any more: a request of an old configuration can come that late.
func (s *sharedCache) run(f func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.running.Go(func() { f(s.ctx) })
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
		ctx, cancel := context.WithCancel(context.Background()) // ended by Destruct
		cache := storage.NewCache(ctx, store, options)
		store.metrics.watch(cache)
		return &sharedCache{Cache: cache, store: store, key: key, ctx: ctx, cancel: cancel}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*sharedCache), nil
}

func acquireStore(module storage.Module) (*sharedStore, error) {
	value, _, err := stores.LoadOrNew(module.Key(), func() (caddy.Destructor, error) {
		// Not the configuration's logger: the store outlives it.
		store, err := module.NewStore(caddy.Log().Named("jira_tokens.store"))
		if err != nil {
			return nil, err
		}
		shared := &sharedStore{metrics: newMetrics()}
		shared.Store = storage.Observe(store, shared.called)
		return shared, nil
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
	s.watchOnce.Do(func() {
		s.run(func(ctx context.Context) {
			if err := s.store.Watch(ctx, s.Cache); err != nil && !errors.Is(err, context.Canceled) {
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
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
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
)
