package tree

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Prove returns a proof that the event with this ID is in the trail. It returns
// storage.ErrNotFound if the store has no such event.
func (l *Log) Prove(ctx context.Context, id storage.EventID) (proof.Inclusion, error) {
	found, err := l.store.RawEvents(ctx, before(id), 1)
	if err != nil {
		return proof.Inclusion{}, err
	}
	if len(found) == 0 || found[0].ID != id {
		return proof.Inclusion{}, fmt.Errorf("audit event %s: %w", id, storage.ErrNotFound)
	}
	head, err := l.Integrate(ctx)
	if err != nil {
		return proof.Inclusion{}, err
	}
	p := proof.Inclusion{Event: found[0].Data, Checkpoint: head.Note}
	hash := tlog.RecordHash(p.Event)
	if p.Index = indexOf(found[0], -1); p.Index < 0 {
		if p.Index, err = l.search(ctx, head.Size, hash); err != nil {
			return proof.Inclusion{}, err
		}
	}
	changed := changedError{id}
	if p.Index < 0 || p.Index >= head.Size {
		return proof.Inclusion{}, changed
	}
	reader := (&tiles{ctx: ctx, store: l.store}).of(head.Checkpoint)
	if p.Path, err = tlog.ProveRecord(head.Size, p.Index, reader); err != nil {
		return proof.Inclusion{}, asDamage(err)
	}
	if tlog.CheckRecord(p.Path, head.Size, head.Root, p.Index, hash) != nil {
		return proof.Inclusion{}, changed
	}
	return p, nil
}

// changedError reports an event that is not what the tree says.
type changedError struct{ event storage.EventID }

func (e changedError) Error() string {
	return fmt.Sprintf("audit event %s is not what was recorded: run caddy jira-token audit verify", e.event)
}

// search returns the index of an event without a number, by its hash, or -1.
func (l *Log) search(ctx context.Context, size int64, hash tlog.Hash) (int64, error) {
	for tile := int64(0); tile*tileWidth < size; tile++ {
		values, err := l.store.TreeValues(ctx, tileName(0, tile))
		if err != nil {
			return 0, err
		}
		for at := 0; at+tlog.HashSize <= len(values[0]); at += tlog.HashSize {
			if tlog.Hash(values[0][at:]) == hash {
				return tile*tileWidth + int64(at/tlog.HashSize), nil
			}
		}
	}
	return -1, nil
}
