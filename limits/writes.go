package limits

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// WritesOf returns the limit on a token's requests that change something in Jira, its
// own or the configuration's. Zero means no limit.
func (l *Limits) WritesOf(record *token.Record) token.Limit {
	return effective(record.LimitWrites, l.Writes)
}

// TakeWrite counts a request that changes something in Jira, or returns the limit that
// it exceeds.
func (l *Limits) TakeWrite(ctx context.Context, record *token.Record) *Exceeded {
	limit := l.WritesOf(record)
	if limit == (token.Limit{}) {
		return nil
	}
	if wait := l.rates.take(ctx, writesID(record), limit); wait > 0 {
		return exceeds(TokenWrites, limit, wait)
	}
	return nil
}

// WritesLeft returns how many more changes the token's limit on writes allows now, as
// Left does for all requests.
func (l *Limits) WritesLeft(record *token.Record) int {
	limit := l.WritesOf(record)
	if limit == (token.Limit{}) {
		return 0
	}
	return l.rates.left(writesID(record), limit)
}

// writesID names the bucket of a token's writes, next to the one of all its requests,
// which has the budget's ID.
func writesID(record *token.Record) string { return record.BudgetID() + ":writes" }
