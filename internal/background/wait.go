package background

import (
	"context"
	"time"
)

// Pause waits for d, and returns false if ctx is done before that.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Signal makes sure that a signal waits in c, which has room for one.
func Signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one already
	}
}
