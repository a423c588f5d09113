package catalog

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Census counts tokens.
func (c *Catalog) Census(ctx context.Context, query storage.CensusQuery) (*storage.Census, error) {
	if !c.isReady(ctx, waitForOrders) {
		return nil, c.loading()
	}
	if err := c.settle(ctx, true, query.Judge); err != nil {
		return nil, err
	}
	census := storage.NewCensus(query)
	now := query.Now.UnixMilli()
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, r := range c.rows {
		if r.isGone(now) {
			continue
		}
		state, p := r.state(now), c.profiles[r.profile]
		if state == token.StateActive && r.suspended {
			state = token.StateSuspended
		}
		census.Add(storage.Counted{
			State: state, Scope: p.record.Scope, Exchanged: p.exchanged, Since: timeOf(max(r.created, r.notBefore)),
			ExpiresAt: timeOf(r.expires), UsedAt: timeOf(usedAt(r)),
		})
	}
	if len(c.damaged) > 0 {
		census.States[token.StateDamaged] = len(c.damaged)
	}
	return census, nil
}
