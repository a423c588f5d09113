package filestore

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

func TestDamage(t *testing.T) {
	storagetest.Damage(t, func(t *testing.T) (storage.Store, func(string, []byte)) { return openToOverwrite(t, bucketRecords) })
}

func TestDamagedDocuments(t *testing.T) {
	storagetest.DamagedDocuments(t, func(t *testing.T) (storage.Store, func(string, []byte)) {
		return openToOverwrite(t, bucketDocuments)
	})
}

// openToOverwrite returns a store, and a function that replaces what is in one of its
// buckets.
func openToOverwrite(t *testing.T, bucket []byte) (storage.Store, func(key string, data []byte)) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := New(path, zaptest.NewLogger(t))
	t.Cleanup(func() { _ = s.Close() })
	return s, func(key string, data []byte) {
		if data == nil {
			data = []byte{0xff, 0, 1}
		}
		db, err := s.(*store).open()
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put([]byte(key), data) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedEvents checks that an event which cannot be decoded does not hide
// others.
func TestDamagedEvents(t *testing.T) {
	s := New(filepath.Join(t.TempDir(), "tokens.db"), zaptest.NewLogger(t))
	t.Cleanup(func() { _ = s.Close() })
	r := storagetest.NewRecord(1, "anna", "a")
	for _, change := range []storage.Change{storagetest.Create(r), storagetest.Delete(r)} {
		if err := s.Apply(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	db, err := s.(*store).open()
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		key, _ := tx.Bucket(bucketEvents).Cursor().First()
		return tx.Bucket(bucketEvents).Put(key, []byte("{]"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []storage.EventQuery{{}, {TokenID: r.ID}} {
		page, err := s.Events(t.Context(), query)
		if err != nil || len(page.Events) != 2 || page.Events[0].Action != storage.ActionDamaged || page.Events[1].Action != "delete" {
			t.Errorf("%+v: %+v, %v", query, page, err)
		}
	}
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		s := New(filepath.Join(t.TempDir(), "tokens.db"), zaptest.NewLogger(t))
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
