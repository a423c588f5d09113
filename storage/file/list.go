package filestore

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// checkEvery is after how many entries a scan looks whether it is still
// wanted.
const checkEvery = 4096

// List returns the page of records that query asks for, newest first.
func (s *store) List(ctx context.Context, query storage.Query) (page storage.Page, err error) {
	scan, err := query.Scan()
	if err != nil {
		return page, err
	}
	last, limit := "", query.PageSize()
	err = s.view(ctx, "list tokens", func(tx *bbolt.Tx) error {
		return entries(ctx, tx, scan.Start, scan.End, func(entry string) (more bool, err error) {
			if !scan.Match(entry) {
				return true, nil
			}
			record, err := get(tx, scan.ID(entry))
			if err != nil {
				return false, fmt.Errorf("token %s: %w", scan.ID(entry), err)
			}
			if !query.Match(record) {
				return true, nil
			}
			if len(page.Records) == limit {
				page.Next = last
				return false, nil
			}
			page.Records = append(page.Records, record)
			last = scan.Cursor(entry)
			return true, nil
		})
	})
	if err != nil {
		return storage.Page{}, err
	}
	return page, nil
}

// Events returns the page of audit events that query asks for, oldest first.
func (s *store) Events(ctx context.Context, query storage.EventQuery) (page storage.EventPage, err error) {
	after, err := query.After()
	if err != nil {
		return page, err
	}
	limit := query.PageSize()
	add := func(data []byte) (more bool, err error) {
		if len(page.Events) == limit {
			page.More = true
			return false, nil
		}
		var event storage.Event
		if err := json.Unmarshal(data, &event); err != nil {
			return false, fmt.Errorf("an event after %s: %w", after, err)
		}
		page.Events = append(page.Events, event)
		return true, nil
	}
	err = s.view(ctx, "list audit events", func(tx *bbolt.Tx) error {
		events := tx.Bucket(bucketEvents)
		if query.TokenID == "" {
			c := events.Cursor()
			more := true
			for key, data := c.Seek([]byte(after.Key() + "\x00")); key != nil && more && err == nil; key, data = c.Next() {
				more, err = add(data)
			}
			return err
		}
		start, end, ok := storage.EventRange(query.TokenID, after)
		if !ok {
			return nil
		}
		return entries(ctx, tx, start, end, func(entry string) (bool, error) {
			id, err := storage.EventOfEntry(entry)
			if err != nil {
				return false, err
			}
			return add(events.Get([]byte(id.Key())))
		})
	})
	if err != nil {
		return storage.EventPage{}, err
	}
	page.Next = after.String()
	if n := len(page.Events); n > 0 {
		page.Next = page.Events[n-1].ID
	}
	return page, nil
}

// entries calls visit for the entries of the index from start to before end,
// until it wants no more.
func entries(ctx context.Context, tx *bbolt.Tx, start, end string, visit func(entry string) (more bool, err error)) error {
	c := tx.Bucket(bucketIndex).Cursor()
	n := 0
	for key, _ := c.Seek([]byte(start)); key != nil; key, _ = c.Next() {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		entry := string(key)
		if entry >= end {
			return nil
		}
		if more, err := visit(entry); err != nil || !more {
			return err
		}
	}
	return nil
}
