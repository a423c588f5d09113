package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const (
	// removedAtOnce is how many events are removed at once, since changes wait
	// meanwhile.
	removedAtOnce = 250
	// valueRemoval is the signed removal of the newest events that were removed.
	valueRemoval = "removal"
)

// Trim removes events that are older than Retention. Their hashes stay in the tree. Before
// it removes any, it records an event about it and signs which ones: events that are
// missing for another reason show. Calls must not overlap.
//
// It believes the age only of an event that the tree has in its place, and of those before
// it: otherwise, whoever can write to the store could make young events look old.
func (l *Log) Trim(ctx context.Context) error {
	now := l.Now()
	oldest, old, err := l.tooOld(ctx, now.Add(-l.Retention).UnixMilli())
	if err != nil || len(old) == 0 {
		return err
	}
	last, through, err := l.lastProven(ctx, old)
	if err != nil {
		return err
	}
	if err := l.announceRemoval(ctx, through, oldest.Time(), last.Time(), now); err != nil {
		return err
	}
	for {
		n, err := l.store.RemoveEvents(ctx, last, removedAtOnce)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	l.Logger.Info("removed old events of the audit trail; their hashes stay", zap.Int64("through", through), zap.Duration("retention", l.Retention))
	return nil
}

// tooOld returns the ID of the oldest event, and the newest of those that were recorded
// before a time, up to a page of them. To have one event about it a day rather than one an
// hour, it returns none while the oldest one is hardly older.
func (l *Log) tooOld(ctx context.Context, cutoff int64) (oldest storage.EventID, old []storage.RawEvent, err error) {
	slack := min(24*time.Hour, l.Retention/10).Milliseconds()
	var after storage.EventID
	for {
		page, err := l.store.RawEvents(ctx, after, batch)
		if err != nil {
			return oldest, nil, err
		}
		if len(page) == 0 {
			return oldest, old[:max(0, len(old)-1)], nil // never the newest event
		}
		if after == (storage.EventID{}) {
			if oldest = page[0].ID; oldest.Millis >= cutoff-slack {
				return oldest, nil, nil
			}
		}
		for i, event := range page {
			if event.ID.Millis >= cutoff {
				return oldest, append(old, page[:i]...), nil
			}
		}
		// Of the page before, one is enough if nothing of this one is left.
		old = append(old[max(0, len(old)-1):], page...)
		after = page[len(page)-1].ID
	}
}

// lastProven returns the ID and the number of the newest of these events that the tree has
// in its place.
func (l *Log) lastProven(ctx context.Context, old []storage.RawEvent) (last storage.EventID, number int64, err error) {
	for _, event := range slices.Backward(old) {
		found, err := l.Prove(ctx, event.ID)
		if err == nil {
			return event.ID, found.Index + 1, nil
		}
		if !errors.As(err, new(changedError)) {
			return last, 0, err
		}
	}
	return last, 0, errors.New("the oldest events are not those that were recorded: run caddy jira-token audit verify")
}

// announceRemoval records an event that says that the events up to and including the one
// with the number through are removed, and then signs that, unless it has been signed. If
// signing fails, the next attempt records the event again.
func (l *Log) announceRemoval(ctx context.Context, through int64, from, until, at time.Time) error {
	if err := l.acquire(ctx); err != nil {
		return err
	}
	defer l.release()
	earlier, err := l.currentRemoval(ctx)
	if err != nil || earlier.Size >= through { // but then removing them failed
		return err
	}
	if err := l.store.AddEvents(ctx, l.event(proof.ActionTrimmed, field(proof.FieldRemovedThrough, number(earlier.Size), number(through)))); err != nil {
		return err
	}
	for conflicts := 0; ; conflicts++ {
		err := l.signRemoval(ctx, through, from, until, at)
		if !errors.Is(err, storage.ErrConflict) || conflicts == maxConflicts {
			return err
		}
	}
}

func (l *Log) signRemoval(ctx context.Context, through int64, from, until, at time.Time) error {
	earlier, err := l.currentRemoval(ctx)
	if err != nil || earlier.Size >= through { // another gateway has signed it
		return err
	}
	if earlier.Removal != nil {
		from = earlier.Removal.From
	}
	root, err := tlog.TreeHash(through, (&tiles{ctx: ctx, store: l.store}).of(l.head.Checkpoint))
	if err != nil {
		return asDamage(err)
	}
	signer, err := l.keys.signing.signer(l.head.Origin)
	if err != nil {
		return fmt.Errorf("signing the removal: %w", err)
	}
	signed, err := proof.Checkpoint{
		Origin: l.head.Origin, Size: through, Root: root, Removal: &proof.Removal{From: from, Until: until, At: at},
	}.Sign(signer)
	if err != nil {
		return fmt.Errorf("signing the removal: %w", err)
	}
	return l.store.SaveTree(ctx, l.head.Note, map[string][]byte{valueRemoval: signed})
}

// currentRemoval takes over the newest checkpoint, and returns what removal returns.
func (l *Log) currentRemoval(ctx context.Context) (proof.Signed, error) {
	if err := l.refresh(ctx); err != nil {
		return proof.Signed{}, err
	}
	return l.removal(ctx)
}

// removal returns the signed removal in the store, or the zero value if there is none that
// can be trusted.
func (l *Log) removal(ctx context.Context) (proof.Signed, error) {
	values, err := l.store.TreeValues(ctx, valueRemoval)
	if err != nil {
		return proof.Signed{}, err
	}
	signed, err := l.open(values[0])
	if err != nil || signed.Removal == nil || signed.Origin != l.head.Origin {
		return proof.Signed{}, nil //nolint:nilerr // it proves nothing
	}
	return signed, nil
}
