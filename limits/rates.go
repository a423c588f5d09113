package limits

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// maxBuckets is the maximum number of buckets in memory. The bucket of a token that
	// has not been used for a while would be full anyway.
	maxBuckets = 100_000

	// leaseLife is how long leased requests stay valid. A node cannot save unused
	// ones for later.
	leaseLife = time.Second

	// A node leases ahead at most 1/aheadOfBurst of the burst and 1/aheadOfRate
	// of what the bucket gains in leaseLife, since unused leases are lost to all
	// nodes. With a slow limit that is nothing, and every request asks the store.
	aheadOfBurst, aheadOfRate = 20, 10

	// sharedRest is how long a node counts on its own after the store failed,
	// before it asks again.
	sharedRest = time.Second

	// clockSlack is how far a store's RetryAfter may exceed the refill interval
	// and still be trusted, since clocks differ.
	clockSlack = time.Second

	// retrySoon is the RetryAfter of a request that ended before the store answered.
	retrySoon = time.Second
)

// rates limits how fast tokens are used: across all nodes while the store can
// count for them, otherwise on this node alone.
type rates struct {
	running *background.Group
	shared  Shared // nil if the store cannot count
	asked   func(err error)
	buckets *otter.Cache[bucketKey, *bucket]
	now     func() time.Time
	began   time.Time

	// restUntil is when to ask the store again, as the time since began.
	restUntil atomic.Int64
	// over is set once the store has been closed.
	over atomic.Bool
}

// bucketKey includes the limit: a changed limit starts with a full bucket.
type bucketKey struct {
	id    string
	limit token.Limit
}

// bucket is one token's bucket on this node: what it has leased from the shared
// bucket, and a local bucket for when there is no shared one.
type bucket struct {
	local *rate.Limiter

	mu     sync.Mutex
	leased int
	// leaseEnds is when the lease expires, emptyUntil when the shared bucket has
	// requests again, and localUntil when to trust the shared bucket again.
	leaseEnds, emptyUntil, localUntil time.Time
	// remaining is what the shared bucket had left at grantedAt, which is zero before the
	// first grant.
	remaining int
	grantedAt time.Time
	// waiting is the number of requests that wait for the next refill.
	waiting int
	refill  chan struct{} // closed when it has arrived; nil if none is in flight
}

func newRates(running *background.Group, shared Shared, asked func(error)) *rates {
	return &rates{
		running: running, shared: shared, asked: asked, now: time.Now, began: time.Now(),
		buckets: otter.Must(&otter.Options[bucketKey, *bucket]{MaximumSize: maxBuckets}),
	}
}

// take takes one request from a token's bucket. If the bucket is empty it returns
// how long to wait before retrying.
func (r *rates) take(ctx context.Context, id string, limit token.Limit) (retryAfter time.Duration) {
	b := r.bucket(bucketKey{id, limit})
	for r.asksStore() {
		retryAfter, refill := r.takeLeased(b, id, limit)
		if refill == nil {
			return retryAfter
		}
		select {
		case <-refill:
		case <-ctx.Done():
			return retrySoon
		}
	}
	return b.takeLocal(r.now(), limit)
}

// asksStore reports whether requests are counted across all nodes.
func (r *rates) asksStore() bool {
	return r.shared != nil && !r.over.Load() && r.now().Sub(r.began) >= time.Duration(r.restUntil.Load())
}

func (r *rates) bucket(key bucketKey) *bucket {
	if b, ok := r.buckets.GetIfPresent(key); ok {
		return b
	}
	every := rate.Limit(float64(key.limit.Requests) / key.limit.Period.Seconds())
	b, _ := r.buckets.SetIfAbsent(key, &bucket{local: rate.NewLimiter(every, key.limit.Burst)})
	return b
}

// takeLeased takes one leased request. If none is left it returns a refill; the
// caller tries again once that is closed.
func (r *rates) takeLeased(b *bucket, id string, limit token.Limit) (retryAfter time.Duration, refill <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := r.now()
	if !now.Before(b.leaseEnds) {
		b.leased = 0
	}
	switch {
	case now.Before(b.localUntil):
		return b.takeLocal(now, limit), nil
	case b.leased > 0:
		b.leased--
		if ahead := ahead(limit); b.leased < ahead/2 && b.refill == nil && !now.Before(b.emptyUntil) {
			r.beginRefill(b, id, limit, ahead)
		}
		return 0, nil
	case now.Before(b.emptyUntil):
		return b.emptyUntil.Sub(now), nil
	}
	if b.refill == nil && !r.asksStore() {
		// A refill has failed since the caller checked.
		failed := make(chan struct{})
		close(failed)
		return 0, failed
	}
	b.waiting++
	if b.refill == nil {
		r.beginRefill(b, id, limit, max(ahead(limit), 1))
	}
	return 0, b.refill
}

// ahead returns how many requests a node leases ahead.
func ahead(limit token.Limit) int {
	perLease := int64(limit.Requests) * int64(leaseLife) / int64(limit.Period)
	return min(limit.Burst/aheadOfBurst, int(perLease)/aheadOfRate)
}

// beginRefill leases n requests, or more if more are waiting by then. It does not depend
// on any one request. The caller must hold b.mu.
func (r *rates) beginRefill(b *bucket, id string, limit token.Limit, n int) {
	b.refill = make(chan struct{})
	begun := r.running.Go(func(ctx context.Context) {
		b.mu.Lock()
		n = max(n, min(b.waiting, limit.Burst))
		b.waiting = 0
		b.mu.Unlock()
		grant, err := r.shared.Take(ctx, id, limit, n)
		r.endRefill(b, limit, grant, err)
	})
	if !begun {
		r.over.Store(true)
		close(b.refill)
	}
}

// endRefill records the store's grant.
func (r *rates) endRefill(b *bucket, limit token.Limit, grant token.Grant, err error) {
	r.asked(err)
	now := r.now()
	if err != nil {
		r.restUntil.Store(int64(now.Add(sharedRest).Sub(r.began)))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.refill)
	b.refill, b.waiting = nil, 0 // callers that still find nothing wait again
	if err == nil {
		b.granted(now, grant.Remaining)
	}
	switch {
	case err != nil:
	case grant.Granted == 0:
		// An empty bucket gains a request in this time. A much longer RetryAfter means
		// that the clock was ahead when the bucket was last written.
		interval := limit.Period / time.Duration(limit.Requests)
		if grant.RetryAfter > interval+clockSlack {
			b.localUntil = now.Add(sharedRest)
			break
		}
		b.emptyUntil = now.Add(min(grant.RetryAfter, interval))
	default:
		b.leased += grant.Granted
		b.leaseEnds = now.Add(leaseLife)
	}
}

func (b *bucket) takeLocal(now time.Time, limit token.Limit) (retryAfter time.Duration) {
	if b.local.AllowN(now, 1) {
		return 0
	}
	missing := 1 - b.local.TokensAt(now)
	return max(1, time.Duration(missing*float64(limit.Period)/float64(limit.Requests)))
}
