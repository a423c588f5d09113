package storage

import (
	"bytes"
	"context"
)

// Trail gives access to the audit trail as it is stored, and keeps the values of the
// tree that proves it: see package audit. It is part of Store, whose rules for errors
// and concurrent use apply here too.
//
// A store numbers events from 1, without gaps, in the order of their IDs, and keeps
// the number in Event.Seq. It numbers those that earlier versions wrote without a
// number only by counting them: if there are three, the next event is number 4.
type Trail interface {
	// RawEvents returns up to limit events after the one with this ID, oldest first.
	RawEvents(ctx context.Context, after EventID, limit int) ([]RawEvent, error)

	// TreeValues returns the values with these names, which are nil if they do not
	// exist. The store itself keeps TreeRemoved.
	TreeValues(ctx context.Context, names ...string) ([][]byte, error)

	// SaveTree atomically writes values of the tree by their names. ErrConflict means
	// that the value of TreeHead is no longer head, which is nil if there must be
	// none.
	SaveTree(ctx context.Context, head []byte, values map[string][]byte) error

	// RemoveEvents removes the oldest events, up to and including the one with this
	// ID, and returns their number: at most limit, and never the newest event, from
	// which the next one's ID follows. It counts them in TreeRemoved. Documents and
	// records are not affected.
	RemoveEvents(ctx context.Context, through EventID, limit int) (int, error)
}

// Names of values of the tree.
const (
	// TreeHead is the value that SaveTree compares.
	TreeHead = "checkpoint"
	// TreeRemoved is the number of events that RemoveEvents has removed so far, in
	// decimal. It is missing at first.
	TreeRemoved = "removed"
)

// RawEvent is an event as it is stored.
type RawEvent struct {
	ID EventID
	// Data is the event's JSON, which contains the ID: see RawData.
	Data []byte
}

var (
	numberStart = []byte(`{"seq":`)
	emptyID     = []byte(`"id":""`)
)

// RawData returns the Data of the RawEvent for what a store keeps under an ID. If a
// store only learns an event's ID when it writes the event, it keeps the event's JSON
// with an empty ID, which RawData fills in. JSON with another ID becomes something
// that is not an event.
func RawData(id string, stored []byte) []byte {
	start := 1
	if rest, ok := bytes.CutPrefix(stored, numberStart); ok {
		digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
		start = len(numberStart) + digits + 1 // after the comma
	}
	filled := []byte(`"id":"` + id + `"`)
	switch {
	case start >= len(stored):
	case bytes.HasPrefix(stored[start:], filled):
		return stored
	case bytes.HasPrefix(stored[start:], emptyID):
		return bytes.Join([][]byte{stored[:start], filled, stored[start+len(emptyID):]}, nil)
	}
	return append([]byte(id+" "), stored...)
}
