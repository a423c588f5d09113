package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// usesStore keeps uses and counts the writes.
type usesStore struct {
	Store
	mu     sync.Mutex
	uses   map[string]Use
	writes int
	err    error
	// batches are those that were added. failing is how many more fail, though the
	// first of them is added: its response is lost.
	batches map[string]ActivityBatch
	failing int
}

func (s *usesStore) AddActivity(_ context.Context, batch ActivityBatch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing > 0 {
		if s.failing--; len(s.batches) == 0 {
			s.batches[batch.ID] = batch
		}
		return errors.New("away")
	}
	s.batches[batch.ID] = batch
	return nil
}

func (s *usesStore) Activity(_ context.Context, id string, since Day) (activity []Activity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := make(map[Day]*Counts)
	for _, batch := range s.batches {
		for day, counts := range batch.Counts {
			if day.TokenID == id && day.Day >= since {
				if sums[day.Day] == nil {
					sums[day.Day] = new(Counts)
				}
				sums[day.Day].Add(counts)
			}
		}
	}
	for day, counts := range sums {
		activity = append(activity, Activity{day, *counts})
	}
	return activity, nil
}

func (s *usesStore) SaveUses(_ context.Context, uses map[string]Use) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.err != nil {
		return s.err
	}
	maps.Copy(s.uses, uses)
	return nil
}

func (s *usesStore) Uses(_ context.Context, ids []string) (map[string]Use, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses := make(map[string]Use)
	for _, id := range ids {
		if use, ok := s.uses[id]; ok {
			uses[id] = use
		}
	}
	return uses, nil
}

// writesAndUses returns the number of writes and of stored uses.
func (s *usesStore) writesAndUses() (writes, uses int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes, len(s.uses)
}

// usesOf runs a log of uses in front of a store until the test's bubble ends.
func usesOf(t *testing.T) (*usesStore, *UseLog, func()) {
	store := &usesStore{uses: make(map[string]Use), batches: make(map[string]ActivityBatch)}
	log := NewUseLog(store, func(int, error) {})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		log.Run(ctx)
	}()
	return store, log, func() { cancel(); <-done }
}

var home = netip.MustParseAddr("203.0.113.7")

func wantUse(t *testing.T, l *UseLog, id string, want Use) {
	t.Helper()
	uses, err := l.Last(t.Context(), []string{id})
	if err != nil || uses[id] != want {
		t.Errorf("last use of %s: %+v, %v, want %+v", id, uses[id], err, want)
	}
}

// TestUsesAreWrittenTogether checks that there is one write per interval, whatever
// the traffic, that unwritten uses are already visible on this node, and that
// stopping loses nothing.
func TestUsesAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log, end := usesOf(t)
		for range 100 {
			for id := range 50 {
				log.Note(fmt.Sprint(id), home, "client")
			}
			time.Sleep(100 * time.Millisecond)
		}
		minute := time.Now().UTC().Truncate(time.Minute)
		wantUse(t, log, "7", Use{minute, home, "client"})
		if writes, _ := store.writesAndUses(); writes != 0 {
			t.Errorf("%d writes before an interval has passed", writes)
		}
		time.Sleep(useInterval)
		synctest.Wait()
		if writes, uses := store.writesAndUses(); writes != 1 || uses != 50 {
			t.Errorf("%d writes, %d uses, want 1 and 50", writes, uses)
		}
		time.Sleep(10 * useInterval)
		synctest.Wait()
		if writes, _ := store.writesAndUses(); writes != 1 {
			t.Errorf("%d writes without uses", writes-1)
		}
		log.Note("late", home, "client")
		end()
		if _, ok := store.uses["late"]; !ok {
			t.Error("stopping lost a use")
		}
	})
}

// TestUsesWaitForTheStore checks that an outage loses no use, and that an earlier
// use does not hide a later one.
func TestUsesWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log, end := usesOf(t)
		defer end()
		store.err = errors.New("away")
		first := time.Now().UTC().Truncate(time.Minute)
		log.Note("a", home, "first")
		log.Note("b", home, "first")
		time.Sleep(5 * useInterval)
		synctest.Wait()
		second := time.Now().UTC().Truncate(time.Minute)
		log.Note("a", home, "second")
		time.Sleep(useInterval)
		synctest.Wait()
		wantUse(t, log, "b", Use{first, home, "first"})
		store.mu.Lock()
		store.err = nil
		store.mu.Unlock()
		time.Sleep(useInterval)
		synctest.Wait()
		if want := (map[string]Use{"a": {second, home, "second"}, "b": {first, home, "first"}}); !maps.Equal(store.uses, want) {
			t.Errorf("stored %+v, want %+v", store.uses, want)
		}
	})
}

func TestUserAgentIsCutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, log, end := usesOf(t)
		defer end()
		log.Note("a", home, "evil\x1b[2J\r\n"+strings.Repeat("x", 10_000))
		uses, err := log.Last(t.Context(), []string{"a"})
		if got := uses["a"].UserAgent; err != nil || len(got) > token.MaxClaim || strings.ContainsAny(got, "\x1b\r\n") || !strings.HasPrefix(got, "evil[2J") {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestUserAgentWithToken: a token that somebody put into the User-Agent by mistake is not
// kept.
func TestUserAgentWithToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, log, end := usesOf(t)
		defer end()
		secret := token.New()
		log.Note("a", home, "sync "+secret.Reveal())
		uses, err := log.Last(t.Context(), []string{"a"})
		if got := uses["a"].UserAgent; err != nil || got != "sync "+secret.ID() {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func BenchmarkNoteUse(b *testing.B) {
	log := NewUseLog(nil, func(int, error) {})
	b.ReportAllocs()
	for b.Loop() {
		log.Note("4fT0aB9xYz", home, "curl/8.5.0")
	}
}
