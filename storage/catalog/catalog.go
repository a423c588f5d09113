// Package catalog keeps a few facts about every token in memory, so that any list of
// tokens and any count of them takes milliseconds, however many there are. It is only an
// index: what a list shows is read from the store.
package catalog

import (
	"context"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Catalog is a store with a catalog of its tokens. The first list that needs the catalog
// begins to read it; until then it takes no memory. From then on, it follows the store's
// notifications, like the cache of tokens. While those do not arrive, and until it has been
// read again after that, the store answers instead.
type Catalog struct {
	storage.Store
	// follower reports which tokens were used on other nodes. It is nil if there are none.
	follower storage.UseFollower
	running  *background.Group
	now      func() time.Time
	begin    sync.Once
	// poked makes run read the rows at once.
	poked chan struct{}

	// turn is a lock that a context can interrupt. Whoever holds it may change rows.
	turn chan struct{}
	// mark is where UsedSince continues. It is guarded by turn, as are judgedAt and tidiedAt.
	mark               int64
	judgedAt, tidiedAt time.Time

	mu sync.RWMutex // guards what follows
	// rows are all rows, the newest last.
	rows     []*row
	byID     map[[idLength]byte]*row
	profiles []*profile
	known    map[profileKey]uint32
	owners   names
	damaged  map[string]storage.DamagedError
	// judged is the judge who was asked last.
	judged judged
	// ready is set while the rows are complete, up to changes in dirty. changed is closed
	// when it is set.
	ready   bool
	changed chan struct{}
	// watched counts how often the notifications were lost or restored, lost is set while
	// they do not arrive, cause is why that is or why the rows could not be read, and
	// progress how many rows were read.
	watched  uint64
	lost     bool
	cause    error
	progress int

	dirtyMu sync.Mutex
	// dirty holds the ids of records that must be read again, each with a number that
	// increases when the record changes once more. There are none before run begins.
	begun   bool
	dirty   map[string]uint64
	changes uint64
}

// New returns a catalog of a store. What it does in the background runs in running.
// follower is nil unless other nodes save uses to the store.
func New(store storage.Store, follower storage.UseFollower, running *background.Group) *Catalog {
	return &Catalog{
		Store: store, follower: follower, running: running, now: time.Now,
		poked: make(chan struct{}, 1), turn: make(chan struct{}, 1), changed: make(chan struct{}), dirty: make(map[string]uint64),
	}
}

// Apply makes a change. Lists that begin afterwards know of it.
func (c *Catalog) Apply(ctx context.Context, change storage.Change) error {
	err := c.Store.Apply(ctx, change)
	c.Changed(change.ID()) // it may have been made even if there was no response
	return err
}

// SaveUses records the last uses of tokens.
func (c *Catalog) SaveUses(ctx context.Context, uses map[string]storage.Use) error {
	if err := c.Store.SaveUses(ctx, uses); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setUses(uses)
	return nil
}

// setUses records last uses. The caller holds mu.
func (c *Catalog) setUses(uses map[string]storage.Use) {
	for id, use := range uses {
		if r := c.byID[rowID(id)]; r != nil {
			r.setUse(use)
		}
	}
}

func rowID(id string) (key [idLength]byte) {
	copy(key[:], id)
	return key
}

// Changed implements storage.Watcher.
func (c *Catalog) Changed(id string) {
	c.dirtyMu.Lock()
	defer c.dirtyMu.Unlock()
	if !c.begun {
		return // it will be read
	}
	c.changes++
	c.dirty[id] = c.changes
}

// Lost implements storage.Watcher: the rows can no longer be trusted.
func (c *Catalog) Lost(cause error) { c.watchedAgain(cause) }

// Restored implements storage.Watcher: the rows must be read again.
func (c *Catalog) Restored() { c.watchedAgain(nil) }

func (c *Catalog) watchedAgain(cause error) {
	select {
	case c.poked <- struct{}{}:
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready {
		c.changed = make(chan struct{})
	}
	c.watched, c.ready, c.lost, c.cause, c.progress = c.watched+1, false, cause != nil, cause, 0
}

// lock takes the turn, and returns false if ctx is done before that.
func (c *Catalog) lock(ctx context.Context) bool {
	select {
	case c.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Catalog) unlock() { <-c.turn }

// Interface guards
var (
	_ storage.Store   = (*Catalog)(nil)
	_ storage.Watcher = (*Catalog)(nil)
	_ storage.Finder  = (*Catalog)(nil)
)
