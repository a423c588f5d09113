package filestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

type store struct {
	path   string
	logger *zap.Logger
	// besideOthers allows creating the file in a directory that has another store's.
	besideOthers bool

	mu       sync.Mutex // guards the next four fields
	db       *bbolt.DB
	closed   bool
	failure  error
	failedAt time.Time

	watchers watchers
	commits  commits
}

// New returns a store in the file at path. The file is opened on first use.
func New(path string, logger *zap.Logger) storage.Store {
	return &store{path: path, logger: logger, besideOthers: true}
}

// Close waits for changes in progress and closes the file.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return db.Close()
}

// Get returns the record with this id, ErrNotFound or a storage.DamagedError.
func (s *store) Get(ctx context.Context, id string) (record *token.Record, err error) {
	err = s.view(ctx, storage.Reading(id), func(tx *bbolt.Tx) error {
		record, err = get(tx, id)
		return err
	})
	return record, err
}

func get(tx *bbolt.Tx, id string) (*token.Record, error) {
	data := tx.Bucket(bucketRecords).Get([]byte(id))
	if data == nil {
		return nil, storage.ErrNotFound
	}
	return storage.DecodeRecord(id, data)
}

// Apply makes a change and writes its event. Concurrent changes share a transaction
// and its fsync.
func (s *store) Apply(ctx context.Context, change storage.Change) error {
	err := s.change(ctx, "change the token "+change.ID(), func(tx *bbolt.Tx) error { return apply(ctx, tx, change) })
	if err != nil {
		return err
	}
	s.watchers.changed(change.ID())
	return nil
}

// change makes a change in a transaction. It returns ErrConflict as it is, and every
// other error as an outage.
func (s *store) change(ctx context.Context, doing string, apply func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db, err := s.open()
	if err != nil {
		return err
	}
	var conflict bool
	err = s.commits.make(db, func(tx *bbolt.Tx) error {
		err := apply(tx)
		// A conflict is found before anything is written. Returning it here would
		// needlessly roll back the other changes in the transaction.
		if conflict = errors.Is(err, storage.ErrConflict); conflict {
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return s.fail(doing, err)
	case conflict:
		return storage.ErrConflict
	}
	return nil
}

func apply(ctx context.Context, tx *bbolt.Tx, change storage.Change) error {
	if change.Damaged != "" {
		return deleteDamaged(ctx, tx, change)
	}
	records, index, id := tx.Bucket(bucketRecords), tx.Bucket(bucketIndex), []byte(change.ID())
	old, err := get(tx, change.ID())
	switch {
	case errors.Is(err, storage.ErrNotFound):
		if change.Old != nil {
			return storage.ErrConflict
		}
	case errors.Is(err, storage.ErrDamaged):
		return storage.ErrConflict // the change cannot be based on a damaged record
	case err != nil:
		return err
	case change.Old == nil || change.Old.Version != old.Version:
		return storage.ErrConflict
	}

	for _, entry := range storage.IndexEntries(old) {
		if err := index.Delete([]byte(entry)); err != nil {
			return err
		}
	}
	for _, entry := range storage.IndexEntries(change.New) {
		if err := index.Put([]byte(entry), nil); err != nil {
			return err
		}
	}
	if change.New == nil {
		err = deleteRecord(tx, change.ID())
	} else {
		err = putJSON(records, id, change.New)
	}
	if err != nil {
		return err
	}
	return record(tx, change.Event)
}

// deleteDamaged deletes a damaged record. It finds its index entries by scanning
// the index, since they cannot be derived from the record.
func deleteDamaged(ctx context.Context, tx *bbolt.Tx, change storage.Change) error {
	id := change.Damaged
	if _, err := get(tx, id); !errors.Is(err, storage.ErrDamaged) {
		return storage.ErrConflict
	}
	scan, err := new(storage.Query).Scan()
	if err != nil {
		return err
	}
	var beside []string
	err = entries(ctx, tx, scan.Start, scan.End, func(entry string) (more bool, err error) {
		if scan.Match(entry) && scan.ID(entry) == id {
			beside = append(beside, storage.EntriesBeside(entry)...)
		}
		return true, nil
	})
	for _, entry := range beside {
		err = errors.Join(err, tx.Bucket(bucketIndex).Delete([]byte(entry)))
	}
	if err = errors.Join(err, deleteRecord(tx, id)); err != nil {
		return err
	}
	return record(tx, change.Event)
}

// deleteRecord deletes a record and what is kept about the token's use.
func deleteRecord(tx *bbolt.Tx, id string) error {
	return errors.Join(tx.Bucket(bucketRecords).Delete([]byte(id)), tx.Bucket(bucketUses).Delete([]byte(id)), deleteActivity(tx, id))
}

// view runs read in a transaction. It returns errors as outages, unless they are
// about a single record or the end of ctx.
func (s *store) view(ctx context.Context, doing string, read func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db, err := s.open()
	if err != nil {
		return err
	}
	err = db.View(read)
	if err == nil || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrDamaged) || err == ctx.Err() {
		return err
	}
	return s.fail(doing, err)
}

func (s *store) fail(doing string, err error) error {
	return fmt.Errorf("%w: cannot %s in %s: %w", storage.ErrUnavailable, doing, s.path, err)
}

// Interface guard
var _ storage.Store = (*store)(nil)
