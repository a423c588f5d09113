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

// The buckets. Keys and values: see storage.IndexEntries and storage.EventID.
var (
	bucketMeta    = []byte("jira_tokens") // "format" → "1"
	bucketRecords = []byte("records")     // id → record, JSON
	bucketIndex   = []byte("index")       // entries → nothing
	bucketEvents  = []byte("events")      // event key → event, JSON
	bucketUses    = []byte("uses")        // id → last use, JSON
	// document's name → document, JSON
	bucketDocuments = []byte("documents")

	keyFormat = []byte("format")
)

const (
	// format is what the file looks like inside. A later format that this
	// version cannot read has another one.
	format = "1"

	// lockWait is how long a file that another process has open is waited
	// for: long enough for a Caddy that is just ending.
	lockWait = time.Second

	// retryAfter is how long a failure to open the file answers for the next
	// ones: requests must not queue up for the lock, each for lockWait.
	retryAfter = time.Second

	// batchDelay is how long a change waits for others to share its fsync.
	batchDelay = time.Millisecond
)

// Open opens the file, or tells why it cannot.
func (s *store) Open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.open()
	return err
}

// open returns the open file and opens it first if it is not.
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
	db, err := openFile(s.path)
	if err != nil {
		s.failure = fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
		s.failedAt = time.Now()
		return nil, s.failure
	}
	if info, err := os.Stat(s.path); err == nil && info.Mode().Perm()&0o077 != 0 {
		s.logger.Warn("the token store file can be read by other users of this machine: chmod 600 it",
			zap.String("path", s.path), zap.Stringer("mode", info.Mode()))
	}
	s.db, s.failure = db, nil
	return db, nil
}

func openFile(path string) (*bbolt.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the directory of the token store file cannot be made: %w", err)
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
			"stop that one, give this one another file (store file <path>), or share tokens with store redis", path)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrVersionMismatch),
		errors.Is(err, bbolterrors.ErrChecksum):
		return nil, fmt.Errorf("%s is no token store file, or a damaged one (%w): "+
			"name another file (store file <path>) or restore a backup; it was left as it is", path, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the token store file cannot be opened: %w: it must belong to the user that Caddy runs as", err)
	case err != nil:
		return nil, fmt.Errorf("the token store file %s cannot be opened: %w", path, err)
	}
	db.MaxBatchDelay = batchDelay
	if err := prepare(db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// prepare makes the buckets of a new file and refuses a file that is not ours.
func prepare(db *bbolt.DB) error {
	whole := false
	err := db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if name, _ := tx.Cursor().First(); name != nil {
				return fmt.Errorf("%s is a bbolt file of another program: name another one (store file <path>); it was left as it is", db.Path())
			}
			return nil
		}
		if got := string(meta.Get(keyFormat)); got != format {
			return fmt.Errorf("the token store file %s has format %q, this version reads %q: use the version that wrote it, or a later one", db.Path(), got, format)
		}
		whole = tx.Bucket(bucketUses) != nil && tx.Bucket(bucketDocuments) != nil
		return nil
	})
	if err != nil || whole {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketRecords, bucketIndex, bucketEvents, bucketUses, bucketDocuments} {
			// A file of an earlier version lacks the last ones.
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("the token store file %s: %w", db.Path(), err)
			}
		}
		return tx.Bucket(bucketMeta).Put(keyFormat, []byte(format))
	})
}
