package storage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// EventID is the time at which an event was recorded, and a sequence number among
// the events of that millisecond. Stores give every event a greater id than all
// earlier events, whatever the clock does.
type EventID struct {
	Millis int64
	Seq    uint32
}

const (
	maxMillis      = 1e13 - 1 // 13 digits, as in Key
	eventKeyLength = 13 + 1 + 10
)

// ParseEventID parses what String returns. Its errors are ErrBadCursor.
func ParseEventID(s string) (EventID, error) {
	millis, seq, ok := strings.Cut(s, "-")
	ms, err := strconv.ParseUint(millis, 10, 63)
	n, err2 := strconv.ParseUint(seq, 10, 32)
	if !ok || err != nil || err2 != nil || ms > maxMillis {
		return EventID{}, fmt.Errorf("event %q: %w", s, ErrBadCursor)
	}
	return EventID{int64(ms), uint32(n)}, nil
}

// String formats the id as in events and cursors.
func (id EventID) String() string { return fmt.Sprintf("%d-%d", id.Millis, id.Seq) }

// Key formats the id such that keys sort in the order of ids.
func (id EventID) Key() string { return fmt.Sprintf("%013d-%010d", id.Millis, id.Seq) }

// Time returns the time at which the event was recorded.
func (id EventID) Time() time.Time { return time.UnixMilli(id.Millis).UTC() }

// Before reports whether id was recorded before other.
func (id EventID) Before(other EventID) bool {
	return id.Millis < other.Millis || id.Millis == other.Millis && id.Seq < other.Seq
}

// Next returns the id of an event that is recorded at now, right after id.
func (id EventID) Next(now time.Time) EventID {
	switch ms := now.UnixMilli(); {
	case ms > id.Millis:
		return EventID{Millis: ms}
	case id.Seq == math.MaxUint32:
		return EventID{Millis: id.Millis + 1}
	}
	return EventID{Millis: id.Millis, Seq: id.Seq + 1}
}
