package filestore

import (
	"context"
	"encoding/json"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// AddEvents writes audit events that do not come with a change, in one transaction.
func (s *store) AddEvents(ctx context.Context, events ...storage.Event) error {
	return s.change(ctx, "write audit events", func(tx *bbolt.Tx) error {
		for _, event := range events {
			if err := record(tx, event); err != nil {
				return err
			}
		}
		return nil
	})
}

// record appends an event to the audit trail.
func record(tx *bbolt.Tx, event storage.Event) error {
	events := tx.Bucket(bucketEvents)
	var last storage.EventID
	if key, _ := events.Cursor().Last(); key != nil {
		var err error
		if last, err = storage.ParseEventID(string(key)); err != nil {
			return err
		}
	}
	id := last.Next(time.Now())
	number, err := events.NextSequence()
	if err != nil {
		return err
	}
	event.ID, event.Seq = id.String(), number
	if err := indexEvent(tx, event, id); err != nil {
		return err
	}
	return putJSON(events, []byte(id.Key()), event)
}

func indexEvent(tx *bbolt.Tx, event storage.Event, id storage.EventID) error {
	for _, list := range storage.EventLists(event) {
		if err := tx.Bucket(bucketIndex).Put([]byte(list+id.Key()), nil); err != nil {
			return err
		}
	}
	return nil
}

// indexEvents adds all events to the index. Earlier versions added them to fewer
// lists.
func indexEvents(tx *bbolt.Tx) error {
	return tx.Bucket(bucketEvents).ForEach(func(key, data []byte) error {
		id, err := storage.ParseEventID(string(key))
		if err != nil {
			return nil // not written by us
		}
		return indexEvent(tx, storage.DecodeEvent(id.String(), data), id)
	})
}

// Events returns the page of audit events that query asks for, oldest first.
func (s *store) Events(ctx context.Context, query storage.EventQuery) (storage.EventPage, error) {
	scan, err := query.Scan()
	if err != nil {
		return storage.EventPage{}, err
	}
	pager := query.Pager(scan.After)
	err = s.view(ctx, "list audit events", func(tx *bbolt.Tx) error {
		if scan.None {
			return nil
		}
		events := tx.Bucket(bucketEvents)
		if scan.List == "" {
			return eachEvent(ctx, events, scan, pager.Add)
		}
		start, end := scan.Entries()
		return entries(ctx, tx, start, end, func(entry string) (more bool, err error) {
			id, err := storage.EventOfEntry(entry)
			if err != nil {
				return true, nil // not written by us
			}
			return pager.Add(id, events.Get([]byte(id.Key()))), nil
		})
	})
	if err != nil {
		return storage.EventPage{}, err
	}
	return pager.Page(), nil
}

// eachEvent calls visit for the scan's events, until it returns false.
func eachEvent(ctx context.Context, events *bbolt.Bucket, scan storage.EventScan, visit func(id storage.EventID, data []byte) (more bool)) error {
	c := events.Cursor()
	end, n := scan.Before.Key(), 0
	for key, data := c.Seek([]byte(scan.After.Key() + "\x00")); key != nil && string(key) < end; key, data = c.Next() {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		id, err := storage.ParseEventID(string(key))
		if err != nil {
			continue // not written by us
		}
		if !visit(id, data) {
			return nil
		}
	}
	return nil
}

func putJSON(b *bbolt.Bucket, key []byte, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}
