package filestore

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Sweep deletes records that have vanished, and counts of requests that are too old.
func (s *store) Sweep(ctx context.Context, now time.Time) (deleted int, err error) {
	if err := s.forget(ctx, now); err != nil {
		return 0, err
	}
	// Most often there are none, which costs no transaction that writes.
	var some bool
	err = s.view(ctx, "look for tokens that have vanished", func(tx *bbolt.Tx) error {
		start, end := storage.Vanished(now)
		return entries(ctx, tx, start, end, func(string) (more bool, err error) {
			some = true
			return false, nil
		})
	})
	if err != nil || !some {
		return 0, err
	}
	err = s.change(ctx, "delete tokens that have vanished", func(tx *bbolt.Tx) error {
		deleted, err = sweep(ctx, tx, now)
		return err
	})
	return deleted, err
}

func sweep(ctx context.Context, tx *bbolt.Tx, now time.Time) (deleted int, err error) {
	start, end := storage.Vanished(now)
	var vanished []string // the index must not change while it is read
	err = entries(ctx, tx, start, end, func(entry string) (more bool, err error) {
		vanished = append(vanished, entry)
		return len(vanished) < storage.MaxSwept, nil
	})
	if err != nil {
		return 0, err
	}
	for _, entry := range vanished {
		id, beside, ok := storage.EntriesOfVanished(entry)
		if ok {
			deleted++
			err = deleteRecord(tx, id)
		} else {
			beside = []string{entry} // not from IndexEntries
		}
		for _, one := range beside {
			err = errors.Join(err, tx.Bucket(bucketIndex).Delete([]byte(one)))
		}
		if err != nil {
			return 0, err
		}
	}
	return deleted, nil
}

// Interface guard
var _ storage.Sweeper = (*store)(nil)
