// Package limits bounds how much one token, one account and those who fail to
// authenticate may ask of a gateway.
package limits

import (
	"context"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Counters are what limits are compared with. They outlive the configuration
// that sets the limits.
type Counters struct {
	rates    *rates
	tokens   concurrency
	accounts concurrency
	failures *failures
}

// NewCounters returns counters that begin at nothing. shared, if there is one,
// counts the requests of all nodes together; asked is told of each of its
// answers. Questions run in asking.
func NewCounters(asking *background.Group, shared storage.Limiter, asked func(err error)) *Counters {
	return &Counters{rates: newRates(asking, shared, asked), failures: newFailures()}
}

// Limits are those of one configuration, over the counters.
type Limits struct {
	*Counters

	// Token is for tokens that have no limit of their own; zero: none.
	Token token.Limit
	// MaxConcurrent bounds the requests under way of one token that has no
	// bound of its own; 0: no bound.
	MaxConcurrent int
	// Accounts bounds the requests under way with one account, by its name; one
	// that is not in it has no bound.
	Accounts map[string]int
	// Failures is how often a network or an owner may fail to authenticate in a
	// period.
	Failures token.Limit
}

// Excess says which limit a request exceeds.
type Excess struct {
	What What
	// Limit is the limit. One of requests at once has no period.
	Limit token.Limit
	// RetryAfter is when to try again.
	RetryAfter time.Duration
}

// What is what a limit bounds.
type What string

// What is limited.
const (
	TokenRate          What = "requests of the token"
	TokenConcurrency   What = "requests of the token at once"
	AccountConcurrency What = "requests of the account at once"
	FailureRate        What = "failures to authenticate"
)

// atOnceRetryAfter is when to try again while too many requests are under way:
// one may end at any moment.
const atOnceRetryAfter = time.Second

// Use is a request that is under way. The zero Use is none.
type Use struct {
	counters       *Counters
	token, account string // empty: not counted
}

// End ends a use. It may be called of one that has not begun.
func (u Use) End() {
	if u.token != "" {
		u.counters.tokens.leave(u.token)
	}
	if u.account != "" {
		u.counters.accounts.leave(u.account)
	}
}

// Begin counts a request with the token of record, or says what it exceeds.
// Whoever begins a use ends it.
func (l *Limits) Begin(ctx context.Context, record *token.Record) (Use, *Excess) {
	use, excess := l.enter(record)
	if excess != nil {
		return use, excess
	}
	if limit := l.RateOf(record); limit != (token.Limit{}) {
		if grant := l.rates.take(ctx, record.ID, limit); grant.Granted == 0 {
			use.End()
			return Use{}, &Excess{What: TokenRate, Limit: limit, RetryAfter: grant.RetryAfter}
		}
	}
	return use, nil
}

// enter counts the request among those under way.
func (l *Limits) enter(record *token.Record) (Use, *Excess) {
	use := Use{counters: l.Counters}
	if most := l.ConcurrencyOf(record); most > 0 {
		if !l.tokens.enter(record.ID, most) {
			return Use{}, atOnce(TokenConcurrency, most)
		}
		use.token = record.ID
	}
	if most := l.Accounts[record.Account]; most > 0 {
		if !l.accounts.enter(record.Account, most) {
			use.End()
			return Use{}, atOnce(AccountConcurrency, most)
		}
		use.account = record.Account
	}
	return use, nil
}

func atOnce(what What, most int) *Excess {
	return &Excess{What: what, Limit: token.Limit{Requests: most, Burst: most}, RetryAfter: atOnceRetryAfter}
}

// RateOf returns the limit that applies to a token, its own or the
// configuration's; zero: none does.
func (l *Limits) RateOf(record *token.Record) token.Limit {
	limit := l.Token
	if record.Limit != (token.Limit{}) {
		limit = record.Limit
	}
	if limit == token.Unlimited {
		return token.Limit{}
	}
	return limit
}

// ConcurrencyOf returns how many requests of a token may be under way; 0: any
// number.
func (l *Limits) ConcurrencyOf(record *token.Record) int {
	if record.MaxConcurrent > 0 {
		return record.MaxConcurrent
	}
	return l.MaxConcurrent
}

// Blocked says whether too many have failed to authenticate from this address,
// or as this owner, who may be empty.
func (l *Limits) Blocked(address netip.Addr, owner string) *Excess {
	if l.Failures.Requests <= 0 || !address.IsValid() {
		return nil
	}
	wait := l.failures.blocked(address, owner, l.Failures)
	if wait <= 0 {
		return nil
	}
	return &Excess{What: FailureRate, Limit: l.Failures, RetryAfter: wait}
}

// Failed counts a failure to authenticate.
func (l *Limits) Failed(address netip.Addr, owner string) {
	if l.Failures.Requests > 0 && address.IsValid() {
		l.failures.failed(address, owner, l.Failures)
	}
}
