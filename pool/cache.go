package pool

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
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// openTimeout bounds how long Start waits for the store to open.
const openTimeout = 10 * time.Second

// Cache is a cache in front of a store, with the watch that keeps it current.
type Cache struct {
	*storage.Cache
	Store *Store

	key cacheKey

	// transitions counts how often the watch was lost or restored; lossLogged is set
	// while a loss has been logged.
	transitions atomic.Uint64
	lossLogged  atomic.Bool

	// mirrors are the mirrors of documents by kind. Once mirroring is set, each of them
	// runs.
	mirrorsMu sync.Mutex
	mirrors   map[string]*storage.Mirror
	mirroring bool

	watchOnce sync.Once
	ctx       context.Context
	end       context.CancelFunc
	running   *background.Group
}

// logLossAfter is how long the watch must be lost before that is logged. A quick
// reconnect is not worth a line.
const logLossAfter = 3 * time.Second

// Lost probes the store at once, so that an outage is noticed without traffic. If
// the store answers, only the notification of changes has failed.
func (s *Cache) Lost(cause error) {
	lost := s.transitions.Add(1)
	s.running.Go(func(ctx context.Context) {
		if s.Store.breaker.Probe(ctx) != nil || !background.Pause(ctx, logLossAfter) || s.transitions.Load() != lost || s.Store.breaker.Away() != nil {
			return
		}
		s.lossLogged.Store(true)
		s.Store.logger.Warn("notifications of changes by other nodes are lost: until they are restored, such changes take effect here after the cache's ttl", zap.Error(cause))
	})
}

// Restored makes the cache read every record and document again, since changes may have
// been missed.
func (s *Cache) Restored() {
	s.transitions.Add(1)
	if s.lossLogged.Swap(false) {
		s.Store.logger.Info("notifications of changes by other nodes are restored")
	}
	s.Cache.Restored()
	for _, mirror := range s.runningMirrors() {
		mirror.Restored()
	}
}

// Start opens the store and watches it, unless that has already been done. Unless
// mayBeginEmpty is set, it fails if the store is empty but the running configuration's
// store is not.
func (s *Cache) Start(mayBeginEmpty bool) error {
	ctx, cancel := context.WithTimeout(s.ctx, openTimeout)
	defer cancel()
	// Check before Open, which creates a missing store.
	if !mayBeginEmpty && !s.Store.started.Load() {
		if err := s.Store.checkEmpty(ctx); err != nil {
			return err
		}
	}
	if err := s.Store.Open(ctx); err != nil {
		return fmt.Errorf("opening the token store: %w", err)
	}
	s.Store.started.Store(true)
	s.running.Go(func(ctx context.Context) { s.Store.announce(ctx, s.Store.logger) })
	s.Store.startOnce.Do(func() {
		s.Store.running.Go(s.Store.UseLog.Run)
		s.Store.running.Go(s.Store.Recorder.Run)
		if sweeper := s.Store.sweeper; sweeper != nil {
			s.Store.running.Go(func(ctx context.Context) { s.Store.sweep(ctx, sweeper, time.Now) })
		}
	})
	s.startMirrors()
	s.watchOnce.Do(func() {
		s.running.Go(func(ctx context.Context) {
			if err := s.Store.Watch(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
				s.Store.logger.Error("the token store is no longer watched: changes take effect here after the cache's ttl", zap.Error(err))
			}
		})
	})
	return nil
}

// Go runs f in the background until the cache is destructed. It returns false if that
// has already happened.
func (s *Cache) Go(f func(context.Context)) bool { return s.running.Go(f) }

// Release releases the cache.
func (s *Cache) Release() error {
	_, err := caches.Delete(s.key)
	return err
}

// others calls f with every other cache in front of the same store.
func (s *Cache) others(f func(*Cache)) {
	caches.Range(func(key, value any) bool {
		if key := key.(cacheKey); key.store == s.key.store && key != s.key {
			f(value.(*Cache))
		}
		return true
	})
}

// another returns a cache of another configuration in front of the same store; nil if
// there is none.
func (s *Cache) another() (found *storage.Cache) {
	s.others(func(other *Cache) { found = other.Cache })
	return found
}

// Destruct stops the watch and releases the store, once no configuration uses the cache
// any more.
func (s *Cache) Destruct() error {
	s.end()
	s.running.Wait()
	s.Wait()
	s.others(func(other *Cache) { other.Inherit(s.Cache) }) // what this one has learned since they were created
	s.Store.Metrics.unwatch(s.Cache)
	_, err := stores.Delete(s.key.store)
	return err
}

// Interface guards
var (
	_ caddy.Destructor        = (*Cache)(nil)
	_ storage.DocumentWatcher = (*Cache)(nil)
)
