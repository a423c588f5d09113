// Package limits bounds how much one token, one account and those who fail to
// authenticate may ask of a gateway.
package limits

import (
	"context"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
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

// Shared counts the requests of all nodes together: storage.Limiter.
type Shared interface {
	// Take takes up to most requests out of the bucket of the token with this
	// id.
	Take(ctx context.Context, id string, limit token.Limit, most int) (token.Grant, error)
}

// NewCounters returns counters that begin at nothing. shared, if there is one,
// counts the requests of all nodes together, asked in running; asked is told of
// how each answer went.
func NewCounters(running *background.Group, shared Shared, asked func(err error)) *Counters {
	return &Counters{rates: newRates(running, shared, asked), failures: newFailures()}
}

// Limits are those of one configuration, over the counters.
type Limits struct {
	*Counters

	// Token is for tokens that have no limit of their own; zero: none.
	Token token.Limit
	// MaxConcurrent bounds the requests in flight of one token that has no
	// bound of its own; zero: no bound.
	MaxConcurrent token.Concurrency
	// Accounts bounds the requests under way with one account, by its name; one
	// that is not in it has no bound.
	Accounts map[string]token.Concurrency
	// Failures is how often a client network or an owner may fail to
	// authenticate in a period; none, or token.Unlimited: any number. Its burst
	// says nothing.
	Failures token.Limit
}

// Exceeded says which bound a request exceeds.
type Exceeded struct {
	Bound Bound
	// The bound itself, as Jira's X-RateLimit headers tell of a bucket: it
	// holds Burst, and gets FillRate more in every Interval.
	Burst, FillRate int
	Interval        time.Duration
	// RetryAfter is when to try again: more than 0.
	RetryAfter time.Duration
}

// Bound is what a request can exceed.
type Bound int

// The bounds.
const (
	TokenRate Bound = iota + 1
	TokenConcurrency
	AccountConcurrency
	NetworkFailures
	OwnerFailures
)

// String returns the bound's name in logs.
func (b Bound) String() string {
	switch b {
	case TokenRate:
		return "limit of the token"
	case TokenConcurrency:
		return "max_concurrent of the token"
	case AccountConcurrency:
		return "max_concurrent of the account"
	case NetworkFailures:
		return "max_failures of the client network"
	case OwnerFailures:
		return "max_failures of the owner"
	}
	return ""
}

// slotRetryAfter is when to try again while too many requests are under way:
// one may end at any moment.
const slotRetryAfter = time.Second

// Slot is the place of a request among those under way. The zero Slot is none.
type Slot struct {
	counters       *Counters
	token, account string // empty: not counted
}

// Release gives the slot back, once.
func (s Slot) Release() {
	if s.token != "" {
		s.counters.tokens.leave(s.token)
	}
	if s.account != "" {
		s.counters.accounts.leave(s.account)
	}
}

// Acquire lets a request with the token of record go on, or says what it
// exceeds. The slot is to be released when the request has ended.
func (l *Limits) Acquire(ctx context.Context, record *token.Record) (Slot, *Exceeded) {
	slot, exceeded := l.enter(record)
	if exceeded != nil {
		return Slot{}, exceeded
	}
	if limit := l.RateOf(record); limit != (token.Limit{}) {
		if wait := l.rates.take(ctx, record.ID, limit); wait > 0 {
			slot.Release()
			return Slot{}, exceeds(TokenRate, limit, wait)
		}
	}
	return slot, nil
}

// enter counts the request among those under way.
func (l *Limits) enter(record *token.Record) (Slot, *Exceeded) {
	slot := Slot{counters: l.Counters}
	if most := l.ConcurrencyOf(record); most > 0 {
		if !l.tokens.enter(record.ID, most) {
			return Slot{}, exceedsConcurrency(TokenConcurrency, most)
		}
		slot.token = record.ID
	}
	if most := int(l.Accounts[record.Account]); most > 0 {
		if !l.accounts.enter(record.Account, most) {
			slot.Release()
			return Slot{}, exceedsConcurrency(AccountConcurrency, most)
		}
		slot.account = record.Account
	}
	return slot, nil
}

func exceeds(bound Bound, limit token.Limit, retryAfter time.Duration) *Exceeded {
	return &Exceeded{Bound: bound, Burst: limit.Burst, FillRate: limit.Requests, Interval: limit.Period, RetryAfter: retryAfter}
}

func exceedsConcurrency(bound Bound, most int) *Exceeded {
	return &Exceeded{Bound: bound, Burst: most, FillRate: most, Interval: slotRetryAfter, RetryAfter: slotRetryAfter}
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

// ConcurrencyOf returns how many requests of a token may be in flight, by its own
// bound or the configuration's; 0: any number.
func (l *Limits) ConcurrencyOf(record *token.Record) int {
	bound := l.MaxConcurrent
	if record.MaxConcurrent != 0 {
		bound = record.MaxConcurrent
	}
	return max(0, int(bound)) // token.Unbounded is below 0
}

// Blocked says whether too many have failed to authenticate from the client's
// network, or as this owner, who may be empty. A request whose client address
// is not known is not counted.
func (l *Limits) Blocked(address netip.Addr, owner string) *Exceeded {
	if l.Failures.Requests <= 0 || !address.IsValid() {
		return nil
	}
	bound, wait := l.failures.blocked(address, owner, l.Failures)
	if wait <= 0 {
		return nil
	}
	return exceeds(bound, l.Failures, wait)
}

// Failed counts a failure to authenticate. It tells which bound is reached by
// it, if one is.
func (l *Limits) Failed(address netip.Addr, owner string) (reached Bound) {
	if l.Failures.Requests <= 0 || !address.IsValid() {
		return 0
	}
	return l.failures.failed(address, owner, l.Failures)
}
