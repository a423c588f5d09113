package storage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
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

// After returns the event after which the query's page begins, or ErrBadCursor. If
// the page is empty, it is also the page's Next.
func (q EventQuery) After() (EventID, error) {
	var after EventID
	if ms := q.Since.UnixMilli(); !q.Since.IsZero() && ms > 0 {
		after = EventID{Millis: min(ms, 1e13) - 1, Seq: math.MaxUint32}
	}
	if q.Cursor == "" {
		return after, nil
	}
	cursor, err := ParseEventID(q.Cursor)
	if err != nil || cursor.Before(after) {
		return after, err
	}
	return cursor, nil
}

// EventEntry returns the index entry of an event about a token, given by its ID, or
// about a document, given by its name as DocumentName.String returns it.
func EventEntry(about string, id EventID) string {
	if strings.Contains(about, "/") {
		// Document names vary in length. A second slash, which no name contains,
		// ends them, so that group/a is not mistaken for group/a1.
		about += "/"
	}
	return listEvents + about + id.Key()
}

// EventRange returns the range of the index entries about a token or a document
// after an event: from start up to but not including end. Neither need exist. It
// reports false if about is neither a token's ID nor a document's name.
func EventRange(about string, after EventID) (start, end string, ok bool) {
	if _, isDocument := ParseDocumentName(about); !isDocument && !token.ValidID(about) {
		return "", "", false
	}
	return EventEntry(about, after) + "\x00", EventEntry(about, EventID{Millis: maxMillis, Seq: math.MaxUint32}) + "\xff", true
}

// EventOfEntry returns the ID of the event that an index entry points to.
func EventOfEntry(entry string) (EventID, error) {
	if len(entry) < len(listEvents)+eventKeyLength {
		return EventID{}, fmt.Errorf("index entry %q is too short", entry)
	}
	return ParseEventID(entry[len(entry)-eventKeyLength:])
}
