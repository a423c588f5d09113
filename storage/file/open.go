package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// The buckets, with their keys and values. See also storage.IndexEntries and
// storage.EventID.
var (
	bucketMeta    = []byte("jira_tokens") // "format" → "1", "event_lists" → storage.EventListsVersion
	bucketRecords = []byte("records")     // id → record, JSON
	bucketIndex   = []byte("index")       // index entry → nothing
	bucketEvents  = []byte("events")      // event key → event, JSON
	bucketUses    = []byte("uses")        // id → last use, JSON
	// document name → document, JSON
	bucketDocuments = []byte("documents")
	bucketTree      = []byte("tree")     // name → value: see storage.Trail
	bucketActivity  = []byte("activity") // day and id → storage.Counts

	keyFormat = []byte("format")
	// keyEventLists is missing or has another value if an earlier version may have
	// written events that are not in all lists of the index.
	keyEventLists = []byte("event_lists")
)

const (
	// format is the version of the file's format. It changes when older versions of
	// the plugin can no longer read the file.
	format = "1"

	// lockWait is how long to wait for a file that another process has open: long
	// enough for a Caddy that is exiting.
	lockWait = time.Second

	// retryAfter is how long a failure to open the file is returned again without
	// another attempt. Requests must not queue up, each waiting lockWait.
	retryAfter = time.Second
)

// Open opens the file.
func (s *store) Open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.open()
	return err
}

// open returns the database, which it opens first if necessary.
func (s *store) open() (*bbolt.DB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, fmt.Errorf("%w: %s is closed", storage.ErrUnavailable, s.path)
	case s.db != nil:
		return s.db, nil
	case s.failure != nil && time.Since(s.failedAt) < retryAfter:
		return nil, s.failure
	}
	torn := isTorn(s.path)
	var db *bbolt.DB
	err := s.checkNew()
	if err == nil {
		db, err = openFile(s.path)
	}
	if err != nil {
		s.failure = fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
		s.failedAt = time.Now()
		return nil, s.failure
	}
	if info, err := os.Stat(s.path); err == nil && info.Mode().Perm()&0o077 != 0 {
		s.logger.Warn("the token store file can be read by other users of this machine: run chmod 600 on it",
			zap.String("path", s.path), zap.Stringer("mode", info.Mode()))
	}
	if torn {
		s.logger.Warn("the last write to the token store file was cut off when the machine stopped: continuing with the transaction before it; what was acknowledged is all there",
			zap.String("path", s.path))
	}
	s.db, s.failure = db, nil
	return db, nil
}

func openFile(path string) (*bbolt.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the directory of the token store file: %w", err)
	}
	if err := checkSize(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockWait,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("the token store file %s is open in another process: "+
			"stop that process, use another file here (store file <path>), or share tokens through Redis (store redis)", path)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrVersionMismatch),
		errors.Is(err, bbolterrors.ErrChecksum):
		return nil, fmt.Errorf("%s is not a token store file, or is damaged (%w): "+
			"use another file (store file <path>) or restore a backup; the file was not changed", path, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot open the token store file: %w: it must belong to the user that Caddy runs as", err)
	case err != nil:
		return nil, fmt.Errorf("cannot open the token store file %s: %w", path, err)
	}
	if err := prepare(db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// prepare creates the buckets of a new file, and rejects files that are not ours.
func prepare(db *bbolt.DB) error {
	complete := false
	err := db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if name, _ := tx.Cursor().First(); name != nil {
				return fmt.Errorf("%s is a bbolt file of another program: use another file (store file <path>); this one was not changed", db.Path())
			}
			return nil
		}
		if got := string(meta.Get(keyFormat)); got != format {
			return fmt.Errorf("the token store file %s has format %q, but this version reads format %q: use the version that wrote it, or a later one", db.Path(), got, format)
		}
		complete = tx.Bucket(bucketUses) != nil && tx.Bucket(bucketDocuments) != nil && hasEventLists(meta) &&
			tx.Bucket(bucketTree) != nil && tx.Bucket(bucketActivity) != nil && isNumbered(tx)
		return nil
	})
	if err != nil || complete {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketRecords, bucketIndex, bucketEvents, bucketUses, bucketDocuments, bucketTree, bucketActivity} {
			// Files of earlier versions lack the last ones.
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("cannot prepare the token store file %s: %w", db.Path(), err)
			}
		}
		meta := tx.Bucket(bucketMeta)
		if !hasEventLists(meta) {
			if err := indexEvents(tx); err != nil {
				return fmt.Errorf("cannot prepare the token store file %s: %w", db.Path(), err)
			}
		}
		if !isNumbered(tx) {
			if err := numberEvents(tx); err != nil {
				return fmt.Errorf("cannot prepare the token store file %s: %w", db.Path(), err)
			}
		}
		return errors.Join(meta.Put(keyFormat, []byte(format)), meta.Put(keyEventLists, []byte(storage.EventListsVersion)))
	})
}

// hasEventLists reports whether all events are in all lists of the index.
func hasEventLists(meta *bbolt.Bucket) bool {
	return string(meta.Get(keyEventLists)) == storage.EventListsVersion
}
