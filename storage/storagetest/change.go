package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func testOpen(t *testing.T, s storage.Store) {
	for range 2 {
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Get(t.Context(), "0123456789")
	wantError(t, err, storage.ErrNotFound)
}

func testRoundTrip(t *testing.T, s storage.Store) {
	full, plain := fullRecord(), NewRecord(8, "anna", "a")
	apply(t, s, Create(full), Create(plain))
	wantStored(t, s, full)
	wantStored(t, s, plain)
	page, err := s.List(t.Context(), storage.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asJSON(t, page.Records), asJSON(t, []*token.Record{plain, full}); got != want {
		t.Fatalf("list:\n got %s\nwant %s", got, want)
	}
}

func testLifecycle(t *testing.T, s storage.Store) {
	first := NewRecord(1, "anna", "first")
	apply(t, s, Create(first))
	wantStored(t, s, first)

	update := Update(first, func(r *token.Record) { r.Name, r.Scope = "second", token.ScopeWrite })
	apply(t, s, update)
	wantStored(t, s, update.New)

	apply(t, s, Delete(update.New))
	_, err := s.Get(t.Context(), first.ID)
	wantError(t, err, storage.ErrNotFound)
	if ids := listAll(t, s, storage.Query{}); len(ids) != 0 {
		t.Fatalf("a deleted token is listed: %v", ids)
	}

	apply(t, s, Create(first)) // as an import may do
	wantStored(t, s, first)

	events, _ := readEvents(t, s, storage.EventQuery{})
	want := []storage.Change{Create(first), update, Delete(update.New), Create(first)}
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d", len(events), len(want))
	}
	for i, got := range events {
		want[i].Event.ID, want[i].Event.Seq = got.ID, uint64(i)+1
		if g, w := asJSON(t, got), asJSON(t, want[i].Event); g != w {
			t.Errorf("event %d:\n got %s\nwant %s", i, g, w)
		}
	}
}

func testConflicts(t *testing.T, s storage.Store) {
	first := NewRecord(1, "anna", "first")
	apply(t, s, Create(first))
	second := Update(first, func(r *token.Record) { r.Name = "second" })
	apply(t, s, second)

	again := NewRecord(1, "bert", "again")
	again.ID = first.ID
	absent := NewRecord(1, "anna", "absent")
	for name, change := range map[string]storage.Change{
		"create of an existing record": Create(again),
		"update of an old version":     Update(first, func(r *token.Record) { r.Name = "late" }),
		"delete of an old version":     Delete(first),
		"update of a missing record":   Update(absent, func(r *token.Record) { r.Name = "ghost" }),
		"delete of a missing record":   Delete(absent),
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, s.Apply(t.Context(), change), storage.ErrConflict)
			wantStored(t, s, second.New)
			if ids := listAll(t, s, storage.Query{}); len(ids) != 1 {
				t.Errorf("list after a conflict: %v", ids)
			}
			if events, _ := readEvents(t, s, storage.EventQuery{}); len(events) != 2 {
				t.Errorf("%d events, want 2: a conflict must not leave an event", len(events))
			}
		})
	}
}

// testConcurrentChanges makes many concurrent changes of one record: of those based
// on the same version, exactly one must succeed and the others get ErrConflict.
func testConcurrentChanges(t *testing.T, s storage.Store) {
	const changers, rounds = 32, 5
	current := NewRecord(1, "anna", "contended")
	apply(t, s, Create(current))
	for round := range rounds {
		errs := make([]error, changers)
		var wg sync.WaitGroup
		for i := range changers {
			wg.Go(func() {
				errs[i] = s.Apply(t.Context(), Update(current, func(r *token.Record) { r.Name = fmt.Sprint("by ", i) }))
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("round %d: %d and %d both changed version %d", round, winner, i, current.Version)
			case err == nil:
				winner = i
			case !errors.Is(err, storage.ErrConflict):
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody changed version %d", round, current.Version)
		}
		current = Update(current, func(r *token.Record) { r.Name = fmt.Sprint("by ", winner) }).New
		wantStored(t, s, current)
	}
	events, _ := readEvents(t, s, storage.EventQuery{})
	if len(events) != 1+rounds {
		t.Fatalf("%d events, want %d", len(events), 1+rounds)
	}
}

// testConcurrentCreates mixes changes that succeed with changes that conflict.
func testConcurrentCreates(t *testing.T, s storage.Store) {
	const creators = 32
	taken := NewRecord(0, "anna", "taken")
	apply(t, s, Create(taken))
	records := make([]*token.Record, creators)
	errs := make([]error, creators)
	var wg sync.WaitGroup
	for i := range creators {
		records[i] = NewRecord(i, "anna", fmt.Sprint(i))
		if i%2 == 1 {
			records[i].ID = taken.ID
		}
		wg.Go(func() { errs[i] = s.Apply(t.Context(), Create(records[i])) })
	}
	wg.Wait()
	for i, err := range errs {
		switch {
		case i%2 == 1:
			wantError(t, err, storage.ErrConflict)
		case err != nil:
			t.Fatal(err)
		default:
			wantStored(t, s, records[i])
		}
	}
	wantStored(t, s, taken)
	if events, _ := readEvents(t, s, storage.EventQuery{}); len(events) != 1+creators/2 {
		t.Fatalf("%d events, want %d", len(events), 1+creators/2)
	}
}
