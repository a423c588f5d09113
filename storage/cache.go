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

// CacheOptions bound what the cache holds and for how long it is believed.
type CacheOptions struct {
	// Size is how many records are kept at the most.
	Size int
	// TTL is the age from which a record is read again before it is used.
	TTL time.Duration
	// Grace is how long after its reading a record is still used while the
	// store is unavailable. 0: not at all beyond TTL.
	Grace time.Duration
	// ReadTimeout bounds one read of the store.
	ReadTimeout time.Duration
}

// unknownTTL is how long an id is remembered to be no token's, or that of a
// damaged record: long enough that guessing costs no store traffic, short enough
// for a store that was repaired behind our back.
const unknownTTL = 5 * time.Second

// Reader is what the cache needs of a store: see Store.Get.
type Reader interface {
	Get(ctx context.Context, id string) (*token.Record, error)
}

// Cache keeps decoded records in front of a store. It is the store's Watcher:
// a change drops the record at once, also from a read that is under way. After
// changes may have been missed every record is read again, but records that
// were known still serve through Grace while the store is away.
type Cache struct {
	reads   *background.Group
	store   Reader
	options CacheOptions
	now     func() time.Time

	known   *otter.Cache[string, *cached]
	unknown *otter.Cache[string, *cached] // apart, so that guesses push out no record
	// epoch is the current one; entries of an earlier epoch are read again.
	epoch atomic.Uint64

	mu      sync.Mutex
	flights map[string]*flight

	// Stats counts what lookups found.
	Stats CacheStats
}

// CacheStats counts lookups by their result.
type CacheStats struct {
	Hits, Misses, Unknown, Stale, Failures atomic.Uint64
}

// cached is an immutable entry. In known a nil record says that it must be read
// again: it was loaded at no time. In unknown all are nil, and err says why.
type cached struct {
	record   *token.Record
	err      error
	loadedAt time.Time
	epoch    uint64
	// refreshing is set by the one lookup that starts an early re-read.
	refreshing atomic.Bool
}

// flight is a read that is under way and that others wait for.
type flight struct {
	done   chan struct{}
	record *token.Record
	err    error
	// overtaken says that a change was heard of since the read began. Guarded
	// by Cache.mu.
	overtaken bool
}

// NewCache returns a cache in front of store. Its reads end with ctx; Wait
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

// Get returns the record with this id, or an error as Store.Get returns it. Known
// records cost no call to the store.
func (c *Cache) Get(ctx context.Context, id string) (*token.Record, error) {
	now := c.now()
	entry, ok := c.known.GetIfPresent(id)
	if ok && c.believed(entry, now, c.options.TTL) {
		c.Stats.Hits.Add(1)
		if now.Sub(entry.loadedAt) > c.options.TTL/2 && entry.refreshing.CompareAndSwap(false, true) {
			c.startRead(id) // a busy token never waits for its re-reading
		}
		return entry.record, nil
	}
	if !ok {
		if none, ok := c.unknown.GetIfPresent(id); ok && c.believed(none, now, unknownTTL) {
			c.Stats.Unknown.Add(1)
			return nil, none.err
		}
	}
	c.Stats.Misses.Add(1)
	record, err := c.read(ctx, id)
	if err == nil || noToken(err) {
		return record, err
	}
	// The entry is looked up again: a change may have been heard of meanwhile.
	if entry, ok := c.known.GetIfPresent(id); ok && entry.record != nil && now.Sub(entry.loadedAt) < c.options.Grace {
		c.Stats.Stale.Add(1)
		return entry.record, nil
	}
	c.Stats.Failures.Add(1)
	return nil, err
}

// noToken reports whether err is the store's answer that no token of this id can
// be used, as opposed to no answer. What was known before does not outlast it.
func noToken(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) }

// Peek returns what the cache holds for this id, however old, without reading it;
// nil when a change was heard of since it was read.
func (c *Cache) Peek(id string) (record *token.Record, ok bool) {
	entry, ok := c.known.GetIfPresent(id)
	if !ok {
		return nil, false
	}
	return entry.record, true
}

func (c *Cache) believed(entry *cached, now time.Time, ttl time.Duration) bool {
	return entry.epoch == c.epoch.Load() && now.Sub(entry.loadedAt) < ttl
}

// read waits for the one read of this id.
func (c *Cache) read(ctx context.Context, id string) (*token.Record, error) {
	f := c.startRead(id)
	select {
	case <-f.done:
		return f.record, f.err
	case <-ctx.Done():
		return nil, errors.Join(ErrUnavailable, context.Cause(ctx))
	}
}

// startRead joins the read that is under way for this id, or begins one. The
// read belongs to nobody's request: who began it may leave before it ends.
func (c *Cache) startRead(id string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[id]; ok {
		return f
	}
	id = strings.Clone(id) // which was part of a token
	f := &flight{done: make(chan struct{})}
	if !c.reads.Go(func(ctx context.Context) { c.fly(ctx, id, f) }) {
		f.err = fmt.Errorf("%w: this cache is not used any more", ErrUnavailable)
		close(f.done)
		return f
	}
	c.flights[id] = f
	return f
}

func (c *Cache) fly(ctx context.Context, id string, f *flight) {
	defer close(f.done)
	for {
		loadedAt, epoch := c.now(), c.epoch.Load()
		bounded, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
		f.record, f.err = c.store.Get(bounded, id)
		cancel()
		if c.land(id, f, &cached{record: f.record, err: f.err, loadedAt: loadedAt, epoch: epoch}) {
			return
		}
	}
}

// land keeps what a flight has read, unless a change overtook it: then it has
// to be read once more.
func (c *Cache) land(id string, f *flight, entry *cached) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.overtaken {
		f.overtaken = false
		return false
	}
	switch {
	case f.err == nil:
		c.known.Set(id, entry)
	case noToken(f.err):
		c.known.Invalidate(id)
		c.unknown.Set(id, entry)
	default:
		// An outage: what is known stays, to be asked for again soon.
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
	// Overwritten rather than deleted: until it was read again nothing older
	// may be used, not even in an outage.
	if _, ok := c.known.GetIfPresent(id); ok {
		c.known.Set(id, &cached{})
	}
	c.unknown.Invalidate(id)
}

// Stored takes the record that this node has just written; nil: deleted.
func (c *Cache) Stored(id string, record *token.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overtake(id)
	c.unknown.Invalidate(id)
	if record == nil {
		c.known.Set(id, &cached{})
		return
	}
	// Another node's later change may be heard of before our own Apply comes
	// back: the older record must not cover it. Where nothing was known it left
	// no trace: the next use reads.
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

// Lost implements Watcher. Nothing is dropped: until the watch is back records
// are believed for TTL, as long as a change could go unheard.
func (c *Cache) Lost(error) {}

// Restored implements Watcher: changes may have been missed, so all is read
// again at its next use.
func (c *Cache) Restored() { c.epoch.Add(1) }

// Wait returns, after ctx has ended, when no read is under way any more. Nothing
// is read after it.
func (c *Cache) Wait() { c.reads.Wait() }

// Len returns about how many records are kept.
func (c *Cache) Len() int { return c.known.EstimatedSize() }

var _ Watcher = (*Cache)(nil)
