// Package limits enforces rate limits, limits on concurrent requests and limits
// on failed authentication.
package limits

import (
	"context"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Counters hold the state that limits are checked against. They outlive the
// configuration that sets the limits.
type Counters struct {
	rates    *rates
	tokens   concurrency
	accounts concurrency
	failures *failures
}

// Shared counts the requests of all nodes together. storage.Limiter implements it.
type Shared interface {
	// Take takes up to n requests from the bucket with this ID and limit.
	Take(ctx context.Context, id string, limit token.Limit, n int) (token.Grant, error)
}

// NewCounters returns counters at zero. shared, which may be nil, counts the
// requests of all nodes; calls to it run in running, and asked receives the
// result of each.
func NewCounters(running *background.Group, shared Shared, asked func(err error)) *Counters {
	return &Counters{rates: newRates(running, shared, asked), failures: newFailures()}
}

// Limits are the limits of one configuration, with the counters. Requests count by
// Record.BudgetID: by token, except for exchanged tokens.
type Limits struct {
	*Counters

	// Token is the default rate limit, for tokens without a limit of their own.
	// Zero means no limit.
	Token token.Limit
	// Writes is the default limit on requests that change something in Jira, for
	// tokens without one of their own. Zero means no limit.
	Writes token.Limit
	// MaxConcurrent is the default limit on the requests of one token in flight,
	// for tokens without a limit of their own. Zero means no limit.
	MaxConcurrent token.Concurrency
	// Accounts limits the requests in flight per account, by name. An account
	// that is not listed has no limit.
	Accounts map[string]token.Concurrency
	// Failures limits how often a client network may fail to authenticate, and how
	// often anyone may fail to authenticate as an owner. Zero and token.Unlimited mean
	// no limit; the burst is ignored.
	Failures token.Limit
}

// Exceeded describes the bound that a request exceeds.
type Exceeded struct {
	Bound Bound
	// Burst, FillRate and Interval describe the bound as a bucket, like Jira's
	// X-RateLimit headers: it holds Burst and gains FillRate every Interval.
	Burst, FillRate int
	Interval        time.Duration
	// RetryAfter is how long to wait before retrying, always positive.
	RetryAfter time.Duration
}

// Bound identifies a limit that a request can exceed.
type Bound int

// The bounds.
const (
	TokenRate Bound = iota + 1
	TokenWrites
	TokenConcurrency
	AccountConcurrency
	NetworkFailures
	OwnerFailures
	// PendingApprovals bounds the requests of a token that wait for approval. It is not
	// checked here.
	PendingApprovals
)

// String returns the bound's name in logs.
func (b Bound) String() string {
	switch b {
	case TokenRate:
		return "limit of the token"
	case TokenWrites:
		return "limit_writes of the token"
	case TokenConcurrency:
		return "max_concurrent of the token"
	case AccountConcurrency:
		return "max_concurrent of the account"
	case NetworkFailures:
		return "max_failures of the client network"
	case OwnerFailures:
		return "max_failures of the owner"
	case PendingApprovals:
		return "requests of the token that wait for approval"
	}
	return ""
}

// slotRetryAfter is the RetryAfter of a limit on concurrent requests: a slot may
// become free at any moment.
const slotRetryAfter = time.Second

// Slot is a request's share of the limits on concurrent requests. Releasing the
// zero Slot does nothing.
type Slot struct {
	counters       *Counters
	token, account string // empty if not counted
}

// Release frees the slot. Call it only once.
func (s Slot) Release() {
	if s.token != "" {
		s.counters.tokens.leave(s.token)
	}
	if s.account != "" {
		s.counters.accounts.leave(s.account)
	}
}

// Acquire admits a request with the token of record, or returns the bound that it
// exceeds. The caller must release the slot when the request ends.
func (l *Limits) Acquire(ctx context.Context, record *token.Record) (Slot, *Exceeded) {
	slot, exceeded := l.enter(record)
	if exceeded != nil {
		return Slot{}, exceeded
	}
	if limit := l.RateOf(record); limit != (token.Limit{}) {
		if wait := l.rates.take(ctx, record.BudgetID(), limit); wait > 0 {
			slot.Release()
			return Slot{}, exceeds(TokenRate, limit, wait)
		}
	}
	return slot, nil
}

// enter counts the request as in flight.
func (l *Limits) enter(record *token.Record) (Slot, *Exceeded) {
	slot := Slot{counters: l.Counters}
	if limit := l.ConcurrencyOf(record); limit > 0 {
		budget := record.BudgetID()
		if !l.tokens.enter(budget, limit) {
			return Slot{}, exceedsConcurrency(TokenConcurrency, limit)
		}
		slot.token = budget
	}
	if limit := int(l.Accounts[record.Account]); limit > 0 {
		if !l.accounts.enter(record.Account, limit) {
			slot.Release()
			return Slot{}, exceedsConcurrency(AccountConcurrency, limit)
		}
		slot.account = record.Account
	}
	return slot, nil
}

func exceeds(bound Bound, limit token.Limit, retryAfter time.Duration) *Exceeded {
	return &Exceeded{Bound: bound, Burst: limit.Burst, FillRate: limit.Requests, Interval: limit.Period, RetryAfter: retryAfter}
}

func exceedsConcurrency(bound Bound, limit int) *Exceeded {
	return &Exceeded{Bound: bound, Burst: limit, FillRate: limit, Interval: slotRetryAfter, RetryAfter: slotRetryAfter}
}

// RateOf returns the rate limit that applies to a token, its own or the
// configuration's. Zero means no limit.
func (l *Limits) RateOf(record *token.Record) token.Limit {
	return effective(record.Limit, l.Token)
}

// effective returns a token's own limit or, if it has none, the default. Zero means no
// limit.
func effective(own, fallback token.Limit) token.Limit {
	limit := fallback
	if own != (token.Limit{}) {
		limit = own
	}
	if limit == token.Unlimited {
		return token.Limit{}
	}
	return limit
}

// ConcurrencyOf returns how many requests of a token may be in flight, its own
// limit or the configuration's. 0 means no limit.
func (l *Limits) ConcurrencyOf(record *token.Record) int {
	bound := l.MaxConcurrent
	if record.MaxConcurrent != 0 {
		bound = record.MaxConcurrent
	}
	return max(0, int(bound)) // token.Unbounded is below 0
}

// Blocked returns the bound exceeded by failed authentications from the client's
// network or for this owner, or nil. The owner may be empty. Requests with an
// invalid address are never blocked.
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

// MayLookUp reports whether a token may be looked up in the store although its address
// or owner is blocked: once a second for each network. So a correct token gets through,
// and is in the cache from then on, while guesses cause hardly any lookups.
func (l *Limits) MayLookUp(address netip.Addr) bool { return l.failures.mayLookUp(address) }

// Failed records a failed authentication and returns the bound that it reaches,
// or 0.
func (l *Limits) Failed(address netip.Addr, owner string) (reached Bound) {
	if l.Failures.Requests <= 0 || !address.IsValid() {
		return 0
	}
	return l.failures.failed(address, owner, l.Failures)
}
