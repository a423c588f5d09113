package tree

import (
	"context"
	"errors"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Head returns a signed checkpoint that covers all events, and the verifier keys with
// which checkpoints of the trail may be signed. If the checkpoint in the store is not
// to be trusted, it returns that one and an untrustedError.
func (l *Log) Head(ctx context.Context) (head proof.Signed, keys []string, err error) {
	if err := l.acquire(ctx); err != nil {
		return proof.Signed{}, nil, err
	}
	defer l.release()
	head, err = l.integrate(ctx)
	if errors.As(err, new(untrustedError)) {
		values, readError := l.store.TreeValues(ctx, storage.TreeHead)
		if readError != nil {
			return proof.Signed{}, nil, readError
		}
		if head, _ = proof.Open(values[0], nil); head.Note == nil { // not even a checkpoint
			return proof.Signed{}, nil, err
		}
	} else if err != nil {
		return proof.Signed{}, nil, err
	}
	keys, _, keysError := l.keys.verifierKeys(head.Origin)
	return head, keys, errors.Join(err, keysError)
}

// ErrChanged means that events were removed because of their age while they were being
// exported.
var ErrChanged = errors.New("old audit events were removed while the trail was exported: try again")

// Export writes the trail for package proof: the events that a signed checkpoint
// covers, as they are stored, and the hashes that the tree has of them.
func (l *Log) Export(ctx context.Context, w io.Writer) error {
	head, keys, err := l.Head(ctx)
	if err != nil && (!errors.As(err, new(untrustedError)) || head.Note == nil) {
		return err
	}
	removed, err := l.removed(ctx)
	if err != nil {
		return err
	}
	out, err := proof.NewWriter(w, proof.Header{Checkpoint: string(head.Note), Keys: keys})
	if err != nil {
		return err
	}
	values, err := l.store.TreeValues(ctx, valueRemoval)
	if err != nil {
		return err
	}
	if values[0] != nil {
		if err := out.Checkpoint(values[0]); err != nil {
			return err
		}
	}
	events := &events{ctx: ctx, store: l.store, index: removed}
	for first := int64(0); first < head.Size; first += tileWidth {
		index := first / tileWidth
		values, err := l.store.TreeValues(ctx, tileName(0, index), checkpointName(first+1))
		if err != nil {
			return err
		}
		if values[1] != nil {
			if err := out.Checkpoint(values[1]); err != nil {
				return err
			}
		}
		end := min(first+tileWidth, head.Size)
		if err := out.Tile(index, values[0][:min(len(values[0]), int(end-first)*tlog.HashSize)]); err != nil {
			return err
		}
		if err := events.through(end, out.Event); err != nil {
			return err
		}
	}
	if now, err := l.removed(ctx); err != nil || now != removed {
		return errors.Join(err, ErrChanged)
	}
	return out.End()
}

// events reads the events of the store in order, and finds out which place in the tree
// each has.
type events struct {
	ctx   context.Context
	store storage.Trail
	// index is the place of the next event, if it is not numbered.
	index int64
	page  []storage.RawEvent
	after storage.EventID
	ended bool
}

// through calls visit for the next events up to, but not including, the one at the
// index end.
func (e *events) through(end int64, visit func(id string, raw []byte) error) error {
	for {
		if len(e.page) < 2 && !e.ended {
			if err := e.read(); err != nil {
				return err
			}
		}
		if len(e.page) == 0 || e.place() >= end {
			return nil
		}
		event := e.page[0]
		if err := visit(event.ID.String(), event.Data); err != nil {
			return err
		}
		e.index = max(e.index, e.place()+1)
		e.page = e.page[1:]
	}
}

// place returns the index of the next event. Its number is not believed if those after
// it are lower: it was changed.
func (e *events) place() int64 {
	place := indexOf(e.page[0], e.index)
	if place > e.index && len(e.page) > 1 && indexOf(e.page[1], place+1) <= place {
		return e.index
	}
	return place
}

// indexOf returns the index that an event's number stands for, or otherwise if it has
// none.
func indexOf(event storage.RawEvent, otherwise int64) int64 {
	if number := int64(proof.NumberOf(event.Data)); number > 0 { //nolint:gosec // G115: at most 63 bits
		return number - 1
	}
	return otherwise
}

func (e *events) read() error {
	page, err := e.store.RawEvents(e.ctx, e.after, batch)
	if err != nil {
		return err
	}
	if e.ended = len(page) == 0; !e.ended {
		e.after = page[len(page)-1].ID
	}
	e.page = append(e.page, page...)
	return nil
}
