package tree

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

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
