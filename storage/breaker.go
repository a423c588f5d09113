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

	// probesToRecover is how many probes in a row must succeed to end an outage.
	// Reads go to the store again after the first.
	probesToRecover = 4
)

// Breaker is a circuit breaker between the cache and its store. Once a read finds
// the store unavailable, further reads fail at once with the cause, and the store
// is probed in the background until it answers.
type Breaker struct {
	probing *background.Group
	store   Reader
	changed func(cause error)

	mu sync.Mutex
	// cause is why reads fail at once, or nil if they go to the store.
	cause error
	// outage is set while the store is being probed. successes counts how many
	// probes in a row have succeeded.
	outage    bool
	successes int
}

// NewBreaker returns a breaker in front of store. It calls changed with the cause
// when an outage begins and with nil when it ends, but only once each, however often
// the store comes and goes in between. changed must not call the breaker. The probes
// stop when ctx is done; Wait waits for that.
func NewBreaker(ctx context.Context, store Reader, changed func(cause error)) *Breaker {
	return &Breaker{probing: background.New(ctx), store: store, changed: changed}
}

// Get reads a record, or fails at once if the store is known to be unavailable.
func (b *Breaker) Get(ctx context.Context, id string) (*token.Record, error) {
	if cause := b.Away(); cause != nil {
		return nil, cause
	}
	record, err := b.store.Get(ctx, id)
	if isOutage(err) {
		b.failed(err)
	}
	return record, err
}

// Away returns why the store is unavailable, or nil if it is not known to be.
func (b *Breaker) Away() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// Limiter wraps l in the breaker.
func (b *Breaker) Limiter(l Limiter) Limiter { return breakingLimiter{l, b} }

type breakingLimiter struct {
	Limiter
	breaker *Breaker
}

func (l breakingLimiter) Take(ctx context.Context, id string, limit token.Limit, n int) (Grant, error) {
	if cause := l.breaker.Away(); cause != nil {
		return Grant{}, cause
	}
	grant, err := l.Limiter.Take(ctx, id, limit, n)
	if isOutage(err) {
		l.breaker.failed(err)
	}
	return grant, err
}

// Probe checks whether the store answers, so that an outage is noticed before a
// request needs the store.
func (b *Breaker) Probe(ctx context.Context) error {
	err := b.probe(ctx)
	if err != nil {
		b.failed(err)
	}
	return err
}

// Wait waits for running probes. Call it after ctx is done.
func (b *Breaker) Wait() { b.probing.Wait() }

// isOutage reports whether err means that the store is away, rather than that one
// record is damaged, the store is slow or the caller gave up.
func isOutage(err error) bool {
	return errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrBusy) && !errors.Is(err, context.Canceled)
}

// failed begins an outage or continues the current one.
func (b *Breaker) failed(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause, b.successes = cause, 0
	if b.outage {
		return
	}
	b.outage = true
	b.changed(cause)
	b.probing.Go(b.probeUntilOver)
}

// probeUntilOver probes the store until the outage is over.
func (b *Breaker) probeUntilOver(ctx context.Context) {
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
// several probes in a row have succeeded and no read has failed in between. One
// success is not enough, because a store that is starting up comes and goes.
func (b *Breaker) probed(err error) (over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause = err
	if b.successes++; err != nil {
		b.successes = 0
	}
	if b.successes < probesToRecover {
		return false
	}
	b.outage = false
	b.changed(nil)
	return true
}

// probe reads a record that no store has, the one with the empty id.
func (b *Breaker) probe(ctx context.Context) error {
	if _, err := b.store.Get(ctx, ""); isOutage(err) {
		return err
	}
	return nil
}

var _ Reader = (*Breaker)(nil)
