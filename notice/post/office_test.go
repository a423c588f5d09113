package post

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestNodesTakeTurns checks that of two nodes one delivers, and that the other goes on when
// the first ends or dies.
func TestNodesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := &hook{}
		a, b := open(t, store, receiver(t, "a", h)), open(t, store, receiver(t, "a", h))
		defer b.end()
		for i := range 30 {
			a.Notify(expiring(i))
			b.Notify(expiring(100 + i))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != 60 || h.attempts() != 60 || len(a.told) != 30 || len(b.told) != 30 {
			t.Errorf("%d accepted in %d attempts, %d and %d events", h.accepted(), h.attempts(), len(a.told), len(b.told))
		}
		a.end()
		// A node that dies says nothing any more.
		s, version, err := b.readState(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		s.Node = "dead"
		change, _ := stateChange("a", version, s)
		if err := store.ApplyQuietly(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		b.Notify(expiring(1000))
		time.Sleep(storage.ClaimTime / 2)
		synctest.Wait()
		if h.accepted() != 60 {
			t.Error("another node's claim was not respected")
		}
		time.Sleep(storage.ClaimTime)
		synctest.Wait()
		if h.accepted() != 61 {
			t.Errorf("%d accepted after the node was given up", h.accepted())
		}
	})
}

// TestOnce checks that a notice with Once is published once, until it is cleared or
// forgotten.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := &hook{}
		a, b := open(t, store, receiver(t, "a", h)), open(t, store, receiver(t, "a", h))
		defer a.end()
		defer b.end()
		n := expiring(1)
		n.Once, n.Until = "1", time.Now().Add(time.Hour)
		for range 5 {
			a.Notify(n)
			b.Notify(n)
		}
		if _, err := a.Publish(t.Context(), n, n); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != 1 || len(a.told)+len(b.told) != 1 {
			t.Errorf("%d accepted, %d events", h.accepted(), len(a.told)+len(b.told))
		}
		if cleared, err := a.Clear(t.Context(), n); !cleared || err != nil {
			t.Error(cleared, err)
		}
		if cleared, err := b.Clear(t.Context(), n); cleared || err != nil {
			t.Error(cleared, err)
		}
		again := func(want int) {
			t.Helper()
			if got, err := b.Publish(t.Context(), n); got != want || err != nil {
				t.Errorf("published %d, %v; want %d", got, err, want)
			}
		}
		again(1)
		again(0)
		if err := a.Forget(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		again(0)
		if err := a.Forget(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		again(1)
	})
}

// TestOutboxOfFormerReceiver checks that what waits for a webhook that is no longer
// configured goes once it is too old, as it would for one that is.
func TestOutboxOfFormerReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		down := &hook{answer: func(int, *http.Request) (int, http.Header) { return 503, nil }}
		former := open(t, store, receiver(t, "a", down))
		former.end()
		for i := range 150 {
			n := expiring(i)
			n.At = time.Now().Add(time.Hour - Keep)
			if i == 0 {
				n.At = time.Now()
			}
			if _, err := former.Publish(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		o := open(t, store, receiver(t, "b", &hook{}))
		defer o.end()
		forget := func(left int) {
			t.Helper()
			if err := o.Forget(t.Context(), time.Now().Add(-Keep)); err != nil {
				t.Fatal(err)
			}
			page, err := store.Documents(t.Context(), storage.DocumentQuery{Kind: kindOutbox, Limit: storage.MaxPageSize})
			if err != nil || len(page.Documents) != left {
				t.Errorf("%d are left, want %d: %v", len(page.Documents), left, err)
			}
			// Whoever configures it again finds the right numbers.
			if s := former.status("a"); s.Waiting != left || s.Dropped != uint64(150-left) || o.count("a dropped") != 150-left {
				t.Errorf("status %+v; %d were counted as dropped", s, o.count("a dropped"))
			}
		}
		forget(150)
		time.Sleep(2 * time.Hour)
		forget(1)
	})
}
