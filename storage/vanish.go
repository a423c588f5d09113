package storage

import (
	"context"
	"time"
)

// Sweeper is a store that can delete the records that have vanished: those of tokens
// that were exchanged for JWTs, some time after they have expired.
type Sweeper interface {
	// Sweep deletes up to MaxSwept records whose VanishesAt is before now, with their
	// uses and index entries, even damaged ones, and returns their number. It writes no
	// audit events: those of the tokens' creation say when they expire. It also deletes
	// activity of days that are no longer kept, unless that vanishes by itself.
	Sweep(ctx context.Context, now time.Time) (deleted int, err error)
}

// MaxSwept is the maximum number of records that Sweep deletes at once, since changes
// wait meanwhile.
const MaxSwept = 250

// Vanished returns the range of the index entries of records that have vanished at now:
// from start up to but not including end.
func Vanished(now time.Time) (start, end string) {
	return listVanishing, listVanishing + hexTime(millis(now))
}

// EntriesOfVanished returns the id of the record to which an entry in the range of
// Vanished belongs, and all its index entries. It reports false for anything else.
func EntriesOfVanished(entry string) (id string, entries []string, ok bool) {
	const row = len(listVanishing) + timeLength
	if len(entry) < row+textAt || !validKey(entry[row:row+keyLength]) {
		return "", nil, false
	}
	entries = append(EntriesBeside(listAll+entry[row:]), entry)
	return entry[row+timeLength : row+keyLength], entries, true
}
