package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// checkEvery is the number of entries after which a scan checks whether its context
// is done.
const checkEvery = 4096

// List returns the page of records that query asks for, newest first.
func (s *store) List(ctx context.Context, query storage.Query) (page storage.Page, err error) {
	scan, err := query.Scan()
	if err != nil {
		return page, err
	}
	last, listed, looked, limit := "", 0, 0, query.PageSize()
	err = s.view(ctx, "list tokens", func(tx *bbolt.Tx) error {
		return entries(ctx, tx, scan.Start, scan.End, func(entry string) (more bool, err error) {
			if !scan.Match(entry) {
				return true, nil
			}
			if looked++; looked > storage.MaxLooked && query.State != token.StateDamaged {
				page.Next = last
				return false, nil
			}
			before := last
			last = scan.Cursor(entry)
			if query.ReadsUses() && !scan.MatchUse(entry, readUse(tx, scan.ID(entry)).At) {
				return true, nil
			}
			record, err := get(tx, scan.ID(entry))
			var damaged storage.DamagedError
			switch {
			case errors.Is(err, storage.ErrNotFound):
				return true, nil // a stray entry
			case errors.As(err, &damaged):
			case err != nil:
				return false, err
			case !query.Match(record):
				return true, nil
			}
			if listed == limit {
				page.Next = before
				return false, nil
			}
			if record == nil {
				page.Damaged = append(page.Damaged, damaged)
			} else {
				page.Records = append(page.Records, record)
			}
			listed++
			return true, nil
		})
	})
	if err != nil {
		return storage.Page{}, err
	}
	return page, nil
}

// Records returns the records with these ids.
func (s *store) Records(ctx context.Context, ids []string) (page storage.Page, err error) {
	err = s.view(ctx, "read listed tokens", func(tx *bbolt.Tx) error {
		for _, id := range ids {
			record, err := get(tx, id)
			var damaged storage.DamagedError
			switch {
			case errors.Is(err, storage.ErrNotFound):
			case errors.As(err, &damaged):
				page.Damaged = append(page.Damaged, damaged)
			case err != nil:
				return err
			default:
				page.Records = append(page.Records, record)
			}
		}
		return nil
	})
	return page, err
}

// entries calls visit for the entries of the index from start up to but not
// including end, until visit returns false or an error.
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

// Count returns the number of records. It does not create the file.
func (s *store) Count(ctx context.Context) (n int, err error) {
	s.mu.Lock()
	open := s.db != nil
	s.mu.Unlock()
	if _, err := os.Stat(s.path); !open && errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	err = s.view(ctx, "count tokens", func(tx *bbolt.Tx) error {
		n = tx.Bucket(bucketRecords).Stats().KeyN
		return nil
	})
	return n, err
}

// CountExpiring returns how many tokens expire within each of these times.
func (s *store) CountExpiring(ctx context.Context, now time.Time, within []time.Duration) ([]int, error) {
	tally := storage.NewTally(now, within)
	err := s.view(ctx, "count tokens", func(tx *bbolt.Tx) error {
		for _, scan := range tally.Scans() {
			err := entries(ctx, tx, scan.Start, scan.End, func(entry string) (bool, error) {
				tally.Add(entry)
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return tally.Counts(), err
}

// Interface guards
var (
	_ storage.Counter       = (*store)(nil)
	_ storage.ExpiryCounter = (*store)(nil)
)
