package catalog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// followEvery is how often the catalog reads what has changed, so that lists find
	// little left to read.
	followEvery = time.Second
	// usesEvery is how often it reads which tokens other nodes have used, and forgets what
	// has vanished.
	usesEvery = time.Minute
	// judgeEvery is how often all tokens are judged again at most.
	judgeEvery = 10 * time.Second
	// judgedAtOnce is how many tokens are judged before others may continue.
	judgedAtOnce = 10_000
)

// run watches the store, reads the rows when they may be incomplete, and follows changes,
// until ctx is done.
func (c *Catalog) run(ctx context.Context) {
	c.running.Go(func(ctx context.Context) { _ = c.Store.Watch(ctx, c) }) // until ctx is done
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-c.poked:
		case <-ctx.Done():
			return
		}
		c.follow(ctx)
	}
}

// follow reads all rows if necessary, or else what has changed.
func (c *Catalog) follow(ctx context.Context) {
	c.mu.RLock()
	ready, watched, lost := c.ready, c.watched, c.lost
	c.mu.RUnlock()
	switch {
	case ready && !c.isOvergrown():
		_ = c.settle(ctx, false, nil) // the next list fails with the reason
	case watched > 0 && !lost:
		err := c.readAll(ctx, watched)
		c.mu.Lock()
		if c.watched == watched {
			c.cause = err
		}
		c.mu.Unlock()
	}
}

// isOvergrown reports whether most profiles, or most names of owners, are no longer used.
func (c *Catalog) isOvergrown() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return max(len(c.profiles), len(c.owners.list)) > 2*len(c.rows)+1000
}

// reading is a catalog that is being read.
type reading struct {
	rows     []*row
	profiles []*profile
	known    map[profileKey]uint32
	owners   names
	damaged  map[string]storage.DamagedError
}

// readAll reads the whole catalog. Changes that are made meanwhile are in dirty.
func (c *Catalog) readAll(ctx context.Context, watched uint64) error {
	if !c.lock(ctx) {
		return ctx.Err()
	}
	defer c.unlock()
	var mark int64
	if c.follower != nil {
		var err error
		if _, mark, err = c.follower.UsedSince(ctx, -1); err != nil {
			return err
		}
	}
	all := &reading{known: make(map[profileKey]uint32), owners: newNames(), damaged: make(map[string]storage.DamagedError)}
	if err := c.readPages(ctx, all, watched); err != nil {
		return err
	}
	slices.SortFunc(all.rows, func(a, b *row) int { return b.compare(a) })
	all.owners.order()
	byID := make(map[[idLength]byte]*row, len(all.rows))
	for _, r := range all.rows {
		byID[r.id] = r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched != watched {
		return nil
	}
	c.rows, c.byID, c.profiles, c.known, c.owners, c.damaged, c.mark = all.rows, byID, all.profiles, all.known, all.owners, all.damaged, mark
	c.judged, c.judgedAt, c.tidiedAt = judged{}, time.Time{}, c.now()
	if !c.ready {
		c.ready = true
		close(c.changed)
	}
	return nil
}

// errSuperseded ends reading because notifications were lost meanwhile.
var errSuperseded = errors.New("the notifications were lost while the tokens were being read")

// readPages reads all records. While it adds a page, it reads the next one.
func (c *Catalog) readPages(ctx context.Context, all *reading, watched uint64) error {
	working, ctx := errgroup.WithContext(ctx)
	pages := make(chan storage.Page)
	working.Go(func() error {
		defer close(pages)
		query := storage.Query{Limit: storage.MaxPageSize, Now: c.now()}
		for {
			page, err := c.Store.List(ctx, query)
			if err != nil {
				return err
			}
			select {
			case pages <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
			if query.Cursor = page.Next; query.Cursor == "" {
				return nil
			}
		}
	})
	working.Go(func() error {
		for page := range pages {
			if err := c.readPage(ctx, all, page); err != nil {
				return err
			}
			c.mu.Lock()
			c.progress = len(all.rows)
			superseded := c.watched != watched
			c.mu.Unlock()
			if superseded {
				return errSuperseded
			}
		}
		return nil
	})
	return working.Wait()
}

// readPage adds a page of records and their last uses.
func (c *Catalog) readPage(ctx context.Context, all *reading, page storage.Page) error {
	ids := make([]string, len(page.Records))
	for i, record := range page.Records {
		ids[i] = record.ID
	}
	uses, err := c.Store.Uses(ctx, ids)
	if err != nil {
		return err
	}
	// The rows of a page, and their texts, are next to each other in memory, so that the
	// processor reads ahead: a search takes a quarter of the time then.
	rows := make([]row, len(page.Records))
	var texts strings.Builder
	for i, record := range page.Records {
		rows[i] = newRow(record)
		rows[i].setUse(uses[record.ID])
		rows[i].profile = all.profile(record)
		texts.WriteString(rows[i].text)
	}
	rest := texts.String()
	for i := range rows {
		r := &rows[i]
		r.text, rest = rest[:len(r.text)], rest[len(r.text):]
		r.owner = all.owners.number(r.ownerName())
		all.rows = append(all.rows, r)
	}
	for _, damaged := range page.Damaged {
		all.damaged[damaged.ID] = damaged
	}
	return nil
}

// profile returns the number of a record's profile.
func (all *reading) profile(record *token.Record) uint32 {
	p, key := profileOf(record)
	n, ok := all.known[key]
	if !ok {
		n = uint32(len(all.profiles)) //nolint:gosec // G115: as many as there are tokens at most
		all.profiles, all.known[key] = append(all.profiles, &p), n
	}
	return n
}

// settle reads the records that have changed, so that the rows are current. If uses is
// set, or was not for usesEvery, it also reads which tokens were used on other nodes. If
// judge is not nil, suspended tokens are known as it says.
func (c *Catalog) settle(ctx context.Context, uses bool, judge storage.Judge) error {
	if !c.lock(ctx) {
		return ctx.Err()
	}
	defer c.unlock()
	for {
		dirty := c.someDirty()
		if len(dirty) == 0 {
			break
		}
		if err := c.readDirty(ctx, dirty); err != nil {
			return err
		}
	}
	due := c.now().Sub(c.tidiedAt) >= usesEvery
	if due {
		c.tidy()
	}
	if (uses || due) && c.follower != nil {
		if err := c.readUses(ctx); err != nil {
			return err
		}
	}
	if judge != nil {
		c.judge(judge)
	}
	return nil
}

// someDirty returns at most a page of records that must be read again.
func (c *Catalog) someDirty() map[string]uint64 {
	c.dirtyMu.Lock()
	defer c.dirtyMu.Unlock()
	if len(c.dirty) <= storage.MaxPageSize {
		return maps.Clone(c.dirty)
	}
	some := make(map[string]uint64, storage.MaxPageSize)
	for id, change := range c.dirty {
		if some[id] = change; len(some) == storage.MaxPageSize {
			break
		}
	}
	return some
}

// readDirty reads records again. A record that has changed once more stays dirty: what was
// read may be from before that.
func (c *Catalog) readDirty(ctx context.Context, dirty map[string]uint64) error {
	ids := slices.Collect(maps.Keys(dirty))
	page, err := c.Store.Records(ctx, ids)
	if err != nil {
		return err
	}
	uses, err := c.Store.Uses(ctx, ids)
	if err != nil {
		return err
	}
	var added []*row
	gone := make(map[[idLength]byte]bool)
	for _, id := range ids {
		gone[rowID(id)] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.damaged, id)
	}
	all := &reading{profiles: c.profiles, known: c.known, owners: c.owners}
	for _, record := range page.Records {
		r := newRow(record)
		r.profile, r.owner = all.profile(record), all.owners.number(r.ownerName())
		r.setUse(uses[record.ID])
		if old := c.byID[r.id]; old != nil && old.created == r.created {
			*old = r
			delete(gone, r.id)
			continue
		}
		added = append(added, &r)
	}
	c.profiles, c.owners = all.profiles, all.owners
	c.owners.order()
	for _, damaged := range page.Damaged {
		c.damaged[damaged.ID] = damaged
		delete(gone, rowID(damaged.ID)) // as it was known before
	}
	c.replace(gone, added)
	c.judgeSome(page.Records)
	c.clean(dirty)
	return nil
}

// judgeSome asks the judge of the last time about records that have changed.
func (c *Catalog) judgeSome(changed []*token.Record) {
	for _, record := range changed {
		r := c.byID[rowID(record.ID)]
		if r != nil && c.judged.Judge != nil {
			r.suspended = r.status == statusActive && c.judged.Suspended(record)
		}
	}
}

// judged is a judge, and the edition of the answers.
type judged struct {
	storage.Judge
	edition any
}

// replace removes and adds rows. The caller holds turn and mu.
func (c *Catalog) replace(gone map[[idLength]byte]bool, added []*row) {
	removes := false
	for id := range gone {
		if c.byID[id] != nil {
			removes = true
			delete(c.byID, id)
		}
	}
	if removes {
		c.rows = slices.DeleteFunc(c.rows, func(r *row) bool { return gone[r.id] })
	}
	if len(added) == 0 {
		return
	}
	slices.SortFunc(added, func(a, b *row) int { return b.compare(a) })
	for _, r := range added {
		c.byID[r.id] = r
	}
	if n := len(c.rows); n == 0 || added[0].before(c.rows[n-1]) {
		c.rows = append(c.rows, added...) // newer than all others
		return
	}
	merged := make([]*row, 0, len(c.rows)+len(added))
	for _, r := range c.rows {
		for len(added) > 0 && r.before(added[0]) {
			merged, added = append(merged, added[0]), added[1:]
		}
		merged = append(merged, r)
	}
	c.rows = append(merged, added...)
}

// clean removes records from dirty, unless they have changed again.
func (c *Catalog) clean(read map[string]uint64) {
	c.dirtyMu.Lock()
	defer c.dirtyMu.Unlock()
	for id, change := range read {
		if c.dirty[id] == change {
			delete(c.dirty, id)
		}
	}
}

// readUses reads the last uses of tokens that other nodes have saved.
func (c *Catalog) readUses(ctx context.Context) error {
	ids, mark, err := c.follower.UsedSince(ctx, c.mark)
	if errors.Is(err, storage.ErrTooOld) {
		c.Restored() // read everything again
		return storage.LoadingError{}
	}
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, storage.MaxPageSize) {
		uses, err := c.Store.Uses(ctx, some)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.setUses(uses)
		c.mu.Unlock()
	}
	c.mark = mark
	return nil
}

// tidy removes the rows of records that have vanished. The caller holds turn.
func (c *Catalog) tidy() {
	now := c.now()
	c.tidiedAt = now
	gone := make(map[[idLength]byte]bool)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rows {
		if r.isGone(now.UnixMilli()) {
			gone[r.id] = true
		}
	}
	c.replace(gone, nil)
}

// judge asks a judge about all tokens, if it may have changed its mind. The caller holds
// turn, so that only uses can change meanwhile.
func (c *Catalog) judge(judge storage.Judge) {
	now, edition := c.now(), judged{judge, judge.Edition()}
	if c.judged == edition || c.judged.Judge == judge && now.Sub(c.judgedAt) < judgeEvery {
		return
	}
	for some := range slices.Chunk(c.rows, judgedAtOnce) {
		c.mu.Lock()
		for _, r := range some {
			r.suspended = r.status == statusActive && judge.Suspended(r.skeleton(c.profiles[r.profile]))
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	c.judged = edition
	c.mu.Unlock()
	c.judgedAt = now
}
