// Package pool keeps what outlives a reload of the configuration: stores, the caches in
// front of them, counters and metrics.
package pool

import (
	"context"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Stores are keyed by their connection, caches by store and options.
var (
	stores = caddy.NewUsagePool()
	caches = caddy.NewUsagePool()
)

type cacheKey struct {
	store   string
	options storage.CacheOptions
}

// Acquire returns the cache with these options in front of the store that module
// configures. It is shared with other configurations. A new cache inherits from others
// in front of the same store. Acquire does not open the store; Start does. Call Release
// when done.
func Acquire(module storage.Module, options storage.CacheOptions) (*Cache, error) {
	key := cacheKey{store: module.Key(), options: options}
	value, loaded, err := caches.LoadOrNew(key, func() (caddy.Destructor, error) {
		store, err := acquireStore(module)
		if err != nil {
			return nil, err
		}
		ctx, end := context.WithCancel(context.Background()) // until Destruct
		cache := storage.NewCache(ctx, store.breaker, options)
		store.Metrics.watch(cache)
		shared := &Cache{Cache: cache, Store: store, key: key, ctx: ctx, end: end, running: background.New(ctx)}
		cache.SucceededBy(shared.another) // Caddy does not wait for the requests of a configuration that it replaces
		return shared, nil
	})
	if err != nil {
		return nil, err
	}
	cache := value.(*Cache)
	if !loaded {
		cache.others(func(other *Cache) { cache.Inherit(other.Cache) })
	}
	return cache, nil
}

func acquireStore(module storage.Module) (*Store, error) {
	value, _, err := stores.LoadOrNew(module.Key(), func() (caddy.Destructor, error) {
		logger := newLogger("store")
		store, err := module.NewStore(logger)
		if err != nil {
			return nil, err
		}
		return newStore(nameOf(module), store, logger), nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*Store), nil
}
