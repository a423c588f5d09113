package catalog

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// waitForRows is how long a list waits for the catalog to be read. Meanwhile, the
	// store answers, but more slowly, and not in all orders, for which a list waits longer.
	waitForRows   = 250 * time.Millisecond
	waitForOrders = 3 * time.Second
	// maxRounds is how often records are read for a page. More than one round is needed
	// only if records change meanwhile, or suspensions do.
	maxRounds = 10
)

// Find returns the page of records that query asks for.
func (c *Catalog) Find(ctx context.Context, query storage.Query) (storage.Page, error) {
	order := orderOf(query.Sort)
	if _, err := order.parseCursor(query.Sort, query.Cursor); err != nil {
		return storage.Page{}, err
	}
	if !worthwhile(&query) {
		return c.Store.List(ctx, query)
	}
	wait := waitForRows
	if !query.Sort.IsDefault() {
		wait = waitForOrders
	}
	if !c.isReady(ctx, wait) {
		if query.Sort.IsDefault() {
			return c.Store.List(ctx, query)
		}
		return storage.Page{}, c.loading()
	}
	readsUses := query.ReadsUses() || order.by == storage.SortUsed
	if err := c.settle(ctx, readsUses, query.Judge); err != nil {
		return storage.Page{}, err
	}
	return c.find(ctx, query)
}

// worthwhile reports whether the store's own index would take long.
func worthwhile(q *storage.Query) bool {
	switch {
	case q.State == token.StateDamaged:
		return false // all records must be read
	case q.Owner != "" && q.Sort.IsDefault():
		return false // owners have few tokens
	case !q.Sort.IsDefault(), q.Search != "", q.Account != "", len(q.Expires) > 0, q.ReadsUses(), len(q.Scopes) > 0, len(q.Kinds) > 0,
		q.Project != "", q.Network.IsValid(), q.Exchanged != nil:
		return true
	}
	switch q.State {
	case "", token.StateDisabled, token.StatePending, token.StateRevoked:
		return false
	}
	return true
}

// find reads the records of the page. Since records can change, and a judge's verdict with
// them, only those that match are listed.
func (c *Catalog) find(ctx context.Context, query storage.Query) (page storage.Page, err error) {
	// Nobody knows whose a damaged record is, so it is in nobody's own list.
	if query.Search != "" && query.Cursor == "" && query.Owner == "" {
		page.Damaged = c.damagedNamed(query.Search)
	}
	order, limit := orderOf(query.Sort), query.PageSize()
	after, err := order.parseCursor(query.Sort, query.Cursor)
	if err != nil {
		return page, err
	}
	for range maxRounds {
		wanted := limit - len(page.Records)
		places := c.first(&query, &order, after, wanted+1)
		page.Next = ""
		if len(places) > wanted {
			places = places[:wanted]
			page.Next = order.cursor(query.Sort, places[wanted-1])
		}
		if err := c.read(ctx, &query, places, &page); err != nil {
			return storage.Page{}, err
		}
		if page.Next == "" || len(page.Records) >= limit {
			break
		}
		after = &places[len(places)-1]
	}
	return page, nil
}

// damagedNamed returns the damaged records whose ids contain a text: nothing else is known
// about them.
func (c *Catalog) damagedNamed(text string) (found []storage.DamagedError) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for id, damaged := range c.damaged {
		if strings.Contains(id, text) {
			found = append(found, damaged)
		}
	}
	slices.SortFunc(found, func(a, b storage.DamagedError) int { return strings.Compare(a.ID, b.ID) })
	return found
}

// read adds the records of rows that match to the page.
func (c *Catalog) read(ctx context.Context, query *storage.Query, places []place, page *storage.Page) error {
	if len(places) == 0 {
		return nil
	}
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = string(p.row.id[:])
	}
	found, err := c.Store.Records(ctx, ids)
	if err != nil {
		return err
	}
	var uses map[string]storage.Use
	if query.ReadsUses() {
		if uses, err = c.Store.Uses(ctx, ids); err != nil {
			return err
		}
	}
	for _, record := range found.Records {
		if query.Match(record) && query.MatchUse(record.CreatedAt, record.NotBefore, uses[record.ID].At) {
			page.Records = append(page.Records, record)
		}
	}
	page.Damaged = append(page.Damaged, found.Damaged...)
	return nil
}

// first returns the places of the first n rows that may match, after a place. The rows are
// copies, since the originals may change.
func (c *Catalog) first(query *storage.Query, order *order, after *place, n int) (found []place) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f := c.newFilter(query)
	if query.Sort.IsDefault() {
		found = c.newest(f, after, n)
	} else {
		found = c.sorted(f, order, after, n)
	}
	for i, p := range found {
		copied := *p.row
		found[i].row = &copied
	}
	return found
}

// newest returns the first n rows in the order in which they are kept.
func (c *Catalog) newest(f *filter, after *place, n int) (found []place) {
	from := len(c.rows)
	if after != nil {
		from = sort.Search(len(c.rows), func(i int) bool { return c.rows[i].compare(after.row) <= 0 })
	}
	oldest := int64(math.MinInt64)
	if f.created.set { // the rows are kept in the order of their creation
		from = min(from, sort.Search(len(c.rows), func(i int) bool { return c.rows[i].created > f.created.until }))
		oldest = f.created.after
	}
	for i := from - 1; i >= 0 && c.rows[i].created >= oldest && len(found) < n; i-- {
		if f.match(c.rows[i]) {
			found = append(found, place{number: -c.rows[i].created, row: c.rows[i]})
		}
	}
	return found
}

// sampled is the distance of the rows that sorted looks at first.
const sampled = 97

// sorted returns the first n rows in an order. The first n of a sample show which rows
// cannot be among the first n of all: without that, nearly every row would have to be
// sorted if the rows happen to be kept in the opposite order.
func (c *Catalog) sorted(f *filter, order *order, after *place, n int) []place {
	var worst *place
	if sample := c.best(f, order, after, n, sampled, nil); len(sample) == n {
		worst = &sample[n-1]
	}
	return c.best(f, order, after, n, 1, worst)
}

// best returns the first n of the rows at a distance from each other. If worst is not nil,
// rows that come after it are left out.
func (c *Catalog) best(f *filter, order *order, after *place, n, distance int, worst *place) (found []place) {
	cut := func() {
		slices.SortFunc(found, func(a, b place) int { return order.compare(&a, &b) })
		if len(found) >= n {
			found = found[:n]
			last := found[n-1]
			worst = &last
		}
	}
	for i := 0; i < len(c.rows); i += distance {
		r := c.rows[i]
		if worst != nil && order.isBehind(r, worst) {
			continue
		}
		p := order.placeOf(r)
		if after != nil && order.compare(&p, after) <= 0 || worst != nil && order.compare(&p, worst) > 0 || !f.match(r) {
			continue
		}
		if found = append(found, p); len(found) >= 4*n+100 {
			cut()
		}
	}
	cut()
	return found
}

// isReady starts to read the catalog, if nothing has yet, and reports whether it can
// answer, for which it waits.
func (c *Catalog) isReady(ctx context.Context, wait time.Duration) bool {
	c.begin.Do(func() {
		c.dirtyMu.Lock()
		c.begun = true
		c.dirtyMu.Unlock()
		c.running.Go(c.run)
	})
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		c.mu.RLock()
		ready, changed := c.ready, c.changed
		c.mu.RUnlock()
		if ready {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (c *Catalog) loading() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.cause != nil && !errors.Is(c.cause, context.Canceled) {
		return c.cause
	}
	return storage.LoadingError{Read: c.progress}
}
