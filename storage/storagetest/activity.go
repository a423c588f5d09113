package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

func testActivity(t *testing.T, s storage.Store) {
	today := storage.DayOf(epoch)
	known, other, gone := NewRecord(1, "anna", "a"), NewRecord(2, "anna", "b"), NewRecord(3, "anna", "c")
	apply(t, s, Create(known), Create(other))
	batches := 0
	add := func(today storage.Day, counts map[storage.TokenDay]storage.Counts) {
		t.Helper()
		batches++
		addActivity(t, s, storage.ActivityBatch{ID: fmt.Sprint("batch", batches), Today: today, Counts: counts})
	}
	wantActivity(t, s, known.ID, 0)

	add(today, map[storage.TokenDay]storage.Counts{
		{TokenID: known.ID, Day: today}: {Requests: 2, Denials: 1, Bytes: 1 << 40},
		{TokenID: other.ID, Day: today}: {Requests: 7},
		{TokenID: gone.ID, Day: today}:  {Requests: 9},
	})
	first := storage.Activity{Day: today, Counts: storage.Counts{Requests: 2, Denials: 1, Bytes: 1 << 40}}
	wantActivity(t, s, known.ID, 0, first)
	wantActivity(t, s, known.ID, today, first)
	wantActivity(t, s, known.ID, today+1)
	wantActivity(t, s, gone.ID, 0)

	// From a node that is late, around midnight, and from another one.
	add(today+1, map[storage.TokenDay]storage.Counts{
		{TokenID: known.ID, Day: today}:     {Requests: 1, Bytes: 1},
		{TokenID: known.ID, Day: today + 1}: {Requests: 3},
	})
	add(today+1, map[storage.TokenDay]storage.Counts{{TokenID: known.ID, Day: today - 1}: {Requests: 4}})
	add(today+1, map[storage.TokenDay]storage.Counts{{TokenID: known.ID, Day: today + 1}: {Denials: 3}})
	yesterday := storage.Activity{Day: today - 1, Counts: storage.Counts{Requests: 4}}
	first.Add(storage.Counts{Requests: 1, Bytes: 1})
	second := storage.Activity{Day: today + 1, Counts: storage.Counts{Requests: 3, Denials: 3}}
	wantActivity(t, s, known.ID, 0, yesterday, first, second)
	wantActivity(t, s, known.ID, today, first, second)

	apply(t, s, Delete(known), Create(known))
	wantActivity(t, s, known.ID, 0)
	wantActivity(t, s, other.ID, 0, storage.Activity{Day: today, Counts: storage.Counts{Requests: 7}})
}

// testOldActivity checks that days vanish.
func testOldActivity(t *testing.T, s storage.Store) {
	first, r := storage.DayOf(epoch), NewRecord(1, "anna", "a")
	apply(t, s, Create(r))
	var want []storage.Activity
	for i := range 2 * storage.DaysKept {
		activity := storage.Activity{Day: first + storage.Day(i), Counts: storage.Counts{Requests: uint64(i + 1)}}
		want = append(want, activity)
		addActivity(t, s, storage.ActivityBatch{
			ID: fmt.Sprint("batch", i), Today: activity.Day,
			Counts: map[storage.TokenDay]storage.Counts{{TokenID: r.ID, Day: activity.Day}: activity.Counts},
		})
	}
	want = want[storage.DaysKept:]
	wantActivity(t, s, r.ID, want[0].Day, want...)
	if sweeper, ok := s.(storage.Sweeper); ok {
		if _, err := sweeper.Sweep(t.Context(), epoch.AddDate(0, 0, 2*storage.DaysKept-1)); err != nil {
			t.Fatal(err)
		}
		wantActivity(t, s, r.ID, 0, want...)
	}
}

// testManyActivity adds batches of the maximum size from several nodes at once.
func testManyActivity(t *testing.T, s storage.Store) {
	today, counts := storage.DayOf(epoch), make(map[storage.TokenDay]storage.Counts)
	for i := range storage.MaxActivity {
		r := NewRecord(i, "anna", "a")
		apply(t, s, Create(r))
		counts[storage.TokenDay{TokenID: r.ID, Day: today}] = storage.Counts{Requests: uint64(i + 1), Bytes: 100}
	}
	const nodes = 4
	done := make(chan error)
	for node := range nodes {
		go func() {
			done <- s.AddActivity(t.Context(), storage.ActivityBatch{ID: fmt.Sprint("node", node), Today: today, Counts: maps.Clone(counts)})
		}()
	}
	for range nodes {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for day, c := range counts {
		wantActivity(t, s, day.TokenID, 0, storage.Activity{Day: today, Counts: storage.Counts{Requests: nodes * c.Requests, Bytes: nodes * c.Bytes}})
	}
}

func addActivity(t *testing.T, s storage.Store, batch storage.ActivityBatch) {
	t.Helper()
	if err := s.AddActivity(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func wantActivity(t *testing.T, s storage.Store, id string, since storage.Day, want ...storage.Activity) {
	t.Helper()
	got, err := s.Activity(t.Context(), id, since)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("activity of %s since %s: %v, %v, want %v", id, since, got, err, want)
	}
}
