package background

import "time"

// gapOfClock is the time between two looks at the clock that suggests that it was set.
const gapOfClock = 3 * time.Hour

// SteadySince returns since when the clock has not jumped, as far as looks at it show. last
// is the last look before now, and steady what SteadySince returned then; both are zero at
// first. What cannot be undone should wait until the clock has been steady for a while, at
// best an hour: when a machine starts, its clock may be wrong.
func SteadySince(steady, last, now time.Time) time.Time {
	gap := now.Round(0).Sub(last.Round(0)) // without the monotonic clock, which never jumps
	if steady.IsZero() || gap < 0 || gap > gapOfClock {
		return now
	}
	return steady
}
