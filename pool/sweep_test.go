package pool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// sweeps remembers the times up to which records were deleted.
type sweeps []time.Time

func (s *sweeps) Sweep(_ context.Context, now time.Time) (int, error) {
	*s = append(*s, now)
	return 0, nil
}

// TestNoSweepAfterJump: nothing is deleted while the clock may be wrong: right after the
// start, and for an hour after it was set in either direction.
func TestNoSweepAfterJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		s := &Store{logger: zap.NewNop(), breaker: storage.NewBreaker(ctx, nil, func(error) {})}
		ahead, swept := time.Duration(0), new(sweeps)
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.sweep(ctx, swept, func() time.Time { return time.Now().Add(ahead) })
		}()
		during := func(d time.Duration) int {
			*swept = nil
			time.Sleep(d)
			synctest.Wait()
			return len(*swept)
		}
		if n := during(time.Hour); n > 0 {
			t.Errorf("%d sweeps in the first hour", n)
		}
		if n := during(time.Hour); n != 60 {
			t.Errorf("%d sweeps in the second hour, want 60", n)
		}
		for _, ahead = range []time.Duration{8 * time.Hour, 0, 10 * 24 * time.Hour, -time.Hour} {
			if n := during(time.Hour); n > 0 {
				t.Errorf("the clock is ahead by %s: %d sweeps in the first hour", ahead, n)
			}
			if n := during(10 * time.Minute); n != 10 {
				t.Errorf("the clock is ahead by %s: %d sweeps afterwards, want 10", ahead, n)
			}
		}
		end()
		<-done
	})
}
