package pool

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// sweeps counts how often records were deleted.
type sweeps struct{ atomic.Int32 }

func (s *sweeps) Sweep(context.Context, time.Time) (int, error) {
	s.Add(1)
	return 0, nil
}

// TestNoSweepAfterJump: nothing is deleted while the clock may be wrong: right after the
// start, and for an hour after it was set in either direction.
func TestNoSweepAfterJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		s := &Store{logger: zap.NewNop(), breaker: storage.NewBreaker(ctx, nil, func(error) {})}
		var ahead atomic.Int64
		swept := new(sweeps)
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.sweep(ctx, swept, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		}()
		during := func(d time.Duration) int32 {
			swept.Store(0)
			time.Sleep(d)
			synctest.Wait()
			return swept.Load()
		}
		if n := during(time.Hour); n > 0 {
			t.Errorf("%d sweeps in the first hour", n)
		}
		if n := during(time.Hour); n != 60 {
			t.Errorf("%d sweeps in the second hour, want 60", n)
		}
		for _, by := range []time.Duration{8 * time.Hour, 0, 10 * 24 * time.Hour, -time.Hour} {
			ahead.Store(int64(by))
			if n := during(time.Hour); n > 0 {
				t.Errorf("the clock is ahead by %s: %d sweeps in the first hour", by, n)
			}
			if n := during(10 * time.Minute); n != 10 {
				t.Errorf("the clock is ahead by %s: %d sweeps afterwards, want 10", by, n)
			}
		}
		end()
		<-done
	})
}
