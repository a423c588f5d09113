package jiratokens

import (
	"context"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// What outlives a reload of the configuration: stores by their connection, and
// the caches in front of them by store and bounds.
var (
	stores = caddy.NewUsagePool()
	caches = caddy.NewUsagePool()
)

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
