package filestore

import (
	"bytes"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestEventListsOfEarlierVersions checks that filters find the events that a version
// with fewer lists has written.
func TestEventListsOfEarlierVersions(t *testing.T) {
	for _, version := range []string{"", "1"} {
		t.Run("version "+version, func(t *testing.T) { testEventListsOf(t, version) })
	}
}

func testEventListsOf(t *testing.T, version string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := New(path, zaptest.NewLogger(t))
	record := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(record)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	forgetLists(t, path, version)

	s = New(path, zaptest.NewLogger(t))
	defer s.Close()
	for _, query := range []storage.EventQuery{{Owner: "ANNA"}, {Actions: []string{"create"}}, {TokenID: record.ID}, {TokenID: record.ID, Actions: []string{"create"}}} {
		page, err := s.Events(t.Context(), query)
		if err != nil || len(page.Events) != 1 || page.Events[0].TokenID != record.ID {
			t.Errorf("%+v: %+v, %v", query, page, err)
		}
	}
}

// forgetLists makes a file look as if an earlier version had written it, with this version
// of the lists or none.
func forgetLists(t *testing.T, path, version string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		index := tx.Bucket(bucketIndex)
		var later [][]byte
		_ = index.ForEach(func(entry, _ []byte) error {
			if bytes.HasPrefix(entry, []byte("e@")) || bytes.HasPrefix(entry, []byte("e!")) || bytes.HasPrefix(entry, []byte("e$")) {
				later = append(later, entry)
			}
			return nil
		})
		if len(later) != 3 {
			t.Errorf("entries in later lists: %q", later)
		}
		for _, entry := range later {
			if err := index.Delete(entry); err != nil {
				return err
			}
		}
		if version == "" {
			return tx.Bucket(bucketMeta).Delete(keyEventLists)
		}
		return tx.Bucket(bucketMeta).Put(keyEventLists, []byte(version))
	})
	if err != nil {
		t.Fatal(err)
	}
}
