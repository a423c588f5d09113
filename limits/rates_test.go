package limits

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// sharedBuckets is a store that counts for all nodes in a test.
type sharedBuckets struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	err     error
	asked   atomic.Int32
}

func (s *sharedBuckets) Take(_ context.Context, id string, limit token.Limit, most int) (token.Grant, error) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return token.Grant{}, s.err
	}
	if s.buckets == nil {
		s.buckets = make(map[string]*rate.Limiter)
	}
	every := limit.Period / time.Duration(limit.Requests)
	if s.buckets[id] == nil {
		s.buckets[id] = rate.NewLimiter(rate.Every(every), limit.Burst)
	}
	for n := most; n > 0; n-- {
		if s.buckets[id].AllowN(time.Now(), n) {
			return token.Grant{Granted: n}, nil
		}
	}
	return token.Grant{RetryAfter: every}, nil
}

// node returns the limits of one node, with its own counters.
func node(t *testing.T, shared Shared, failed *atomic.Int32) *Limits {
	ctx, cancel := context.WithCancel(t.Context())
	running := background.New(ctx)
	t.Cleanup(func() { cancel(); running.Wait() })
	return &Limits{Counters: NewCounters(running, shared, func(err error) {
		if err != nil && failed != nil {
			failed.Add(1)
		}
	})}
}

func record(limit string) *token.Record {
	l, err := token.ParseLimit(limit)
	if err != nil {
		panic(err)
	}
	return &token.Record{ID: "a", Account: "default", Limit: l}
}

// begun returns how many of n concurrent requests are admitted. Each ends immediately.
func begun(t *testing.T, l *Limits, r *token.Record, n int) int {
	t.Helper()
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			slot, exceeded := l.Acquire(t.Context(), r)
			slot.Release()
			switch {
			case exceeded == nil:
				passed.Add(1)
			case exceeded.RetryAfter <= 0 || exceeded.Bound != TokenRate || exceeded.FillRate != r.Limit.Requests || exceeded.Burst != r.Limit.Burst || exceeded.Interval != r.Limit.Period:
				t.Errorf("refused with %+v", exceeded)
			}
		})
	}
	wg.Wait()
	return int(passed.Load())
}

var limitsTried = []string{"600/m burst 50", "60/m burst 3", "1/h", "6000/m burst 400", "100/s"}

func TestRateOfOneNode(t *testing.T) {
	for _, text := range limitsTried {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, r := node(t, nil, nil), record(text)
				if got := begun(t, l, r, 1000); got != r.Limit.Burst {
					t.Errorf("%d of 1000 at once, want %d", got, r.Limit.Burst)
				}
				time.Sleep(3 * r.Limit.Period / time.Duration(r.Limit.Requests))
				if got, want := begun(t, l, r, 1000), min(3, r.Limit.Burst); got != want {
					t.Errorf("%d of 1000 after three intervals, want %d", got, want)
				}
			})
		})
	}
}

// TestRateOfAllNodes checks that all nodes together admit at most the limit, and that a
// single node can admit all of it.
func TestRateOfAllNodes(t *testing.T) {
	for _, text := range limitsTried {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared, r := new(sharedBuckets), record(text)
				one := node(t, shared, nil)
				if got := begun(t, one, r, 1000); got != r.Limit.Burst {
					t.Errorf("one node: %d of 1000 at once, want %d", got, r.Limit.Burst)
				}
				r = &token.Record{ID: "b", Limit: r.Limit}
				total := 0
				for range 100 {
					for _, n := range []*Limits{one, node(t, shared, nil)} {
						total += begun(t, n, r, 10)
					}
				}
				if total > r.Limit.Burst {
					t.Errorf("all nodes: %d at once, want at most %d", total, r.Limit.Burst)
				}
				// What the other nodes leased but did not use is lost. That is at
				// most one lease each, so most of the burst is used.
				if least := max(1, r.Limit.Burst/2); total < least {
					t.Errorf("all nodes: %d at once, want at least %d", total, least)
				}
			})
		})
	}
}

// TestSlowLimitIsExact checks that nothing is leased ahead with a slow limit.
func TestSlowLimitIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, r := new(sharedBuckets), record("10/m burst 5")
		a, b := node(t, shared, nil), node(t, shared, nil)
		if got := begun(t, a, r, 3); got != 3 {
			t.Errorf("%d of 3 on a", got)
		}
		if got := begun(t, b, r, 3); got != 2 {
			t.Errorf("%d of 3 on b, want the remaining 2", got)
		}
		asked := shared.asked.Load()
		if got := begun(t, b, r, 1000); got != 0 || shared.asked.Load() != asked {
			t.Errorf("%d passed, and the store was asked %d times before it could have more", got, shared.asked.Load()-asked)
		}
	})
}

// TestFastLimitAsksSeldom checks that a busy token gets its full rate without asking the
// store on every request.
func TestFastLimitAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, r := new(sharedBuckets), record("1000/s burst 200")
		l := node(t, shared, nil)
		passed := 0
		for range 5000 {
			passed += begun(t, l, r, 1)
			time.Sleep(time.Second / 900)
		}
		if passed < 4900 {
			t.Errorf("%d of 5000 within the limit passed", passed)
		}
		if asked := shared.asked.Load(); asked > 5000/5 {
			t.Errorf("the store was asked %d times for 5000 requests", asked)
		}
	})
}

// TestUnusedLeasesCostLittle checks that a client well within the limit is never refused,
// whatever the rhythm of its requests.
func TestUnusedLeasesCostLittle(t *testing.T) {
	for _, pause := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 1100 * time.Millisecond, 7 * time.Second} {
		t.Run(fmt.Sprint(pause), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Half of what the limit allows.
				perSecond := max(1, int(2*time.Second/pause))
				r := &token.Record{ID: "a", Limit: token.Limit{Requests: perSecond, Period: time.Second, Burst: max(5, perSecond/2)}}
				l := node(t, new(sharedBuckets), nil)
				for i := range 500 {
					if begun(t, l, r, 1) != 1 {
						t.Fatalf("request %d is refused", i)
					}
					time.Sleep(pause)
				}
			})
		})
	}
}

// TestStoreThatCannotCount checks that each node then counts on its own, asks the store
// again from time to time, and shares the count once that works.
func TestStoreThatCannotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Int32
		shared, r := &sharedBuckets{err: errors.New("no")}, record("60/m burst 10")
		l := node(t, shared, &failed)
		if got := begun(t, l, r, 100); got != 10 {
			t.Errorf("%d of 100, want the node's own 10", got)
		}
		if n := shared.asked.Load(); n != 1 || failed.Load() != 1 {
			t.Errorf("asked %d times, %d failures reported, want one", n, failed.Load())
		}
		time.Sleep(sharedRest)
		shared.mu.Lock()
		shared.err = nil
		shared.mu.Unlock()
		if got := begun(t, l, r, 100); got != 10 {
			t.Errorf("%d of 100, want the shared 10", got)
		}
	})
}

// TestLateRequestDoesNotAskAFailingStore checks that a request does not ask the store once
// another request has failed, even if it checked the store's state before that.
func TestLateRequestDoesNotAskAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, r := &sharedBuckets{err: errors.New("no")}, record("60/m burst 10")
		l := node(t, shared, nil)
		begun(t, l, r, 1)
		b := l.rates.bucket(bucketKey{r.ID, r.Limit})
		_, refill := l.rates.takeLeased(b, r.ID, r.Limit)
		synctest.Wait()
		if asked := shared.asked.Load(); asked != 1 {
			t.Errorf("asked %d times, want 1", asked)
		}
		select {
		case <-refill:
		default:
			t.Error("the late request waits for a refill that nobody has started")
		}
	})
}

// TestClockThatWasAhead checks that a bucket written with a clock two minutes ahead does
// not refuse requests for two minutes.
func TestClockThatWasAhead(t *testing.T) {
	for _, text := range limitsTried {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := record(text)
				interval := r.Limit.Period / time.Duration(r.Limit.Requests)
				l := node(t, emptyFor(interval+2*time.Minute), nil)
				if got := begun(t, l, r, 1000); got != r.Limit.Burst {
					t.Errorf("%d of 1000 passed, want the node's own %d", got, r.Limit.Burst)
				}
				// A RetryAfter within clockSlack is capped at the interval.
				l = node(t, emptyFor(interval+time.Second/2), nil)
				if _, exceeded := l.Acquire(t.Context(), r); exceeded == nil || exceeded.RetryAfter > interval {
					t.Errorf("%+v, want a RetryAfter of at most %s", exceeded, interval)
				}
			})
		})
	}
}

// emptyFor is a store whose buckets stay empty for this duration.
type emptyFor time.Duration

func (e emptyFor) Take(context.Context, string, token.Limit, int) (token.Grant, error) {
	return token.Grant{RetryAfter: time.Duration(e)}, nil
}

func TestLimitsOfOneTokenAreNoOthers(t *testing.T) {
	l := node(t, nil, nil)
	l.Token, _ = token.ParseLimit("1/h")
	for _, r := range []*token.Record{{ID: "a"}, {ID: "b"}, {ID: "c", Limit: token.Unlimited}, {ID: "c", Limit: token.Unlimited}} {
		if _, exceeded := l.Acquire(t.Context(), r); exceeded != nil {
			t.Errorf("%s: %+v", r.ID, exceeded)
		}
	}
	if _, exceeded := l.Acquire(t.Context(), &token.Record{ID: "a"}); exceeded == nil {
		t.Error("the limit for all tokens is not enforced")
	}
}

// TestEndOfTheStore checks that once the store is closed, requests are counted on this
// node without waiting.
func TestEndOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		running := background.New(ctx)
		shared := hangingStore{release: make(chan struct{})}
		l := &Limits{Counters: NewCounters(running, shared, func(error) {})}
		r := record("10/d")
		go func() { _, _ = l.Acquire(t.Context(), &token.Record{ID: "under way", Limit: r.Limit}) }()
		synctest.Wait()
		end()
		if got := begun(t, l, r, 1); got != 1 {
			t.Error("refused")
		}
		close(shared.release)
		running.Wait()
		time.Sleep(2 * sharedRest)
		if got := begun(t, l, r, 20); got != 9 {
			t.Errorf("%d of 20 passed, want the remaining 9", got)
		}
	})
}

// hangingStore blocks until it is released, then fails.
type hangingStore struct{ release chan struct{} }

func (s hangingStore) Take(context.Context, string, token.Limit, int) (token.Grant, error) {
	<-s.release
	return token.Grant{}, errors.New("it has ended")
}
