package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// wantFindings verifies the trail and compares what is found.
func wantFindings(t testing.TB, l *Log, options proof.Options, want string) proof.Report {
	t.Helper()
	report := verify(t, l, options)
	if got := findings(report); got != want {
		t.Errorf("found %q, want %q: %+v", got, want, report.Findings)
	}
	return report
}

// TestManyEvents checks a tree with three levels of tiles against package tlog, after
// every few thousand events, with a new gateway each time.
func TestManyEvents(t *testing.T) {
	s, keep := newMemoryStore(), newKeep()
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, hashes[index])
		}
		return found, nil
	})
	for _, n := range []int{0, 1, 255, 256, 257, 5000, 60_023, 1, 300} {
		first := len(s.events)
		addEvents(t, s, n)
		for i := first; i < len(s.events); i++ {
			stored, err := tlog.StoredHashes(int64(i), s.events[i].Data, reader)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, stored...)
		}
		l, _ := newLog(s, keep)
		signed := integrate(t, l)
		want, err := tlog.TreeHash(int64(len(s.events)), reader)
		if err != nil || signed.Size != int64(len(s.events)) || signed.Root != want {
			t.Fatalf("the tree of %d events has %d events and root %s, want %s: %v", len(s.events), signed.Size, signed.Root, want, err)
		}
	}
	l, _ := newLog(s, keep)
	if report := wantFindings(t, l, proof.Options{}, ""); report.Checked != int64(len(s.events)) {
		t.Errorf("%d of %d events were checked", report.Checked, len(s.events))
	}
	for _, i := range []int{0, 255, 256, 65_535, len(s.events) - 1} {
		if _, err := l.Prove(t.Context(), s.events[i].ID); err != nil {
			t.Errorf("event %d: %v", i+1, err)
		}
	}
}

// TestProof checks a proof with nothing but package sumdb, as an auditor may.
func TestProof(t *testing.T) {
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	addEvents(t, s, 300)
	_, keys, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inclusion, err := l.Prove(t.Context(), s.events[77].ID)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := proof.ParseInclusion(inclusion.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open(parsed.Checkpoint, note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(opened.Text, "\n")
	var size int64
	fmt.Sscan(lines[1], &size)
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(parsed.Path, size, root, parsed.Index, tlog.RecordHash(parsed.Event)); err != nil || string(parsed.Event) != string(s.events[77].Data) {
		t.Errorf("event %s: %v", parsed.Event, err)
	}
	trusted, _ := proof.ParseKeys(keys)
	if _, err := parsed.Check(trusted); err != nil {
		t.Error(err)
	}
	parsed.Event = append(parsed.Event, ' ')
	if _, err := parsed.Check(trusted); err == nil {
		t.Error("another event passes")
	}
	s.events[77].Data[50]++
	if _, err := l.Prove(t.Context(), s.events[77].ID); err == nil || !strings.Contains(err.Error(), "audit verify") {
		t.Errorf("a changed event: %v", err)
	}
	if _, err := l.Prove(t.Context(), storage.EventID{Millis: 5}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an unknown event: %v", err)
	}
}

// TestGap checks that an event that was removed before it was in the tree shows.
func TestGap(t *testing.T) {
	s := newMemoryStore()
	l, logs := newLog(s, newKeep())
	addEvents(t, s, 10)
	integrate(t, l)
	addEvents(t, s, 5)
	s.events = append(s.events[:11], s.events[13:]...)
	addEvents(t, s, 1)
	wantFindings(t, l, proof.Options{}, "missing 12-13")
	wantFindings(t, l, proof.Options{From: 14}, "")
	if logs.FilterMessageSnippet("are missing").Len() != 1 {
		t.Errorf("the log has %v", logs.All())
	}
}

// TestUnnumberedEvents checks the trail of a store whose first events were recorded by
// an earlier version.
func TestUnnumberedEvents(t *testing.T) {
	for name, test := range map[string]struct {
		tamper func(s *memoryStore)
		want   string
	}{
		"nothing":  {func(*memoryStore) {}, ""},
		"changed":  {func(s *memoryStore) { s.events[4].Data[60]++ }, "changed 5"},
		"missing":  {func(s *memoryStore) { s.events = append(s.events[:4], s.events[5:]...) }, "missing 5"},
		"inserted": {func(s *memoryStore) { insert(s, 4, `{"id":"","action":"approve"}`) }, "extra 5"},
		"replaced": {func(s *memoryStore) { s.events[4].Data, s.events[5].Data = []byte("{}"), []byte("{}") }, "changed 5, changed 6"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMemoryStore()
			addEvents(t, s, 600)
			for i := range s.events[:500] {
				_, rest, _ := strings.Cut(string(s.events[i].Data), ",")
				s.events[i].Data = []byte("{" + rest)
			}
			l, logs := newLog(s, newKeep())
			integrate(t, l)
			if logs.FilterMessageSnippet("beginning to sign").Len() != 1 {
				t.Errorf("the log has %v", logs.All())
			}
			if _, err := l.Prove(t.Context(), s.events[299].ID); err != nil {
				t.Error(err)
			}
			test.tamper(s)
			wantFindings(t, l, proof.Options{}, test.want)
		})
	}
}

// insert inserts an event before the one at i.
func insert(s *memoryStore, i int, data string) {
	id := s.events[i].ID
	id.Millis--
	s.events = append(s.events[:i+1], s.events[i:]...)
	s.events[i] = storage.RawEvent{ID: id, Data: storage.RawData(id.String(), []byte(data))}
}

// TestStoreGoesBack checks that a gateway notices, running or when it starts, that the
// store was put back to an earlier state; whoever has a later checkpoint does, too.
func TestStoreGoesBack(t *testing.T) {
	for _, running := range []bool{true, false} {
		for _, after := range []int{0, 3, 20} { // events recorded before anybody looks
			t.Run(fmt.Sprint(running, after), func(t *testing.T) {
				s, keep := newMemoryStore(), newKeep()
				l, logs := newLog(s, keep)
				addEvents(t, s, 300)
				integrate(t, l)
				before := s.copied()
				addEvents(t, s, 10)
				saved := integrate(t, l)
				l.flush(t.Context())

				other, _ := newLog(before, keep.onlyKey()) // a gateway that knows nothing of that
				addEvents(t, before, after)
				integrate(t, other)
				l.store = before
				if !running {
					l, logs = newLog(before, keep)
				}
				report := verify(t, l, proof.Options{Checkpoints: []proof.Saved{{Name: "F", Note: saved.Note}}})
				lost := fmt.Sprint("lost ", 301+after)
				if got := findings(report); !strings.Contains(got, lost) || len(report.Matched) != 0 {
					t.Errorf("found %q, matched %v", got, report.Matched)
				}
				if logs.FilterMessageSnippet("has lost events").Len() != 1 {
					t.Errorf("the log has %v", logs.All())
				}
				integrate(t, l)
				wantFindings(t, l, proof.Options{From: int64(302 + after)}, "")
				again, _ := newLog(before, keep)
				wantFindings(t, again, proof.Options{}, lost) // recorded once
			})
		}
	}
}

// TestCauseOfLoss: events that are lost with a failover are told apart from those that
// somebody has removed, in the log and by whoever verifies, and only a gateway can say so.
func TestCauseOfLoss(t *testing.T) {
	for _, test := range []struct{ before, after, cause, log, said string }{
		{"a", "b", proof.CauseFailover, "lost events with a failover", "events were lost with a failover, as event 301 says"},
		{"a", "a", proof.CauseChange, "without a failover", "events were removed or changed without a failover, as event 301 says"},
		{"", "b", proof.CauseUnknown, "or somebody has edited it", "event 301 says that the trail had lost events"},
		{"a", "", proof.CauseUnknown, "or somebody has edited it", "event 301 says that the trail had lost events"},
	} {
		for _, running := range []bool{true, false} {
			s, keep := newMemoryStore(), newKeep()
			lineage := test.before
			follow := func(l *Log) { l.Lineage = func(context.Context) (string, error) { return lineage, nil } }
			l, logs := newLog(s, keep)
			follow(l)
			addEvents(t, s, 300)
			integrate(t, l)
			before := s.copied()
			addEvents(t, s, 10)
			integrate(t, l)
			l.flush(t.Context())
			lineage, l.store = test.after, before
			if !running {
				l, logs = newLog(before, keep)
				follow(l)
			}
			report := verify(t, l, proof.Options{})
			if len(report.Findings) != 1 || report.Findings[0].Kind != proof.KindLost || !strings.HasPrefix(report.Findings[0].Message, test.said) {
				t.Errorf("%+v: found %+v", test, report.Findings)
			}
			if logs.FilterMessageSnippet(test.log).Len() != 1 || logs.FilterField(zap.String("cause", test.cause)).Len() != 1 {
				t.Errorf("%+v: the log has %v", test, logs.All())
			}
			addEvents(t, before, 5) // the tree goes on
			integrate(t, l)
			wantFindings(t, l, proof.Options{From: 302}, "")
		}
	}
	// An event that no gateway has signed says nothing about failovers.
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	addEvents(t, s, 3)
	saved := integrate(t, l)
	if err := s.AddEvents(t.Context(), l.event(proof.ActionLost, field(proof.FieldCheckpoint, nil, quoted(string(foreign(t, string(saved.Note))))), field("cause", nil, quoted(proof.CauseFailover)))); err != nil {
		t.Fatal(err)
	}
	if report := wantFindings(t, l, proof.Options{}, "lost 4"); strings.Contains(report.Findings[0].Message, "failover") {
		t.Errorf("it says %s", report.Findings[0].Message)
	}
}

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

// unremovable is a store from which nothing can be removed.
type unremovable struct{ Store }

func (unremovable) RemoveEvents(context.Context, storage.EventID, int) (int, error) {
	return 0, storage.ErrUnavailable
}

// TestTwoNodes checks that two gateways with the same store make one tree, while both
// record events.
func TestTwoNodes(t *testing.T) {
	b := redisBacking{redistest.Start(t)}
	keep := newKeep()
	var nodes []*Log
	for range 2 {
		l, _ := newLog(b.open(t), keep)
		nodes = append(nodes, l)
	}
	var wg sync.WaitGroup
	for _, l := range nodes {
		wg.Go(func() {
			for range 30 {
				if err := l.store.AddEvents(context.Background(), make([]storage.Event, 17)...); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				if _, err := l.Integrate(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, l := range nodes {
		if report := wantFindings(t, l, proof.Options{}, ""); report.Size != 2*30*17 || report.Checked != report.Size {
			t.Errorf("%+v", report)
		}
	}
}

// TestKeys checks which trails a gateway continues.
func TestKeys(t *testing.T) {
	s := newMemoryStore()
	signing, verifier, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	configured, err := ParseKey(signing)
	if err != nil {
		t.Fatal(err)
	}
	keep := newKeep()
	first, _ := newLog(s, keep)
	addEvents(t, s, 3)
	signed := integrate(t, first)
	_, keys, _ := first.Head(t.Context())

	// Another gateway does not know the key.
	stranger, _ := newLog(s, newKeep())
	stranger.Key = &configured
	before := string(s.tree[storage.TreeHead])
	if _, err := stranger.Integrate(t.Context()); !errors.As(err, new(untrustedError)) || string(s.tree[storage.TreeHead]) != before {
		t.Errorf("a stranger: %v", err)
	}
	wantFindings(t, stranger, proof.Options{}, "signature")
	trusted, _ := proof.ParseKeys(keys)
	wantFindings(t, stranger, proof.Options{Keys: trusted}, "")
	if _, err := first.Adopt(t.Context(), storage.Actor{}); !errors.Is(err, ErrTrusted) {
		t.Errorf("adopting one's own trail: %v", err)
	}

	// The first one is configured with another key.
	changed, _ := newLog(s, keep)
	changed.Key = &configured
	addEvents(t, s, 1)
	now := integrate(t, changed)
	if now.Origin != signed.Origin || now.Key == signed.Key || now.Size != 5 || !strings.Contains(string(s.events[4].Data), proof.ActionKey) {
		t.Errorf("with another key: %+v, %s", now, s.events[4].Data)
	}
	options := proof.Options{Checkpoints: []proof.Saved{{Name: "F", Note: signed.Note}}}
	wantFindings(t, changed, options, "")
	// Now the stranger has the same key.
	wantFindings(t, stranger, proof.Options{}, "")

	// Somebody else adopts it.
	other, _ := newLog(s, newKeep())
	if _, err := other.Adopt(t.Context(), storage.Actor{Kind: storage.ActorAdmin, Name: "zoë"}); err != nil {
		t.Fatal(err)
	}
	if last := string(s.events[len(s.events)-1].Data); !strings.Contains(last, "zoë") || !strings.Contains(last, proof.ActionKey) {
		t.Errorf("the trail ends in %s", last)
	}
	wantFindings(t, other, proof.Options{}, "")
	// A configured verifier key is trusted, too.
	third, _ := newLog(s, newKeep())
	_, keys, _ = other.Head(t.Context())
	third.Trusted = keys[:1]
	integrate(t, third)

	for _, text := range []string{"", "x", verifier, signing[:len(signing)-3], strings.Replace(signing, "A", "B", 3)} {
		if _, err := ParseKey(text); err == nil || len(text) > 10 && strings.Contains(err.Error(), text) {
			t.Errorf("key %q: %v", text, err)
		}
	}
}
