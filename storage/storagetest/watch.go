package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// patience is how long to wait for what must come: minutes, because the machine
// may be busy with much else. A test that succeeds never waits so long.
const patience = 2 * time.Minute

// Heard is a storage.Watcher that passes on what it is told: "restored",
// "lost", or the id of what changed.
type Heard chan string

// Changed implements storage.Watcher.
func (h Heard) Changed(id string) { h <- id }

// Lost implements storage.Watcher.
func (h Heard) Lost(error) { h <- "lost" }

// Restored implements storage.Watcher.
func (h Heard) Restored() { h <- "restored" }

// Want waits until the watcher is told want, and fails the test when it is not
// or is told something else before.
func (h Heard) Want(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-h:
		if got != want {
			t.Fatalf("the watcher heard %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the watcher did not hear %q", want)
	}
}

// Watch starts to watch s and returns what is heard. It stops with the test,
// or when stop is called; stop returns what Watch did.
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
			return errors.New("Watch does not end with its context")
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
		t.Fatalf("Watch ended with %v", err)
	}
	other := NewRecord(2, "anna", "other")
	apply(t, s, Create(other))
	one.Want(t, other.ID) // and nothing of the conflict before
	if err := stopOne(); !errors.Is(err, context.Canceled) {
		t.Fatalf("Watch ended with %v", err)
	}
}
