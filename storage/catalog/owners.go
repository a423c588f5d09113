package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Owners counts the tokens of each owner whose name has a text in it.
func (c *Catalog) Owners(ctx context.Context, query storage.CensusQuery, text string) (owners []storage.OwnerTally, damaged int, err error) {
	if !c.isReady(ctx, waitForOrders) {
		return nil, 0, c.loading()
	}
	if err := c.settle(ctx, false, query.Judge); err != nil {
		return nil, 0, err
	}
	now, text := query.Now.UnixMilli(), token.Fold(text)
	places := make(map[string]int)
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, r := range slices.Backward(c.rows) {
		owner := r.owner()
		if text != "" && !strings.Contains(owner, text) {
			continue
		}
		p := c.profiles[r.profile]
		state, counts := c.counted(r, now)
		if !counts {
			continue
		}
		at, known := places[owner]
		if !known {
			at = len(owners)
			places[owner] = at
			owners = append(owners, storage.OwnerTally{Owner: owner, Newest: string(r.id[:]), Respelled: p.respelled, Kind: p.record.Kind})
		}
		owners[at].Add(p.record.Kind, states[state])
	}
	slices.SortFunc(owners, func(a, b storage.OwnerTally) int { return strings.Compare(a.Owner, b.Owner) })
	return owners, len(c.damaged), nil
}
