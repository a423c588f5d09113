package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// reports collects a breaker's reports of outages.
type reports struct {
	mu    sync.Mutex
	lines []string
}

func (r *reports) changed(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprint(cause))
}

func (r *reports) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lines, want) {
		t.Errorf("reported %q, want %q", r.lines, want)
	}
}

func newBroken(t *testing.T) (*slowStore, *Breaker, *reports) {
	store, log := &slowStore{records: map[string]*token.Record{"a": {ID: "a"}}}, new(reports)
	ctx, cancel := context.WithCancel(t.Context())
	b := NewBreaker(ctx, store, log.changed)
	t.Cleanup(func() { cancel(); b.Wait() })
	return store, b, log
}

// TestBreakerKeepsReadsFromWaiting checks that only one read finds out about an
// outage: the others fail at once, and only the breaker asks the store until it is
// back.
func TestBreakerKeepsReadsFromWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b, log := newBroken(t)
		away := errors.Join(ErrUnavailable, errors.New("gone"))
		store.set(func() { store.err = away })
		for range 1000 {
			if _, err := b.Get(t.Context(), "a"); !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if n := store.reads.Load(); n != 1 {
			t.Errorf("%d reads of a store that is away, want 1", n)
		}
		time.Sleep(time.Minute)
		log.want(t, away.Error())
		store.set(func() { store.err = nil })
		time.Sleep(probeInterval)
		synctest.Wait()
		if _, err := b.Get(t.Context(), "a"); err != nil {
			t.Errorf("the store is back: %v", err)
		}
		time.Sleep((probesToRecover - 1) * probeInterval)
		log.want(t, away.Error(), "<nil>")
		reads := store.reads.Load()
		time.Sleep(time.Hour)
		if n := store.reads.Load(); n != reads {
			t.Errorf("%d reads after the outage", n-reads)
		}
	})
}

// TestBreakerTellsOnce checks that a store that comes and goes is one outage.
func TestBreakerTellsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b, log := newBroken(t)
		away := errors.Join(ErrUnavailable, errors.New("gone"))
		for range 20 {
			store.set(func() { store.err = away })
			time.Sleep(probeInterval)
			synctest.Wait()
			_, _ = b.Get(t.Context(), "a")
			store.set(func() { store.err = nil })
			time.Sleep(probeInterval)
			synctest.Wait()
		}
		time.Sleep(probesToRecover * probeInterval)
		log.want(t, away.Error(), "<nil>")
	})
}

// TestBreakerProbed checks that a probe finds an outage before a request does.
func TestBreakerProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b, log := newBroken(t)
		if err := b.Probe(t.Context()); err != nil {
			t.Error(err)
		}
		log.want(t)
		store.set(func() { store.err = ErrUnavailable })
		if err := b.Probe(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		log.want(t, ErrUnavailable.Error())
	})
}

// TestWhatIsNoOutage checks that an unknown token, a damaged record, a slow store
// and a caller that left do not count as an outage.
func TestWhatIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b, log := newBroken(t)
		for _, err := range []error{ErrNotFound, errors.Join(ErrUnavailable, ErrDamaged), errors.Join(ErrUnavailable, ErrBusy), context.Canceled} {
			store.set(func() { store.err = err })
			if _, got := b.Get(t.Context(), "a"); !errors.Is(got, err) {
				t.Errorf("got %v, want %v", got, err)
			}
			if away := b.Away(); away != nil {
				t.Errorf("%v counts as an outage", err)
			}
		}
		log.want(t)
	})
}
