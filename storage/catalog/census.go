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
	c.mu.Lock()
	c.setUses(query.Uses)
	c.mu.Unlock()
	now := query.Now.UnixMilli()
	expiring, unused := query.Now.Add(query.Expiring).UnixMilli(), query.Now.Add(-query.Unused).UnixMilli()
	census := new(storage.Census)
	var inState [isSuspended + 1]int
	inScope := make(map[token.Scope]int)
	c.mu.RLock()
	defer c.mu.RUnlock()
	scopes := make([]int, len(c.profiles))
	for _, r := range c.rows {
		state, counts := c.counted(r, now)
		if !counts {
			continue
		}
		inState[state]++
		if state == isActive {
			scopes[r.profile]++
		}
		if state&(isActive|isNotYetValid|isSuspended) == 0 {
			continue
		}
		used := usedAt(r)
		if r.expires != 0 && r.expires <= expiring && !c.profiles[r.profile].exchanged {
			census.Expiring++
		}
		if used == 0 {
			census.NeverUsed++
		}
		if !c.profiles[r.profile].exchanged && max(r.created, r.notBefore, used) <= unused {
			census.Unused++
		}
	}
	for i, n := range scopes {
		if n > 0 {
			inScope[c.profiles[i].record.Scope] += n
		}
	}
	census.Scopes, census.States = inScope, make(map[token.State]int)
	for bit, n := range inState {
		if n > 0 {
			census.States[states[state(bit)]] = n
		}
	}
	if n := len(c.damaged); n > 0 {
		census.States[token.StateDamaged] = n
	}
	return census, nil
}

// counted returns the state in which a row's token counts, and whether it does. The caller
// holds mu.
func (c *Catalog) counted(r *row, now int64) (state, bool) {
	if r.isGone(now) || r.expires != 0 && now >= r.expires && c.profiles[r.profile].exchanged {
		return 0, false
	}
	state := r.state(now)
	if state == isActive && r.suspended {
		state = isSuspended
	}
	return state, true
}
