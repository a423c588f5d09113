package storage

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func wantDays(t *testing.T, l *UseLog, id string, days int, want ...Counts) {
	t.Helper()
	activity, err := l.Activity(t.Context(), id, days)
	if err != nil || len(activity) != len(want) {
		t.Fatalf("activity of %s: %v, %v, want %d days", id, activity, err, len(want))
	}
	for i, day := range activity {
		if last := DayOf(l.now()); day.Counts != want[i] || day.Day != last-Day(len(want)-1-i) {
			t.Errorf("activity of %s on %s: %+v, want %+v", id, day.Day, day.Counts, want[i])
		}
	}
}

// TestActivityIsCountedByDay: requests count for the day in UTC on which they end, are
// visible on this node at once, and are added to the store in batches.
func TestActivityIsCountedByDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log, end := usesOf(t)
		defer end()
		log.Count("a", false, 100)
		log.Count("a", true, 0)
		wantDays(t, log, "a", 2, Counts{}, Counts{2, 1, 100})
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		for id := range 2*MaxActivity + 1 {
			log.Count(fmt.Sprint(id), false, 1)
		}
		log.Count("a", false, 7)
		wantDays(t, log, "a", 3, Counts{}, Counts{2, 1, 100}, Counts{1, 0, 7})
		time.Sleep(useInterval)
		synctest.Wait()
		if n := len(store.batches); n != 4 {
			t.Errorf("%d batches, want 1 and 3", n)
		}
		wantDays(t, log, "a", 1, Counts{1, 0, 7})
		wantDays(t, log, "7", 1, Counts{1, 0, 1})
		wantDays(t, log, "nobody", 1, Counts{})
	})
}

// TestActivityIsCountedOnce: a batch whose response is lost is not counted twice, and an
// outage loses nothing.
func TestActivityIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log, end := usesOf(t)
		store.failing = 3
		log.Count("a", false, 1)
		time.Sleep(useInterval)
		synctest.Wait()
		log.Count("a", false, 1)
		log.Count("b", false, 1)
		time.Sleep(useInterval)
		synctest.Wait()
		end()
		store.failing = 0
		log.write(t.Context())
		wantDays(t, log, "a", 1, Counts{2, 0, 2})
		wantDays(t, log, "b", 1, Counts{1, 0, 1})
		if n := len(store.batches); n != 2 {
			t.Errorf("%d batches, want 2", n)
		}
	})
}

// TestActivityIsBounded: a crowd of tokens is written early, and does not fill the memory
// while the store is away.
func TestActivityIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log, end := usesOf(t)
		defer end()
		for id := range maxCounted/2 + 1 {
			log.Count(fmt.Sprint(id), false, 1)
		}
		synctest.Wait()
		if len(log.activity.counts) > 1 || len(store.batches) < maxCounted/2/MaxActivity {
			t.Errorf("%d counts are left after %d batches", len(log.activity.counts), len(store.batches))
		}
		store.mu.Lock()
		store.failing = 1000
		store.mu.Unlock()
		for id := range 2 * maxCounted {
			log.Count(fmt.Sprint("more", id), false, 1)
		}
		log.Count("more7", true, 1)
		if n := len(log.activity.counts); n > maxCounted {
			t.Errorf("%d counts in memory", n)
		}
		wantDays(t, log, "more7", 1, Counts{2, 1, 2})
	})
}

func BenchmarkCountRequest(b *testing.B) {
	log := NewUseLog(nil, func(int, error) {})
	b.ReportAllocs()
	for b.Loop() {
		log.Count("4fT0aB9xYz", false, 1000)
	}
}
