package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// patience is how long to wait for notifications. It is minutes, because the machine
// may be busy; a test that passes never waits that long.
const patience = 2 * time.Minute

// Heard is a storage.Watcher that passes on its notifications: "restored", "lost",
// or the id of a changed token.
type Heard chan string

// Changed implements storage.Watcher.
func (h Heard) Changed(id string) { h <- id }

// Lost implements storage.Watcher.
func (h Heard) Lost(error) { h <- "lost" }

// Restored implements storage.Watcher.
func (h Heard) Restored() { h <- "restored" }

// Want waits for the next notification, and fails the test unless it is want.
func (h Heard) Want(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-h:
		if got != want {
			t.Fatalf("the watcher was notified of %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the watcher was not notified of %q", want)
	}
}

// Watch watches s and returns its notifications. It stops at the end of the test or
// when stop is called, which returns the result of s.Watch.
func Watch(t testing.TB, s storage.Store) (heard Heard, stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	heard = make(Heard, 1000)
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, heard) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("Watch did not return when its context was done")
		}
	}
	t.Cleanup(func() { stop() })
	return heard, stop
}

func testWatch(t *testing.T, s storage.Store) {
	one, stopOne := Watch(t, s)
	two, stopTwo := Watch(t, s)
	one.Want(t, "restored")
	two.Want(t, "restored")

	r := NewRecord(1, "anna", "a")
	update := Update(r, func(r *token.Record) { r.Name = "b" })
	for _, change := range []storage.Change{Create(r), update, Delete(update.New)} {
		apply(t, s, change)
		one.Want(t, r.ID)
		two.Want(t, r.ID)
	}
	wantError(t, s.Apply(t.Context(), Delete(r)), storage.ErrConflict)

	if err := stopTwo(); !errors.Is(err, context.Canceled) {
		t.Fatalf("Watch returned %v", err)
	}
	other := NewRecord(2, "anna", "other")
	apply(t, s, Create(other))
	one.Want(t, other.ID) // nothing about the conflict came before
	if err := stopOne(); !errors.Is(err, context.Canceled) {
		t.Fatalf("Watch returned %v", err)
	}
}
