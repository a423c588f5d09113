package tree

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// rebuilt makes the tree of a signed checkpoint again, from the events and, where these
// were removed because of their age, from the hashes that are left. note is the value
// of the head in the store, on which saving is based.
//
// If the events do not lead to the checkpoint, they are not those that it covers. The
// trail then begins a new tree with the events that there are: compare reports that.
func (l *Log) rebuilt(ctx context.Context, want proof.Signed, note []byte) (proof.Signed, *tree, error) {
	// First find out whether the events are right: until then, change nothing.
	dry := newTree()
	err := l.eachHash(ctx, want.Size, func(last storage.EventID, hash tlog.Hash) error {
		dry.last = last
		dry.frontier.Append(hash)
		return nil
	})
	switch {
	case errors.As(err, new(damagedTreeError)) || err == nil && (dry.size() != want.Size || dry.frontier.Root() != want.Root):
		l.Logger.Error("the events of the audit trail do not lead to its signed checkpoint: beginning a new tree with the events that there are",
			zap.Int64("events", dry.size()), zap.Int64("checkpoint", want.Size))
		if l.remembered.Note == nil {
			l.remembered = want // for compare
		}
		t, err := l.restarted(ctx, note)
		return proof.Signed{Checkpoint: proof.Checkpoint{Origin: want.Origin}, Note: note}, t, err
	case err != nil:
		return proof.Signed{}, nil, err
	}
	t := newTree()
	err = l.eachHash(ctx, want.Size, func(last storage.EventID, hash tlog.Hash) error {
		t.last = last
		if t.add(hash); t.size()%savedAtOnce == 0 {
			return t.save(ctx, l.store, note)
		}
		return nil
	})
	if err == nil {
		t.changed[storage.TreeHead], t.changed[valueLast] = want.Note, []byte(t.last.String())
		err = t.save(ctx, l.store, note)
	}
	if err != nil {
		return proof.Signed{}, nil, err
	}
	l.Logger.Info("the tree of the audit trail was made again: its events lead to the signed checkpoint", zap.Int64("events", want.Size))
	return want, t, nil
}

// restarted returns a new tree, which begins with the events that were removed because
// of their age.
func (l *Log) restarted(ctx context.Context, note []byte) (*tree, error) {
	removed, err := l.removed(ctx)
	if err != nil {
		return nil, err
	}
	t, hashes := newTree(), keptHashes{store: l.store}
	for t.size() < removed {
		hash, err := hashes.of(ctx, t.size())
		if errors.As(err, new(damagedTreeError)) {
			hash, err = tlog.RecordHash(proof.Gap(uint64(t.size()+1))), nil
		}
		if err != nil {
			return nil, err
		}
		if t.add(hash); t.size()%savedAtOnce == 0 {
			if err := t.save(ctx, l.store, note); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// savedAtOnce is how many hashes are saved at once.
const savedAtOnce = 64 * tileWidth

// eachHash calls visit with the hashes of the first events: of those that the store
// has, and otherwise those in the tiles. It may end early.
func (l *Log) eachHash(ctx context.Context, size int64, visit func(last storage.EventID, hash tlog.Hash) error) error {
	removed, err := l.removed(ctx)
	if err != nil {
		return err
	}
	var after storage.EventID
	index, hashes := int64(0), keptHashes{store: l.store}
	kept := func(until int64) error { // the hashes in tiles
		for ; index < until; index++ {
			hash, err := hashes.of(ctx, index)
			if err == nil {
				err = visit(after, hash)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := kept(min(removed, size)); err != nil {
		return err
	}
	for index < size {
		events, err := l.store.RawEvents(ctx, after, batch)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return kept(size)
		}
		for _, event := range events {
			if number := int64(proof.NumberOf(event.Data)); number > 0 && number != index+1 { //nolint:gosec // G115: at most 63 bits
				if number <= index {
					continue
				}
				if err := kept(min(number-1, size)); err != nil {
					return err
				}
			}
			if index >= size {
				return nil
			}
			after = event.ID
			if err := visit(after, tlog.RecordHash(event.Data)); err != nil {
				return err
			}
			index++
		}
		after = events[len(events)-1].ID
	}
	return nil
}

// keptHashes reads the hashes of events in tiles.
type keptHashes struct {
	store storage.Trail
	index int64 // of the tile that was read last, from 1
	tile  []byte
}

// of returns the hash of an event.
func (k *keptHashes) of(ctx context.Context, index int64) (tlog.Hash, error) {
	if tile := index / tileWidth; tile+1 != k.index {
		values, err := k.store.TreeValues(ctx, tileName(0, tile))
		if err != nil {
			return tlog.Hash{}, err
		}
		k.index, k.tile = tile+1, values[0]
	}
	at := int(index%tileWidth) * tlog.HashSize
	if len(k.tile) < at+tlog.HashSize {
		return tlog.Hash{}, damagedTreeError{fmt.Sprintf("event %d is missing, and there is no hash of it", index+1)}
	}
	return tlog.Hash(k.tile[at:]), nil
}

// removed returns how many events were removed because of their age.
func (l *Log) removed(ctx context.Context) (int64, error) {
	values, err := l.store.TreeValues(ctx, storage.TreeRemoved)
	if err != nil {
		return 0, err
	}
	n, _ := strconv.ParseInt(string(values[0]), 10, 63) // 0 if missing
	return max(0, n), nil
}
