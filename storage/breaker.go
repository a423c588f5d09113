package storage

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// probeInterval is how often a store that is away is probed.
	probeInterval = 250 * time.Millisecond

	// steadyProbes is how many probes in a row a store answers whose outage is
	// over. Reads go to it from the first on.
	steadyProbes = 4
)

// Breaker is a circuit breaker between the cache and its store. Once a read finds
// the store unavailable, further reads fail at once with the cause, and the store
// is probed in the background until it answers.
type Breaker struct {
	probing *background.Group
	store   Reader
	changed func(cause error)

	mu sync.Mutex
	// cause is why reads fail at once; nil: they go to the store.
	cause error
	// outage says that the store is being probed; steady counts the probes in
	// a row that it has answered.
	outage bool
	steady int
}

// NewBreaker returns a breaker in front of store. changed is told of the
// beginning of an outage, with its cause, and of its end, with nil: once each,
// however often the store comes and goes in between. It must not call back. The
// probes end with ctx; Wait waits for that.
func NewBreaker(ctx context.Context, store Reader, changed func(cause error)) *Breaker {
	return &Breaker{probing: background.New(ctx), store: store, changed: changed}
}

// Get reads a record, unless the store is known to be away.
func (b *Breaker) Get(ctx context.Context, id string) (*token.Record, error) {
	if cause := b.Away(); cause != nil {
		return nil, cause
	}
	record, err := b.store.Get(ctx, id)
	if saysAway(err) {
		b.broken(err)
	}
	return record, err
}

// Away returns why the store is unavailable, or nil if it is not known to be.
func (b *Breaker) Away() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// Limiter returns l behind the breaker.
func (b *Breaker) Limiter(l Limiter) Limiter { return breakingLimiter{l, b} }

type breakingLimiter struct {
	Limiter
	breaker *Breaker
}

func (l breakingLimiter) Take(ctx context.Context, id string, limit token.Limit, most int) (Grant, error) {
	if cause := l.breaker.Away(); cause != nil {
		return Grant{}, cause
	}
	grant, err := l.Limiter.Take(ctx, id, limit, most)
	if saysAway(err) {
		l.breaker.broken(err)
	}
	return grant, err
}

// Probe checks whether the store answers, before a request needs it.
func (b *Breaker) Probe(ctx context.Context) error {
	err := b.probe(ctx)
	if err != nil {
		b.broken(err)
	}
	return err
}

// Wait waits for running probes. Call it after ctx has ended.
func (b *Breaker) Wait() { b.probing.Wait() }

// saysAway tells an outage from what is wrong with one record, from a store that
// is slow, and from a caller who gave up.
func saysAway(err error) bool {
	return errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrBusy) && !errors.Is(err, context.Canceled)
}

// broken begins an outage or continues the current one.
func (b *Breaker) broken(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause, b.steady = cause, 0
	if b.outage {
		return
	}
	b.outage = true
	b.changed(cause)
	b.probing.Go(b.await)
}

// await probes until the outage is over.
func (b *Breaker) await(ctx context.Context) {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for over := false; !over; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			over = b.probed(b.probe(ctx))
		}
	}
}

// probed records the result of a probe and reports whether the outage is over:
// the store has answered several probes in a row and no read has failed in
// between. A store that is starting or slow comes and goes.
func (b *Breaker) probed(err error) (over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause = err
	if b.steady++; err != nil {
		b.steady = 0
	}
	if b.steady < steadyProbes {
		return false
	}
	b.outage = false
	b.changed(nil)
	return true
}

// probe reads what no store has: the record of no id.
func (b *Breaker) probe(ctx context.Context) error {
	if _, err := b.store.Get(ctx, ""); saysAway(err) {
		return err
	}
	return nil
}

var _ Reader = (*Breaker)(nil)
