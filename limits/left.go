package limits

import (
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Left returns how many more requests the token's rate limit allows now, as far as this
// node knows: nodes that lease requests ahead learn of each other's at the next lease.
// It is meaningless for a token without a limit.
func (l *Limits) Left(record *token.Record) int {
	limit := l.RateOf(record)
	if limit == (token.Limit{}) {
		return 0
	}
	return l.rates.left(record.BudgetID(), limit)
}

// InFlight returns how many requests of a token are in flight on this node, if they are
// limited.
func (l *Limits) InFlight(record *token.Record) int { return l.tokens.count(record.BudgetID()) }

func (r *rates) left(id string, limit token.Limit) int {
	b, now, shared := r.bucket(bucketKey{id, limit}), r.now(), r.asksStore()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !shared || now.Before(b.localUntil) || b.grantedAt.IsZero() {
		return max(0, int(b.local.TokensAt(now)))
	}
	left := b.remaining
	if now.Before(b.leaseEnds) {
		left += b.leased
	}
	gained := float64(now.Sub(b.grantedAt)) * float64(limit.Requests) / float64(limit.Period)
	return max(0, min(limit.Burst, left+int(min(gained, float64(limit.Burst)))))
}

// granted records what the shared bucket had left after a grant. The caller must hold
// b.mu.
func (b *bucket) granted(now time.Time, remaining int) {
	b.grantedAt, b.remaining = now, remaining
}

// count returns how many requests are in flight.
func (c *concurrency) count(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight[name]
}
