package filestore

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestChangesTogether: of changes that share a transaction, one that fails or panics
// affects no other, and whoever made it learns of it. All that come while a transaction
// is under way share the next one.
func TestChangesTogether(t *testing.T) {
	s := New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()).(*store)
	defer s.Close()
	db, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	begun, let := make(chan struct{}), make(chan struct{})
	var making sync.WaitGroup
	making.Go(func() {
		err := s.change(t.Context(), "wait", func(*bbolt.Tx) error {
			close(begun)
			<-let
			return nil
		})
		if err != nil {
			t.Errorf("the first change: %v", err)
		}
	})
	<-begun
	const others = 20
	wrong := errors.New("wrong")
	transactions := make(map[int]bool) // of those that succeed
	for i := range others {
		making.Go(func() {
			defer func() {
				if panicked := recover() != nil; panicked != (i == 7) {
					t.Errorf("change %d panicked: %t", i, panicked)
				}
			}()
			err := s.change(t.Context(), "count", func(tx *bbolt.Tx) error {
				switch i {
				case 3:
					return wrong
				case 5:
					return storage.ErrConflict
				case 7:
					panic("a mistake in the code")
				}
				transactions[tx.ID()] = true
				return tx.Bucket(bucketMeta).Put([]byte{byte(i)}, []byte{1})
			})
			switch {
			case i == 3:
				if !errors.Is(err, wrong) || !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("a change that fails: %v", err)
				}
			case i == 5:
				if !errors.Is(err, storage.ErrConflict) {
					t.Errorf("a change with a conflict: %v", err)
				}
			case err != nil:
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	for waiting := 0; waiting < others; {
		s.commits.mu.Lock()
		waiting = len(s.commits.waiting)
		s.commits.mu.Unlock()
	}
	close(let)
	making.Wait()
	err = db.View(func(tx *bbolt.Tx) error {
		for i := range others {
			if made := tx.Bucket(bucketMeta).Get([]byte{byte(i)}) != nil; made == (i == 3 || i == 5 || i == 7) {
				t.Errorf("change %d was made: %t", i, made)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(transactions) != 1 {
		t.Errorf("%d transactions for changes that came at once", len(transactions))
	}
}
