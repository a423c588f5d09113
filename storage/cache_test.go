package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// slowStore is a store whose reads end when and how the test decides.
type slowStore struct {
	Store
	mu      sync.Mutex
	records map[string]*token.Record
	err     error
	reads   atomic.Int32
	// hold, if set, delays the return of a read until it is closed.
	hold chan struct{}
}

func (s *slowStore) Get(_ context.Context, id string) (*token.Record, error) {
	s.reads.Add(1)
	s.mu.Lock()
	record, err, hold := s.records[id], s.err, s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, ErrNotFound
	}
	return record, nil
}

func (s *slowStore) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

var cacheOptions = CacheOptions{Size: 1000, TTL: 30 * time.Second, Grace: 10 * time.Minute, ReadTimeout: time.Second}

func newCached(records ...*token.Record) (*slowStore, *Cache) {
	store := &slowStore{records: make(map[string]*token.Record)}
	for _, r := range records {
		store.records[r.ID] = r
	}
	return store, NewCache(context.Background(), store, cacheOptions)
}

func TestKnownTokensCostNoRead(t *testing.T) {
	store, cache := newCached(&token.Record{ID: "a", Version: 1})
	for range 1000 {
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Get(t.Context(), "unknown"); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n := store.reads.Load(); n != 2 {
		t.Errorf("%d reads, want one per id", n)
	}
}

// TestDamagedRecordIsNoOutage checks that the cache drops a record once it is found
// damaged, and that repeated lookups cost no reads.
func TestDamagedRecordIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache := newCached(&token.Record{ID: "a", Version: 1})
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		store.set(func() { store.err = DamagedError{"a", errors.New("garbage")} })
		time.Sleep(cacheOptions.TTL)
		for range 1000 {
			if _, err := cache.Get(t.Context(), "a"); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if n := store.reads.Load(); n != 2 {
			t.Errorf("%d reads, want 2", n)
		}
		store.set(func() { store.err = nil })
		time.Sleep(unknownTTL)
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Errorf("after the repair: %v", err)
		}
		cache.Wait()
	})
}

func TestFirstRequestsShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache := newCached(&token.Record{ID: "a", Version: 1})
		store.hold = make(chan struct{})
		for range 1000 {
			go func() {
				if _, err := cache.Get(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if n := store.reads.Load(); n != 1 {
			t.Errorf("%d reads for 1000 first requests", n)
		}
		close(store.hold)
		synctest.Wait()
	})
}

func TestChangeWinsOverReadUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache := newCached(&token.Record{ID: "a", Version: 1})
		store.hold = make(chan struct{})
		got := make(chan *token.Record)
		go func() {
			record, _ := cache.Get(t.Context(), "a")
			got <- record
		}()
		synctest.Wait() // the read holds version 1
		store.set(func() { store.records["a"] = &token.Record{ID: "a", Version: 2} })
		cache.Changed("a")
		close(store.hold)
		if record := <-got; record.Version != 2 {
			t.Errorf("the overtaken read returned version %d", record.Version)
		}
		if record, _ := cache.Get(t.Context(), "a"); record.Version != 2 {
			t.Errorf("version %d is cached", record.Version)
		}
	})
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache := newCached(&token.Record{ID: "a", Version: 1}, &token.Record{ID: "b", Version: 1})
		for _, id := range []string{"a", "b"} {
			if _, err := cache.Get(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		store.set(func() { store.err = fmt.Errorf("refused: %w", ErrUnavailable) })

		time.Sleep(cacheOptions.TTL)
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Errorf("a known token within grace: %v", err)
		}
		if _, err := cache.Get(t.Context(), "new"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("an unknown token: %v, want unavailable", err)
		}
		cache.Changed("b")
		if _, err := cache.Get(t.Context(), "b"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a token that is known to have changed: %v, want unavailable", err)
		}
		time.Sleep(cacheOptions.Grace)
		if _, err := cache.Get(t.Context(), "a"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a known token after grace: %v, want unavailable", err)
		}
		store.set(func() { store.err = nil })
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Errorf("after the outage: %v", err)
		}
	})
}

func TestMissedChangesAreReadAgain(t *testing.T) {
	store, cache := newCached(&token.Record{ID: "a", Version: 1})
	if _, err := cache.Get(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	store.records["a"] = &token.Record{ID: "a", Version: 2}
	cache.Restored()
	if record, err := cache.Get(t.Context(), "a"); err != nil || record.Version != 2 {
		t.Errorf("after the watch was lost: %+v, %v", record, err)
	}
}

func TestOldRecordsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache := newCached(&token.Record{ID: "a", Version: 1})
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		store.set(func() { delete(store.records, "a") })
		time.Sleep(cacheOptions.TTL)
		if _, err := cache.Get(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a deleted token after TTL: %v", err)
		}
	})
}

func TestBusyTokensAreReadAgainWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache := newCached(&token.Record{ID: "a", Version: 1})
		if _, err := cache.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		store.set(func() { store.hold = make(chan struct{}) })
		time.Sleep(cacheOptions.TTL/2 + time.Second)
		for range 10 {
			if _, err := cache.Get(t.Context(), "a"); err != nil {
				t.Fatal(err) // would wait for the held read otherwise
			}
		}
		synctest.Wait()
		if n := store.reads.Load(); n != 2 {
			t.Errorf("%d reads, want the first and one early refresh", n)
		}
		close(store.hold)
		synctest.Wait()
	})
}

func TestStoredDoesNotCoverALaterChange(t *testing.T) {
	store, cache := newCached(&token.Record{ID: "a", Version: 1})
	if _, err := cache.Get(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	// This node wrote version 2; another wrote 3 before our Apply returned.
	store.records["a"] = &token.Record{ID: "a", Version: 3}
	cache.Changed("a")
	cache.Stored("a", &token.Record{ID: "a", Version: 2})
	if record, err := cache.Get(t.Context(), "a"); err != nil || record.Version != 3 {
		t.Errorf("got %+v, %v, want version 3", record, err)
	}
}

func TestNewTokenIsKnownAtOnce(t *testing.T) {
	store, cache := newCached()
	if _, err := cache.Get(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	created := &token.Record{ID: "a", Version: 1}
	store.records["a"] = created
	cache.Stored("a", created)
	if _, err := cache.Get(t.Context(), "a"); err != nil {
		t.Errorf("a token just created: %v", err)
	}
}

// TestStoredDoesNotCoverAChangeHeardOfBefore checks the case in which another
// node's later change left no trace, because nothing was cached when it was
// announced.
func TestStoredDoesNotCoverAChangeHeardOfBefore(t *testing.T) {
	store, cache := newCached(&token.Record{ID: "a", Version: 3})
	cache.Changed("a")
	cache.Changed("a")
	cache.Stored("a", &token.Record{ID: "a", Version: 2})
	if record, err := cache.Get(t.Context(), "a"); err != nil || record.Version != 3 {
		t.Errorf("got %+v, %v, want version 3", record, err)
	}
	if n := store.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}

// TestNothingIsReadAfterTheEnd checks that the cache leaves the store alone after
// Wait, because it may be closed by then.
func TestNothingIsReadAfterTheEnd(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	store := &slowStore{records: map[string]*token.Record{"a": {ID: "a", Version: 1}}}
	cache := NewCache(ctx, store, cacheOptions)
	end()
	cache.Wait()
	if _, err := cache.Get(t.Context(), "a"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after the end: %v, want unavailable", err)
	}
	if n := store.reads.Load(); n != 0 {
		t.Errorf("%d reads", n)
	}
}

// BenchmarkEntry measures how much memory a token takes in the cache, with an owner
// and a name of typical length.
func BenchmarkEntry(b *testing.B) {
	const n = 100_000
	store := &slowStore{records: make(map[string]*token.Record)}
	cache := NewCache(b.Context(), storeOfMany{store}, CacheOptions{Size: n, TTL: time.Hour, ReadTimeout: time.Second})
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n {
			if _, err := cache.Get(b.Context(), fmt.Sprintf("%010d", i)); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/token")
	}
}

// storeOfMany has a record for every id, decoded as a real store would.
type storeOfMany struct{ Store }

func (storeOfMany) Get(_ context.Context, id string) (*token.Record, error) {
	record := new(token.Record)
	err := json.Unmarshal(fmt.Appendf(nil, `{"id":%q,"owner":"owner-%s@example.com","name":"Token %s of the build server","scope":"read",
		"account":"default","status":"active","created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z",
		"expires_at":"2027-03-01T12:00:00Z","digest":%q,"version":1}`, id, id, id, strings.Repeat("ab", 32)), record)
	return record, err
}

// TestCreatedTokenThatWasRevokedMeanwhile checks that another node's revocation
// counts even if it is announced before this node's own creation returns.
func TestCreatedTokenThatWasRevokedMeanwhile(t *testing.T) {
	created := &token.Record{ID: "a", Status: token.StatusActive, Version: 1}
	_, cache := newCached(&token.Record{ID: "a", Status: token.StatusRevoked, Version: 2})
	cache.Changed("a") // this node's own change
	cache.Changed("a") // the other node's
	cache.Stored("a", created)
	if got, err := cache.Get(t.Context(), "a"); err != nil || got.Status != token.StatusRevoked {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestInherit checks that a cache with other bounds takes over what the old one
// knew, to serve it in an outage, except for what the old one knew to have changed.
func TestInherit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []*token.Record
		for _, id := range []string{"same", "changed", "changed late", "gone", "read", "late"} {
			records = append(records, &token.Record{ID: id, Version: 1})
		}
		store, old := newCached(records...)
		for _, r := range records[:5] {
			if _, err := old.Get(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
		}
		old.Changed("changed")
		next := NewCache(context.Background(), store, CacheOptions{Size: 100, TTL: time.Second, Grace: time.Minute, ReadTimeout: time.Second})
		next.Inherit(old)
		reads := store.reads.Load()
		if _, err := next.Get(t.Context(), "read"); err != nil || store.reads.Load() != reads+1 {
			t.Errorf("%v after %d reads: inherited records must be read again", err, store.reads.Load()-reads)
		}

		// The old cache serves until its configuration has stopped.
		if _, err := old.Get(t.Context(), "late"); err != nil {
			t.Fatal(err)
		}
		old.Changed("changed late")
		old.Changed("read") // the new one has read it, so this does not count
		store.set(func() { delete(store.records, "gone") })
		time.Sleep(cacheOptions.TTL)
		if _, err := old.Get(t.Context(), "gone"); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		next.Inherit(old)

		store.set(func() { store.err = ErrUnavailable })
		for id, want := range map[string]bool{"same": true, "changed": false, "changed late": false, "gone": false, "read": true, "late": true} {
			if _, err := next.Get(t.Context(), id); (err == nil) != want || err != nil && !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s in an outage: %v, want served %t", id, err, want)
			}
		}
		time.Sleep(time.Minute)
		if _, err := next.Get(t.Context(), "same"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("after the new cache's grace: %v", err)
		}
	})
}
