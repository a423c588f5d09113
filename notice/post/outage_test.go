package post

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestTrouble lets receivers fail in several ways: each notice arrives in the end, and the
// trouble of one does not delay another.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := &hook{answer: func(n int, _ *http.Request) (int, http.Header) { return map[bool]int{true: 0, false: 200}[n < 4], nil }}
		fails := &hook{answer: func(n int, _ *http.Request) (int, http.Header) {
			return map[bool]int{true: 500, false: 201}[n < 6], nil
		}}
		redirects := &hook{answer: func(n int, _ *http.Request) (int, http.Header) {
			return map[bool]int{true: 302, false: 200}[n < 3], http.Header{"Location": {"https://elsewhere.example.com/"}}
		}}
		busy := &hook{answer: func(n int, _ *http.Request) (int, http.Header) {
			return map[bool]int{true: 429, false: 200}[n < 2], http.Header{"Retry-After": {"1800"}}
		}}
		fine := &hook{}
		o := open(t, newStore(t), receiver(t, "hangs", hangs), receiver(t, "fails", fails), receiver(t, "redirects", redirects), receiver(t, "busy", busy), receiver(t, "fine", fine))
		defer o.end()
		for i := range 3 {
			o.Notify(expiring(i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if fine.accepted() != 3 || o.count("events delivered") != 3 {
			t.Errorf("after a second, %d notices have arrived at the receiver without trouble, %d as events", fine.accepted(), o.count("events delivered"))
		}
		if s := o.status("fails"); s.State != StateFailing || s.Waiting != 3 || s.Error != "500 Internal Server Error" {
			t.Errorf("status: %+v", s)
		}
		if s := o.status("redirects"); !strings.Contains(s.Error, "redirects are not followed") {
			t.Errorf("status: %+v", s)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		for name, h := range map[string]*hook{"hangs": hangs, "fails": fails, "redirects": redirects} {
			if s := o.status(name); h.accepted() != 3 || s.Waiting != 0 || s.State != StateOK || s.Delivered != 3 || s.LastFailure.IsZero() {
				t.Errorf("%s has got %d, status %+v", name, h.accepted(), s)
			}
		}
		if busy.attempts() != 1 {
			t.Errorf("%d attempts at a receiver that asked to wait", busy.attempts())
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if busy.accepted() != 3 {
			t.Errorf("%d notices after Retry-After", busy.accepted())
		}
	})
}

// TestDownForADay checks that a receiver that is down for a day gets everything, is asked
// ever more rarely, and that a restart loses nothing.
func TestDownForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		var up atomic.Bool
		h := &hook{answer: func(int, *http.Request) (int, http.Header) {
			return map[bool]int{false: 503, true: 200}[up.Load()], nil
		}}
		o := open(t, store, receiver(t, "a", h))
		for i := range 50 {
			o.Notify(expiring(i))
		}
		time.Sleep(23 * time.Hour)
		o.end()
		if n := h.attempts(); n < 100 || n > 300 {
			t.Errorf("%d attempts in 23 hours", n)
		}
		up.Store(true)
		o = open(t, store, receiver(t, "a", h))
		defer o.end()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := o.status("a"); h.accepted() != 50 || s.Waiting != 0 || s.Dropped != 0 {
			t.Errorf("%d of 50, status %+v", h.accepted(), s)
		}
	})
}

// TestDownForAMonth checks the bounds of the outbox: by size, and by age.
func TestDownForAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		var up atomic.Bool
		h := &hook{answer: func(int, *http.Request) (int, http.Header) {
			return map[bool]int{false: 503, true: 200}[up.Load()], nil
		}}
		o := open(t, store, receiver(t, "a", h))
		defer o.end()
		var notices []notice.Notice
		for i := range MaxOutbox + 100 {
			notices = append(notices, expiring(i))
		}
		if n, err := o.PublishPatiently(t.Context(), notices...); n != len(notices) || err != nil {
			t.Fatalf("published %d, %v", n, err)
		}
		if s := o.status("a"); s.Waiting != MaxOutbox || s.Dropped != 100 || o.count("a dropped") != 100 {
			t.Errorf("status %+v, counted %d", s, o.count("a dropped"))
		}
		time.Sleep(Keep + time.Hour)
		if n, err := o.Publish(t.Context(), expiring(-1)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(time.Hour)
		up.Store(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := o.status("a"); s.Waiting != 0 || h.accepted() != 1 || s.Dropped != MaxOutbox+100 {
			t.Errorf("%d accepted, status %+v", h.accepted(), s)
		}
	})
}

// TestStoreAway checks that notices wait while the store is away.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{}
		store := &away{Store: newStore(t)}
		o := open(t, store, receiver(t, "a", h))
		defer o.end()
		store.set(true)
		for i := range 3 {
			o.Notify(expiring(i))
		}
		time.Sleep(time.Hour)
		store.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != 3 || h.attempts() != 3 {
			t.Errorf("%d accepted in %d attempts", h.accepted(), h.attempts())
		}
		store.set(true)
		for i := range 2 * maxWaiting {
			o.Notify(expiring(i))
		}
		if n := o.count("events dropped"); n < maxWaiting-atOnce || n > maxWaiting {
			t.Errorf("%d dropped", n)
		}
		store.set(false)
	})
}

type away struct {
	Store
	mu   sync.Mutex
	gone bool
}

func (a *away) set(gone bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = gone
}

func (a *away) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return storage.ErrUnavailable
	}
	return nil
}

func (a *away) Document(ctx context.Context, name storage.DocumentName) (storage.Document, error) {
	if err := a.err(); err != nil {
		return storage.Document{}, err
	}
	return a.Store.Document(ctx, name)
}

func (a *away) ApplyQuietly(ctx context.Context, changes ...storage.DocumentChange) error {
	if err := a.err(); err != nil {
		return err
	}
	return a.Store.ApplyQuietly(ctx, changes...)
}

// TestHandlersThatHang checks that webhooks get notices while a handler of events hangs.
func TestHandlersThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{}
		o := open(t, newStore(t), receiver(t, "a", h))
		released := make(chan struct{})
		o.Local = func(notice.Notice) { <-released }
		const n = maxWaiting + 200
		for i := range n {
			if _, err := o.Publish(t.Context(), expiring(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != n || o.count("events dropped") == 0 {
			t.Errorf("%d of %d arrived, %d events were dropped", h.accepted(), n, o.count("events dropped"))
		}
		close(released)
		o.end()
	})
}
