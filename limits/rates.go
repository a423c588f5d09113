package limits

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// maxBuckets bounds the tokens whose use is counted here. One that is not
	// used for a while has a full bucket anyway.
	maxBuckets = 100_000

	// leaseLife is how long requests that were taken ahead are good for: what
	// a node did not use is not kept for later.
	leaseLife = time.Second

	// A node takes ahead at most this part of a burst, and of what comes into
	// the bucket in leaseLife: what is not used then is lost to all nodes. With
	// a slow limit that is nothing, and every request asks the store.
	aheadOfBurst, aheadOfRate = 20, 10

	// sharedRest is how long each node counts for itself after the store could
	// not, before it is asked again.
	sharedRest = time.Second
)

// rates counts how fast tokens are used: for all nodes together where the store
// can do that and answers, otherwise for this node.
type rates struct {
	asking  *background.Group
	shared  storage.Limiter // nil: none
	asked   func(err error)
	buckets *otter.Cache[bucketKey, *bucket]
	now     func() time.Time

	// localUntil, in Unix nanoseconds, is when the store is asked again.
	localUntil atomic.Int64
}

// bucketKey has the limit in it: a changed one begins with a full bucket.
type bucketKey struct {
	id    string
	limit token.Limit
}

// bucket is of one token: what this node has taken ahead of the shared one, and
// one of its own for when there is no shared one.
type bucket struct {
	local *rate.Limiter

	mu     sync.Mutex
	leased int
	// leaseEnds is when what is leased is void, emptyUntil when the shared
	// bucket has something again.
	leaseEnds, emptyUntil time.Time
	remaining             int // in the shared one, as last heard
	// waiting are those for whom the question under way must bring something.
	waiting  int
	question chan struct{} // closed with its answer; nil: none is under way
}

func newRates(asking *background.Group, shared storage.Limiter, asked func(error)) *rates {
	return &rates{
		asking: asking, shared: shared, asked: asked, now: time.Now,
		buckets: otter.Must(&otter.Options[bucketKey, *bucket]{MaximumSize: maxBuckets}),
	}
}

// take takes one request out of a token's bucket.
func (r *rates) take(ctx context.Context, id string, limit token.Limit) storage.Grant {
	b := r.bucket(bucketKey{id, limit})
	for r.shared != nil && r.now().UnixNano() >= r.localUntil.Load() {
		grant, question := r.fromLease(b, id, limit)
		if question == nil {
			return grant
		}
		select {
		case <-question:
		case <-ctx.Done():
			return storage.Grant{RetryAfter: time.Second}
		}
	}
	return b.takeLocal(r.now(), limit)
}

func (r *rates) bucket(key bucketKey) *bucket {
	if b, ok := r.buckets.GetIfPresent(key); ok {
		return b
	}
	every := rate.Limit(float64(key.limit.Requests) / key.limit.Period.Seconds())
	b, _ := r.buckets.SetIfAbsent(key, &bucket{local: rate.NewLimiter(every, key.limit.Burst)})
	return b
}

// fromLease takes one of what was taken ahead. When there is nothing it returns
// the question that will tell; try again after it.
func (r *rates) fromLease(b *bucket, id string, limit token.Limit) (storage.Grant, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := r.now()
	if !now.Before(b.leaseEnds) {
		b.leased = 0
	}
	switch {
	case b.leased > 0:
		b.leased--
		if ahead := ahead(limit); b.leased < ahead/2 && b.question == nil && !now.Before(b.emptyUntil) {
			r.ask(b, id, limit, ahead)
		}
		return storage.Grant{Granted: 1, Remaining: b.remaining + b.leased}, nil
	case now.Before(b.emptyUntil):
		return storage.Grant{RetryAfter: b.emptyUntil.Sub(now)}, nil
	}
	b.waiting++
	if b.question == nil {
		r.ask(b, id, limit, max(ahead(limit), 1))
	}
	return storage.Grant{}, b.question
}

// ahead is how many requests a node takes ahead.
func ahead(limit token.Limit) int {
	perLease := int64(limit.Requests) * int64(leaseLife) / int64(limit.Period)
	return min(limit.Burst/aheadOfBurst, int(perLease)/aheadOfRate)
}

// ask begins to ask the store for so many requests, and for those who wait by
// then. It belongs to nobody's request. b.mu is held.
func (r *rates) ask(b *bucket, id string, limit token.Limit, most int) {
	b.question = make(chan struct{})
	began := r.asking.Go(func(ctx context.Context) {
		b.mu.Lock()
		most = max(most, min(b.waiting, limit.Burst))
		b.waiting = 0
		b.mu.Unlock()
		grant, err := r.shared.Take(ctx, id, limit, most)
		r.answered(b, grant, err)
	})
	if !began {
		close(b.question)
		r.localUntil.Store(math.MaxInt64)
	}
}

// answered takes down what the store has granted.
func (r *rates) answered(b *bucket, grant storage.Grant, err error) {
	r.asked(err)
	now := r.now()
	if err != nil {
		r.localUntil.Store(now.Add(sharedRest).UnixNano())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.question)
	b.question = nil
	switch {
	case err != nil:
	case grant.Granted == 0:
		b.remaining = 0
		b.emptyUntil = now.Add(grant.RetryAfter)
	default:
		b.leased += grant.Granted
		b.leaseEnds = now.Add(leaseLife)
		b.remaining = grant.Remaining
	}
}

func (b *bucket) takeLocal(now time.Time, limit token.Limit) storage.Grant {
	if b.local.AllowN(now, 1) {
		return storage.Grant{Granted: 1, Remaining: int(b.local.TokensAt(now))}
	}
	missing := 1 - b.local.TokensAt(now)
	return storage.Grant{RetryAfter: time.Duration(missing * float64(limit.Period) / float64(limit.Requests))}
}
