package background

import (
	"testing"
	"time"
)

func TestSteadySince(t *testing.T) {
	start := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	var steady, last time.Time
	for _, look := range []struct {
		after time.Duration
		jumps bool
	}{
		{0, true}, {time.Minute, false}, {time.Hour, false}, {time.Hour + time.Minute, false},
		{5 * time.Hour, true}, {6 * time.Hour, false},
		{6*time.Hour - time.Second, true}, {8 * time.Hour, false},
		{365 * 24 * time.Hour, true}, {9 * time.Hour, true}, {10 * time.Hour, false},
	} {
		now := start.Add(look.after)
		before := steady
		steady, last = SteadySince(steady, last, now), now
		if jumped := steady.Equal(now) && !before.Equal(now); jumped != look.jumps || !jumped && !steady.Equal(before) {
			t.Errorf("after %s: steady since %s, before %s", look.after, steady, before)
		}
	}
}
