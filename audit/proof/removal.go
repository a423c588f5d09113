package proof

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Removal says that the events that a checkpoint covers were removed because of their age.
// It is an extension line of the checkpoint, which the gateway signs before it removes
// them: whoever can only write to the store cannot pass a deletion off as one. The
// checkpoint's size and root say which events these are.
type Removal struct {
	// From and Until are when the oldest and the newest of them were recorded.
	From, Until time.Time
	// At is when the gateway was about to remove the newest ones.
	At time.Time
}

const (
	// removalStart begins the line, in which From, Until and At follow.
	removalStart = "removed "
	removalTime  = time.RFC3339
)

// line returns the extension line, or "" for nil.
func (r *Removal) line() string {
	if r == nil {
		return ""
	}
	format := func(t time.Time) string { return t.UTC().Format(removalTime) }
	return removalStart + format(r.From) + " " + format(r.Until) + " " + format(r.At) + "\n"
}

// parseRemoval returns the removal that one of the extension lines describes, or nil.
func parseRemoval(lines []string) (*Removal, error) {
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, removalStart)
		if !ok {
			continue
		}
		var r Removal
		times := strings.Split(rest, " ")
		if len(times) != 3 {
			return nil, errors.New("not a checkpoint: expected three times after removed")
		}
		for i, to := range []*time.Time{&r.From, &r.Until, &r.At} {
			var err error
			if *to, err = time.Parse(removalTime, times[i]); err != nil {
				return nil, fmt.Errorf("not a checkpoint: invalid time %.40q after removed", times[i])
			}
		}
		return &r, nil
	}
	return nil, nil
}
