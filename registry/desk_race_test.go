package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// betweenReads is a store that calls meanwhile before its second Get.
type betweenReads struct {
	storage.Store
	gets      int
	meanwhile func()
}

func (s *betweenReads) Get(ctx context.Context, id string) (*token.Record, error) {
	if s.gets++; s.gets == 2 {
		s.meanwhile()
	}
	return s.Store.Get(ctx, id)
}

// interrupt makes r call meanwhile between the first and the second reading of a token.
func interrupt(r *Registry, meanwhile func()) {
	store := r.store
	s := &betweenReads{Store: store}
	s.meanwhile = func() {
		r.store = store
		meanwhile()
		r.store = s
	}
	r.store = s
}

// TestRotateLosesToTransfer: whoever had a token gets no secret of it once it is somebody
// else's, however short the time in between.
func TestRotateLosesToTransfer(t *testing.T) {
	for name, rotate := range map[string]func(d *Desk, id string) (Issued, error){
		"rotate": func(d *Desk, id string) (Issued, error) { return d.Rotate(t.Context(), person("alice"), id, 0) },
		"handover": func(d *Desk, id string) (Issued, error) {
			return d.HandOver(t.Context(), person("alice"), id, 0, DefaultHandover)
		},
	} {
		r, alice, _, _, _ := desks(t)
		record, _ := create(t, r, map[string]any{"owner": "alice", "name": "n"})
		interrupt(r, func() {
			if _, err := r.Transfer(t.Context(), admin, "alice", "bob"); err != nil {
				t.Fatal(err)
			}
		})
		if _, err := rotate(alice, record.ID); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUpdateSeesWhatItChanges: somebody who holds the changes of a token while its owner
// changes it is not undone.
func TestUpdateSeesWhatItChanges(t *testing.T) {
	r, alice, _, root, _ := desks(t)
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "n"})
	interrupt(r, func() {
		if _, err := root.Update(t.Context(), person("root"), record.ID, edit(t, map[string]any{"hold_writes": true})); err != nil {
			t.Fatal(err)
		}
	})
	_, err := alice.Update(t.Context(), person("alice"), record.ID, edit(t, map[string]any{"hold_writes": false}))
	wantRefused(t, "the owner", err)
}
