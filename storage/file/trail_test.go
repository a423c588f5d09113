package filestore

import (
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestEventsOfEarlierVersions checks that the numbers of events follow from how many
// there are, although earlier versions did not number theirs: at first, and after
// somebody has gone back to an earlier version for a while.
func TestEventsOfEarlierVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	for round := range 3 {
		s := New(path, zaptest.NewLogger(t))
		for i := range 3 {
			if err := s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(i, "anna", "a"))); err != nil {
				t.Fatal(err)
			}
		}
		events, err := s.RawEvents(t.Context(), storage.EventID{}, 100)
		if err != nil || len(events) != 3*(round+1) {
			t.Fatalf("%d events: %v", len(events), err)
		}
		last := storage.DecodeEvent(events[len(events)-1].ID.String(), events[len(events)-1].Data)
		if last.Seq != uint64(len(events)) {
			t.Errorf("round %d: the last of %d events has the number %d", round, len(events), last.Seq)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		forgetNumbers(t, path, round == 0)
	}
}

// forgetNumbers makes all events look as if an earlier version had written them. If
// first is set, no later version has ever opened the file.
func forgetNumbers(t *testing.T, path string, first bool) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		events := tx.Bucket(bucketEvents)
		without := make(map[string]string)
		_ = events.ForEach(func(key, data []byte) error {
			if rest, ok := strings.CutPrefix(string(data), `{"seq":`); ok {
				_, rest, _ = strings.Cut(rest, ",")
				without[string(key)] = "{" + rest
			}
			return nil
		})
		for key, data := range without {
			if err := events.Put([]byte(key), []byte(data)); err != nil {
				return err
			}
		}
		if !first {
			return nil
		}
		if err := events.SetSequence(0); err != nil {
			return err
		}
		return tx.DeleteBucket(bucketTree)
	})
	if err != nil {
		t.Fatal(err)
	}
}
