package filestore

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

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

// TestTornWrite cuts off the write of the page that completes a transaction, and checks
// that the store says so and has all earlier events.
func TestTornWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	add := func(logger *zap.Logger) int {
		s := New(path, logger)
		defer s.Close()
		if err := s.AddEvents(t.Context(), storage.Event{Action: "a"}); err != nil {
			t.Fatal(err)
		}
		events, err := s.RawEvents(t.Context(), storage.EventID{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(events)
	}
	for range 4 {
		add(zap.NewNop())
	}
	newest := int64(0)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for page := range int64(2) {
		var meta [metaEnd]byte
		if _, err := file.ReadAt(meta[:], page*int64(os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
		if tx := binary.NativeEndian.Uint64(meta[txAt:]); tx > last {
			last, newest = tx, page
		}
	}
	if _, err := file.WriteAt(make([]byte, 20), newest*int64(os.Getpagesize())+pagesAt); err != nil {
		t.Fatal(err)
	}
	file.Close()
	core, logs := observer.New(zapcore.WarnLevel)
	if n := add(zap.New(core)); n != 4 {
		t.Errorf("there are %d events, want 3 and a new one", n)
	}
	if logs.FilterMessageSnippet("was cut off").Len() != 1 {
		t.Errorf("the log has %v", logs.All())
	}
	core, logs = observer.New(zapcore.WarnLevel)
	if n := add(zap.New(core)); n != 5 || logs.Len() != 0 {
		t.Errorf("afterwards: %d events, log %v", n, logs.All())
	}
}
