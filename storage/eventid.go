package storage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// EventID is when an event was recorded and, of those recorded in one
// millisecond, which one it was. Stores give each event a greater one than all
// events before, whatever the clock does.
type EventID struct {
	Millis int64
	Seq    uint32
}

const (
	maxMillis      = 1e13 - 1 // what Key has room for
	eventKeyLength = 13 + 1 + 10
)

// ParseEventID reads what String wrote, or returns ErrBadCursor.
func ParseEventID(s string) (EventID, error) {
	millis, seq, ok := strings.Cut(s, "-")
	ms, err := strconv.ParseUint(millis, 10, 63)
	n, err2 := strconv.ParseUint(seq, 10, 32)
	if !ok || err != nil || err2 != nil || ms > maxMillis {
		return EventID{}, fmt.Errorf("event %q: %w", s, ErrBadCursor)
	}
	return EventID{int64(ms), uint32(n)}, nil
}

// String returns the id as events and cursors have it.
func (id EventID) String() string { return fmt.Sprintf("%d-%d", id.Millis, id.Seq) }

// Key returns the id as text that sorts as ids do.
func (id EventID) Key() string { return fmt.Sprintf("%013d-%010d", id.Millis, id.Seq) }

// Before reports whether id was recorded before other.
func (id EventID) Before(other EventID) bool {
	return id.Millis < other.Millis || id.Millis == other.Millis && id.Seq < other.Seq
}

// Next returns the id of an event that is recorded at now after id.
func (id EventID) Next(now time.Time) EventID {
	switch ms := now.UnixMilli(); {
	case ms > id.Millis:
		return EventID{Millis: ms}
	case id.Seq == math.MaxUint32:
		return EventID{Millis: id.Millis + 1}
	}
	return EventID{Millis: id.Millis, Seq: id.Seq + 1}
}

// After returns the event after which the query's page begins; or
// ErrBadCursor. It is also the page's Next when the page is empty.
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

// EventEntry returns the entry by which the index finds an event about a token,
// named by its ID, or about a document, named as DocumentName.String writes it.
func EventEntry(about string, id EventID) string {
	if strings.Contains(about, "/") {
		// Names of documents have any length: a second slash, which none has, ends
		// them, so that group/a is not mistaken for group/a1.
		about += "/"
	}
	return listEvents + about + id.Key()
}

// EventRange returns the range of the entries about a token or a document after
// an event: the first one, whether the index has it or not, and what is greater
// than all. It reports false for anything else.
func EventRange(about string, after EventID) (start, end string, ok bool) {
	if _, isDocument := ParseDocumentName(about); !isDocument && !token.ValidID(about) {
		return "", "", false
	}
	return EventEntry(about, after) + "\x00", EventEntry(about, EventID{Millis: maxMillis, Seq: math.MaxUint32}) + "\xff", true
}

// EventOfEntry returns the ID of the event that an entry of EventRange finds.
func EventOfEntry(entry string) (EventID, error) {
	if len(entry) < len(listEvents)+eventKeyLength {
		return EventID{}, fmt.Errorf("index entry %q is too short", entry)
	}
	return ParseEventID(entry[len(entry)-eventKeyLength:])
}
