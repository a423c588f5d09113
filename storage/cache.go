package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// CacheOptions limits how much the cache holds, and for how long it is used.
type CacheOptions struct {
	// Size is the maximum number of records.
	Size int
	// TTL is the age at which a record must be read again before it is used.
	TTL time.Duration
	// Grace is the age up to which a record is used while the store is
	// unavailable. If 0, no record is used beyond TTL.
	Grace time.Duration
	// ReadTimeout is the timeout of one read of the store.
	ReadTimeout time.Duration
}

// unknownTTL is how long the cache remembers that an id is unknown or that its
// record is damaged: long enough that guesses cause no traffic to the store, short
// enough to notice when somebody repairs the store.
const unknownTTL = 5 * time.Second

// Reader is what the cache needs from a store: see Store.Get.
type Reader interface {
	Get(ctx context.Context, id string) (*token.Record, error)
}

// Cache is a cache of decoded records in front of a store. It watches the store: a
// change drops the record at once, even if a read of it is in flight. When changes
// may have been missed, every record is read again before it is used, except that
// known records still serve for Grace while the store is away.
type Cache struct {
	reads   *background.Group
	store   Reader
	options CacheOptions
	now     func() time.Time
	// successor returns a cache to use once this one is closed; see SucceededBy.
	successor func() *Cache

	known   *otter.Cache[string, *cached]
	unknown *otter.Cache[string, *cached] // separate, so that guesses evict no record
	// epoch is the current epoch. Entries from earlier epochs are read again.
	epoch atomic.Uint64

	mu      sync.Mutex
	flights map[string]*flight

	// Stats counts lookups by result.
	Stats CacheStats
}

// CacheStats counts lookups by their result.
type CacheStats struct {
	Hits, Misses, Unknown, Stale, Failures atomic.Uint64
}

// cached is an immutable entry. In known, a nil record with a zero loadedAt means
// that the record has changed and must be read again. In unknown, every record is
// nil, and err says why.
type cached struct {
	record   *token.Record
	err      error
	loadedAt time.Time
	epoch    uint64
	// refreshing is set by the one lookup that starts an early refresh.
	refreshing atomic.Bool
}

// flight is a read in flight, which lookups wait for.
type flight struct {
	done   chan struct{}
	record *token.Record
	err    error
	// overtaken is set if the record has changed since the read began. It is
	// guarded by Cache.mu.
	overtaken bool
}

// NewCache returns a cache in front of store. Its reads stop when ctx is done; Wait
// waits for that.
func NewCache(ctx context.Context, store Reader, options CacheOptions) *Cache {
	return &Cache{
		reads:   background.New(ctx),
		store:   store,
		options: options,
		now:     time.Now,
		known:   otter.Must(&otter.Options[string, *cached]{MaximumSize: options.Size}),
		unknown: otter.Must(&otter.Options[string, *cached]{MaximumSize: max(options.Size/10, 1000)}),
		flights: make(map[string]*flight),
	}
}

// Get returns the record with this id, or an error as from Store.Get. Known records
// cost no call to the store.
func (c *Cache) Get(ctx context.Context, id string) (*token.Record, error) {
	now := c.now()
	entry, ok := c.known.GetIfPresent(id)
	if ok && c.fresh(entry, now, c.options.TTL) {
		c.Stats.Hits.Add(1)
		if now.Sub(entry.loadedAt) > c.options.TTL/2 && entry.refreshing.CompareAndSwap(false, true) {
			c.startRead(id) // early, so that requests with a busy token never wait
		}
		return entry.record, nil
	}
	if !ok {
		if none, ok := c.unknown.GetIfPresent(id); ok && c.fresh(none, now, unknownTTL) {
			c.Stats.Unknown.Add(1)
			return nil, none.err
		}
	}
	c.Stats.Misses.Add(1)
	record, err := c.read(ctx, id)
	if err == nil || isUnusable(err) {
		return record, err
	}
	// Look the entry up again, since the record may have changed in the meantime.
	if entry, ok := c.known.GetIfPresent(id); ok && entry.record != nil && now.Sub(entry.loadedAt) < c.options.Grace {
		c.Stats.Stale.Add(1)
		return entry.record, nil
	}
	c.Stats.Failures.Add(1)
	return nil, err
}

// isUnusable reports whether the store has answered that there is no usable token
// with this id. Unlike an outage, that answer replaces what was cached.
func isUnusable(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) }

// Peek returns the cached record with this id, however old, without reading the
// store. The record is nil if it has changed since it was read.
func (c *Cache) Peek(id string) (record *token.Record, ok bool) {
	entry, ok := c.known.GetIfPresent(id)
	if !ok {
		return nil, false
	}
	return entry.record, true
}

func (c *Cache) fresh(entry *cached, now time.Time, ttl time.Duration) bool {
	return entry.epoch == c.epoch.Load() && now.Sub(entry.loadedAt) < ttl
}

// SucceededBy makes lookups that this cache can no longer answer, once it is closed, use
// another one in front of the same store. next returns nil if there is none. It must be
// called before the cache is used.
func (c *Cache) SucceededBy(next func() *Cache) { c.successor = next }

// read returns the result of the one read in flight for this id.
func (c *Cache) read(ctx context.Context, id string) (*token.Record, error) {
	f := c.startRead(id)
	select {
	case <-f.done:
		if f.err != nil && !isUnusable(f.err) && c.reads.Ended() && c.successor != nil {
			if next := c.successor(); next != nil {
				return next.Get(ctx, id)
			}
		}
		return f.record, f.err
	case <-ctx.Done():
		return nil, errors.Join(ErrUnavailable, context.Cause(ctx))
	}
}

// startRead joins the read in flight for this id, or starts one. The read does not
// depend on the request that started it, which may be canceled.
func (c *Cache) startRead(id string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[id]; ok {
		return f
	}
	id = strings.Clone(id) // do not retain the token that it was part of
	f := &flight{done: make(chan struct{})}
	if !c.reads.Go(func(ctx context.Context) { c.load(ctx, id, f) }) {
		f.err = fmt.Errorf("%w: the cache has been closed", ErrUnavailable)
		close(f.done)
		return f
	}
	c.flights[id] = f
	return f
}

func (c *Cache) load(ctx context.Context, id string, f *flight) {
	defer close(f.done)
	for {
		loadedAt, epoch := c.now(), c.epoch.Load()
		bounded, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
		f.record, f.err = c.store.Get(bounded, id)
		cancel()
		if c.finish(id, f, &cached{record: f.record, err: f.err, loadedAt: loadedAt, epoch: epoch}) {
			return
		}
	}
}

// finish caches what a flight has read, and reports whether the flight is over. It
// is not if a change overtook it: then the record must be read once more.
func (c *Cache) finish(id string, f *flight, entry *cached) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.overtaken {
		f.overtaken = false
		return false
	}
	switch {
	case f.err == nil:
		c.known.Set(id, entry)
	case isUnusable(f.err):
		c.known.Invalidate(id)
		c.unknown.Set(id, entry)
	default:
		// The store is away: keep what is known, and try again soon.
		if old, ok := c.known.GetIfPresent(id); ok {
			old.refreshing.Store(false)
		}
	}
	delete(c.flights, id)
	return true
}

// Changed drops the record with this id.
func (c *Cache) Changed(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overtake(id)
	// Overwrite the entry rather than delete it, so that nothing older is used
	// until the record is read again, even in an outage.
	if _, ok := c.known.GetIfPresent(id); ok {
		c.known.Set(id, &cached{})
	}
	c.unknown.Invalidate(id)
}

// Stored caches the record that this node has just written, or drops it if record
// is nil because it was deleted.
func (c *Cache) Stored(id string, record *token.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overtake(id)
	c.unknown.Invalidate(id)
	if record == nil {
		c.known.Set(id, &cached{})
		return
	}
	// The notification of another node's later change may arrive before our own
	// Apply returns, and our older record must not hide that change. If nothing was
	// cached, such a notification left no trace, so the next use reads the store.
	old, ok := c.known.GetIfPresent(id)
	if !ok {
		return
	}
	if old.record == nil || old.record.Version > record.Version {
		c.known.Set(id, &cached{})
		return
	}
	c.known.Set(id, &cached{record: record, loadedAt: c.now(), epoch: c.epoch.Load()})
}

func (c *Cache) overtake(id string) {
	if f, ok := c.flights[id]; ok {
		f.overtaken = true
	}
}

// Lost implements Watcher. It drops nothing: until the watch is restored, a change
// can go unnoticed for TTL, after which every record is read again anyway.
func (c *Cache) Lost(error) {}

// Restored implements Watcher. Since changes may have been missed, every record is
// read again at its next use.
func (c *Cache) Restored() { c.epoch.Add(1) }

// Wait waits until no read is in flight. Call it after ctx is done; no read starts
// after that.
func (c *Cache) Wait() { c.reads.Wait() }

// Len returns the approximate number of cached records.
func (c *Cache) Len() int { return c.known.EstimatedSize() }

var _ Watcher = (*Cache)(nil)
