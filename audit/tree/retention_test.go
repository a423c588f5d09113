package tree

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestRetention checks that old events go, that their hashes stay, and that events that
// are missing for another reason show.
func TestRetention(t *testing.T) {
	eachBacking(t, func(t *testing.T, b backing) {
		s := b.open(t)
		l, _ := newLog(s, newKeep())
		l.Retention = 24 * time.Hour
		addEvents(t, s, 600)
		saved := integrate(t, l)
		if err := l.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if report := wantFindings(t, l, proof.Options{}, ""); report.Removed != 0 || report.Size != 600 {
			t.Errorf("removed too early: %+v", report)
		}
		l.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
		if err := l.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		addEvents(t, s, 5)
		options := proof.Options{Checkpoints: []proof.Saved{{Name: "F", Note: saved.Note}}}
		report := wantFindings(t, l, options, "")
		if report.Removed != 599 || report.Size != 606 || report.Checked != 7 || len(report.Matched) != 1 {
			t.Errorf("%+v", report)
		}
		// An admin sees whether they were as old as they should be.
		age := report.RemovedAt.Sub(report.RemovedUntil)
		if age < 47*time.Hour || age > 49*time.Hour || report.RemovedFrom.After(report.RemovedUntil) || time.Since(report.RemovedFrom).Abs() > time.Hour {
			t.Errorf("removed from %s until %s at %s", report.RemovedFrom, report.RemovedUntil, report.RemovedAt)
		}
		// In an export, too, only what is signed says so.
		lines := bytes.SplitAfterN(export(t, l), []byte("\n"), 3)
		if report, err := proof.Verify(bytes.NewReader(slices.Concat(lines[0], lines[2])), options); err != nil || findings(report) != "missing 1-599" {
			t.Errorf("without the signed removal: %+v, %v", report, err)
		}
		left, err := s.RawEvents(t.Context(), storage.EventID{}, 100)
		if err != nil || len(left) != 7 {
			t.Fatalf("%d events are left: %v", len(left), err)
		}
		if _, err := l.Prove(t.Context(), left[0].ID); err != nil {
			t.Error(err)
		}
		// Somebody removes more than the trail says.
		if n, err := s.RemoveEvents(t.Context(), left[0].ID, 100); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		wantFindings(t, l, options, "missing 600")
	})
}

// TestForgedAge: whoever can write to the store cannot make a gateway remove young events,
// and say that they were old, by changing when they were recorded.
func TestForgedAge(t *testing.T) {
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	addEvents(t, s, 40) // recorded from 1.01 to 1.4 seconds after the epoch
	integrate(t, l)
	l.Retention, l.Now = time.Second, func() time.Time { return time.UnixMilli(1500) }
	for i := range 10 {
		setID(s, i, storage.EventID{Millis: int64(i)})
	}
	if err := l.Trim(t.Context()); err == nil || !strings.Contains(err.Error(), "audit verify") {
		t.Errorf("trimming: %v", err)
	}
	if len(s.events) != 40 || s.tree[valueRemoval] != nil {
		t.Errorf("%d events are left; signed %s", len(s.events), s.tree[valueRemoval])
	}
	// What really is old still goes, with what was forged before it.
	l.Now = func() time.Time { return time.UnixMilli(5000) }
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := wantFindings(t, l, proof.Options{}, ""); report.Removed != 39 {
		t.Errorf("%+v", report)
	}
}

// setID changes the ID of an event.
func setID(s *memoryStore, i int, id storage.EventID) {
	old := s.events[i]
	s.events[i] = storage.RawEvent{ID: id, Data: bytes.Replace(old.Data, []byte(`"id":"`+old.ID.String()), []byte(`"id":"`+id.String()), 1)}
}

// TestTrimAfterFailure: what could not be removed is removed the next time, and said once.
func TestTrimAfterFailure(t *testing.T) {
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	l.Retention = time.Hour
	addEvents(t, s, 2*batch) // years old, and all that a page has
	whole := l.store
	l.store = unremovable{whole}
	if err := l.Trim(t.Context()); err == nil {
		t.Fatal("no error")
	}
	l.store = whole
	for range 2 {
		if err := l.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if report := wantFindings(t, l, proof.Options{}, ""); report.Removed != report.Size-report.Checked || report.Checked > 2 {
		t.Errorf("%+v", report)
	}
}

// TestTrimIsOnRecord: no event is removed before one says so, whatever fails.
func TestTrimIsOnRecord(t *testing.T) {
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	l.Retention = time.Hour
	addEvents(t, s, 2*batch)
	integrate(t, l)
	whole := l.store
	for name, failing := range map[string]Store{"recording it": unrecordable{whole}, "signing it": unsignable{whole}} {
		l.store = failing
		if err := l.Trim(t.Context()); err == nil {
			t.Fatalf("%s: no error", name)
		}
		if len(s.events) < 2*batch || s.tree[valueRemoval] != nil {
			t.Errorf("%s failed: %d events are left; signed %s", name, len(s.events), s.tree[valueRemoval])
		}
	}
	l.store = whole
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := wantFindings(t, l, proof.Options{}, ""); report.Removed == 0 {
		t.Errorf("%+v", report)
	}
	if trail := export(t, l); !bytes.Contains(trail, []byte(proof.ActionTrimmed)) {
		t.Error("nothing in the trail says that events were removed")
	}
}

// unrecordable is a store that takes no events.
type unrecordable struct{ Store }

func (unrecordable) AddEvents(context.Context, ...storage.Event) error { return storage.ErrUnavailable }

// unsignable is a store that takes no signed removal.
type unsignable struct{ Store }

func (u unsignable) SaveTree(ctx context.Context, head []byte, values map[string][]byte) error {
	if values[valueRemoval] != nil {
		return storage.ErrUnavailable
	}
	return u.Store.SaveTree(ctx, head, values)
}

// unremovable is a store from which nothing can be removed.
type unremovable struct{ Store }

func (unremovable) RemoveEvents(context.Context, storage.EventID, int) (int, error) {
	return 0, storage.ErrUnavailable
}
