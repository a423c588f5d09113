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
	// maxBuckets bounds the tokens whose use is counted here. One that is not
	// used for a while has a full bucket anyway.
	maxBuckets = 100_000

	// leaseLife is how long requests that were leased ahead are good for: what
	// a node did not use is not kept for later.
	leaseLife = time.Second

	// A node leases ahead at most this part of a burst, and of what comes into
	// the bucket in leaseLife: what is not used then is lost to all nodes. With
	// a slow limit that is nothing, and every request asks the store.
	aheadOfBurst, aheadOfRate = 20, 10

	// sharedRest is how long each node counts for itself after the store could
	// not, before it is asked again.
	sharedRest = time.Second

	// clockSlack is how much later than it can be a store may say that a bucket
	// has something again, and be believed: its clock is not ours.
	clockSlack = time.Second

	// retrySoon is when to try again for who left before it was known.
	retrySoon = time.Second
)

// rates counts how fast tokens are used: for all nodes together where the store
// can do that and answers, otherwise for this node.
type rates struct {
	running *background.Group
	shared  Shared // nil: none
	asked   func(err error)
	buckets *otter.Cache[bucketKey, *bucket]
	now     func() time.Time
	began   time.Time

	// restUntil is how long after began the store is asked again.
	restUntil atomic.Int64
	// over says that nothing can be asked any more.
	over atomic.Bool
}

// bucketKey has the limit in it: a changed one begins with a full bucket.
type bucketKey struct {
	id    string
	limit token.Limit
}

// bucket is of one token: what this node has leased of the shared one, and one
// of its own for when there is no shared one.
type bucket struct {
	local *rate.Limiter

	mu     sync.Mutex
	leased int
	// leaseEnds is when what is leased is void, emptyUntil when the shared
	// bucket has something again, and localUntil how long it is not believed.
	leaseEnds, emptyUntil, localUntil time.Time
	// waiting are those for whom the next refill must bring something.
	waiting int
	refill  chan struct{} // closed when it has come; nil: none is under way
}

func newRates(running *background.Group, shared Shared, asked func(error)) *rates {
	return &rates{
		running: running, shared: shared, asked: asked, now: time.Now, began: time.Now(),
		buckets: otter.Must(&otter.Options[bucketKey, *bucket]{MaximumSize: maxBuckets}),
	}
}

// take takes one request out of a token's bucket. If there is none it returns
// when to try again.
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

// asksStore reports whether requests are counted with the other nodes'.
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

// takeLeased takes one of what is leased. When there is nothing it returns the
// refill that will bring some, or tell when there is some; try again after it.
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
		// A refill has failed since the caller looked.
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

// ahead is how many requests a node leases ahead.
func ahead(limit token.Limit) int {
	perLease := int64(limit.Requests) * int64(leaseLife) / int64(limit.Period)
	return min(limit.Burst/aheadOfBurst, int(perLease)/aheadOfRate)
}

// beginRefill leases so many requests, and some for those who wait by then. It
// belongs to nobody's request. b.mu is held.
func (r *rates) beginRefill(b *bucket, id string, limit token.Limit, most int) {
	b.refill = make(chan struct{})
	begun := r.running.Go(func(ctx context.Context) {
		b.mu.Lock()
		most = max(most, min(b.waiting, limit.Burst))
		b.waiting = 0
		b.mu.Unlock()
		grant, err := r.shared.Take(ctx, id, limit, most)
		r.endRefill(b, limit, grant, err)
	})
	if !begun {
		r.over.Store(true)
		close(b.refill)
	}
}

// endRefill records what the store has granted.
func (r *rates) endRefill(b *bucket, limit token.Limit, grant token.Grant, err error) {
	r.asked(err)
	now := r.now()
	if err != nil {
		r.restUntil.Store(int64(now.Add(sharedRest).Sub(r.began)))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.refill)
	b.refill, b.waiting = nil, 0 // who still finds nothing waits anew
	switch {
	case err != nil:
	case grant.Granted == 0:
		// One more comes into an empty bucket in this time. A store that says
		// much later filled it by a clock that was ahead.
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
