package approvals

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// slowStore is a store in which one token's held requests take their time.
type slowStore struct {
	storage.Store
	slow    string // the beginning of the cursor
	reached chan struct{}
	goOn    chan struct{}
}

func (s slowStore) Documents(ctx context.Context, query storage.DocumentQuery) (storage.DocumentPage, error) {
	if query.Cursor == s.slow {
		close(s.reached)
		<-s.goOn
	}
	return s.Store.Documents(ctx, query)
}

// TestTokensDoNotWaitForEachOther: while the store is slow about one token's requests,
// those of another are held at once.
func TestTokensDoNotWaitForEachOther(t *testing.T) {
	d := newDesk(t)
	other := token.New()
	record := *d.record
	record.ID, record.Digest = other.ID(), other.Digest()
	slow := slowStore{d.Store, nameOf(d.record.ID + "-").String(), make(chan struct{}), make(chan struct{})}
	d.Store = slow
	held := make(chan error)
	go func() {
		_, err := d.Check(t.Context(), d.request("one"))
		held <- err
	}()
	<-slow.reached
	if _, err := d.Check(t.Context(), &handler.HeldRequest{Record: &record, Method: "POST", URI: "/x", Digest: sha256.Sum256([]byte("two"))}); err != nil {
		t.Error(err)
	}
	close(slow.goOn)
	if err := <-held; err != nil {
		t.Error(err)
	}
}

// TestLocks: one at a time for each token, nobody waits longer than the context allows,
// and nothing is left.
func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		release, err := l.acquire(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.acquire(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("two have the lock: %v", err)
		}
		got := false
		go func() {
			again, err := l.acquire(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			got = true
			again()
		}()
		synctest.Wait()
		if got {
			t.Error("two have the lock")
		}
		release()
		synctest.Wait()
		if !got || len(l.of) != 0 {
			t.Errorf("got it: %v; left: %d", got, len(l.of))
		}
	})
}
