package filestore

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// RawEvents returns up to limit events after the one with this ID.
func (s *store) RawEvents(ctx context.Context, after storage.EventID, limit int) (events []storage.RawEvent, err error) {
	err = s.view(ctx, "read audit events", func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketEvents).Cursor()
		for key, data := c.Seek([]byte(after.Key() + "\x00")); key != nil && len(events) < limit; key, data = c.Next() {
			if id, err := storage.ParseEventID(string(key)); err == nil {
				events = append(events, storage.RawEvent{ID: id, Data: bytes.Clone(storage.RawData(id.String(), data))})
			}
		}
		return nil
	})
	return events, err
}

// TreeValues returns values of the tree.
func (s *store) TreeValues(ctx context.Context, names ...string) ([][]byte, error) {
	values := make([][]byte, len(names))
	err := s.view(ctx, "read the tree of the audit trail", func(tx *bbolt.Tx) error {
		for i, name := range names {
			values[i] = bytes.Clone(tx.Bucket(bucketTree).Get([]byte(name)))
		}
		return nil
	})
	return values, err
}

// SaveTree writes values of the tree.
func (s *store) SaveTree(ctx context.Context, head []byte, values map[string][]byte) error {
	return s.change(ctx, "write the tree of the audit trail", func(tx *bbolt.Tx) error {
		tree := tx.Bucket(bucketTree)
		if !bytes.Equal(tree.Get([]byte(storage.TreeHead)), head) {
			return storage.ErrConflict
		}
		for name, value := range values {
			if err := tree.Put([]byte(name), value); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveEvents removes the oldest events.
func (s *store) RemoveEvents(ctx context.Context, through storage.EventID, limit int) (removed int, err error) {
	err = s.change(ctx, "remove audit events", func(tx *bbolt.Tx) error {
		removed, err = removeEvents(tx, through, limit)
		return err
	})
	return removed, err
}

func removeEvents(tx *bbolt.Tx, through storage.EventID, limit int) (removed int, err error) {
	events, index, tree := tx.Bucket(bucketEvents), tx.Bucket(bucketIndex), tx.Bucket(bucketTree)
	newest, _ := events.Cursor().Last()
	var old [][]byte // a cursor must not be used while its bucket changes
	c := events.Cursor()
	for key, data := c.First(); key != nil && len(old) < limit && !bytes.Equal(key, newest); key, data = c.Next() {
		id, err := storage.ParseEventID(string(key))
		if err != nil {
			continue // not written by us
		}
		if through.Before(id) {
			break
		}
		old = append(old, bytes.Clone(key))
		for _, list := range storage.EventLists(storage.DecodeEvent(id.String(), data)) {
			if err := index.Delete([]byte(list + id.Key())); err != nil {
				return 0, err
			}
		}
	}
	for _, key := range old {
		if err := events.Delete(key); err != nil {
			return 0, err
		}
	}
	total := removedSoFar(tree) + uint64(len(old))
	return len(old), tree.Put([]byte(storage.TreeRemoved), strconv.AppendUint(nil, total, 10))
}

func removedSoFar(tree *bbolt.Bucket) uint64 {
	n, _ := strconv.ParseUint(string(tree.Get([]byte(storage.TreeRemoved))), 10, 63) // 0 if missing
	return n
}

// isNumbered reports whether this version, or a later one, wrote the newest event. The
// bucket's sequence is then that event's number, or a greater one if somebody has
// removed the event.
func isNumbered(tx *bbolt.Tx) bool {
	key, data := tx.Bucket(bucketEvents).Cursor().Last()
	return key == nil || storage.DecodeEvent(string(key), data).Seq > 0
}

// numberEvents makes the next event's number follow from the number of events there
// are.
func numberEvents(tx *bbolt.Tx) error {
	events := tx.Bucket(bucketEvents)
	count := removedSoFar(tx.Bucket(bucketTree)) + uint64(events.Stats().KeyN) //nolint:gosec // G115: not negative
	if err := events.SetSequence(max(events.Sequence(), count)); err != nil {
		return fmt.Errorf("numbering events: %w", err)
	}
	return nil
}
