package catalog

import (
	"context"
	"math/bits"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// names numbers the case-folded names of owners, so that rows can be counted by owner
// without looking a name up for each of them.
type names struct {
	list    []string
	numbers map[string]uint32
	// ordered are the numbers in the order of the names.
	ordered []uint32
}

func newNames() names { return names{numbers: make(map[string]uint32)} }

// number returns the number of a name.
func (n *names) number(name string) uint32 {
	number, ok := n.numbers[name]
	if !ok {
		number = uint32(len(n.list)) //nolint:gosec // G115: as many as there are tokens at most
		n.list, n.numbers[name] = append(n.list, name), number
	}
	return number
}

// order brings the numbers that were added into the order of the names.
func (n *names) order() {
	var added []uint32
	for number := len(n.ordered); number < len(n.list); number++ {
		added = append(added, uint32(number)) //nolint:gosec // G115: see number
	}
	if len(added) == 0 {
		return
	}
	slices.SortFunc(added, func(a, b uint32) int { return strings.Compare(n.list[a], n.list[b]) })
	ordered := make([]uint32, 0, len(n.list))
	for _, number := range n.ordered {
		for len(added) > 0 && n.list[added[0]] < n.list[number] {
			ordered, added = append(ordered, added[0]), added[1:]
		}
		ordered = append(ordered, number)
	}
	n.ordered = append(ordered, added...)
}

// tally counts the tokens of an owner.
type tally struct {
	// newest is the row of the newest token, or nil if there are none.
	newest *row
	kind   token.Kind
	counts [stateCount]uint32 // by the place of the state's bit
}

// Owners counts the tokens of each owner that query asks for.
func (c *Catalog) Owners(ctx context.Context, query storage.OwnersQuery) (*storage.Owners, error) {
	if !c.isReady(ctx, waitForOrders) {
		return nil, c.loading()
	}
	if err := c.settle(ctx, false, query.Judge); err != nil {
		return nil, err
	}
	text := token.Fold(query.Text)
	c.mu.RLock()
	defer c.mu.RUnlock()
	tallies, found := c.tallies(query.Now.UnixMilli()), &storage.Owners{Damaged: len(c.damaged)}
	for _, number := range c.owners.ordered {
		t, name := &tallies[number], c.owners.list[number]
		if t.newest == nil || !strings.Contains(name, text) {
			continue
		}
		if query.Match != nil && !query.Match(name, t.kind) {
			continue
		}
		if found.Total++; query.Limit > 0 && found.Total > query.Limit {
			continue
		}
		owner := storage.OwnerTally{Owner: name, Newest: string(t.newest.id[:]), Respelled: c.profiles[t.newest.profile].respelled, Kind: t.kind}
		for bit, n := range t.counts {
			if n > 0 {
				owner.Add(states[1<<bit], n)
			}
		}
		found.Tallies = append(found.Tallies, owner)
	}
	return found, nil
}

// tallies counts the tokens of all owners, by the owners' numbers. The caller holds mu.
func (c *Catalog) tallies(now int64) []tally {
	tallies := make([]tally, len(c.owners.list))
	for _, r := range slices.Backward(c.rows) {
		state, counts := c.counted(r, now)
		if !counts {
			continue
		}
		t, kind := &tallies[r.owner], c.profiles[r.profile].record.Kind
		if t.newest == nil {
			t.newest, t.kind = r, kind
		}
		t.kind = min(t.kind, kind) // user before external before service
		t.counts[bits.TrailingZeros8(uint8(state))]++
	}
	return tallies
}
