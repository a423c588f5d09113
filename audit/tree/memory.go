package tree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
)

// memory is the newest checkpoint that this gateway knows. It is also kept outside the
// store: a store that does not have it any more has gone back in time.
type memory struct {
	remembered proof.Signed
	keptAt     time.Time // when it was last kept
	kept       []byte
}

// keepEvery is the least time between two times that the newest checkpoint is kept
// outside the store.
const keepEvery = time.Minute

// memoryPlace returns where the newest checkpoint is kept.
func (l *Log) memoryPlace() string {
	sum := sha256.Sum256([]byte(l.StoreKey))
	return "jira_tokens/audit/checkpoints/" + hex.EncodeToString(sum[:8])
}

// recall loads the checkpoint that was kept.
func (l *Log) recall(ctx context.Context) {
	note, err := l.Keep.Load(ctx, l.memoryPlace())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var signed proof.Signed
	if err == nil {
		signed, err = l.open(note)
	}
	if err != nil {
		l.Logger.Warn("cannot use the checkpoint of the audit trail that was kept in Caddy's storage: if the token store has lost events while this gateway was stopped, it does not show here",
			zap.String("key", l.memoryPlace()), zap.Error(err))
		return
	}
	l.remembered, l.kept = signed, note
}

// remember makes a checkpoint the newest one.
func (l *Log) remember(ctx context.Context, signed proof.Signed) {
	l.remembered = signed
	if string(l.kept) == string(signed.Note) || l.Now().Sub(l.keptAt) < keepEvery && !l.keptAt.IsZero() {
		return
	}
	l.keep(ctx)
}

// keep keeps the newest checkpoint outside the store.
func (l *Log) keep(ctx context.Context) {
	if l.remembered.Note == nil || string(l.kept) == string(l.remembered.Note) {
		return
	}
	l.keptAt = l.Now()
	if err := l.Keep.Store(ctx, l.memoryPlace(), l.remembered.Note); err != nil {
		l.Logger.Warn("cannot keep the checkpoint of the audit trail in Caddy's storage", zap.Error(err))
		return
	}
	l.kept = l.remembered.Note
}

// compare finds out whether a checkpoint in the store continues the newest one that
// this gateway knows. If it does not, the store has lost events or was changed: that is
// logged and recorded, once, and the trail continues with what the store has.
func (l *Log) compare(ctx context.Context, head proof.Signed) error {
	known := l.remembered
	if known.Note == nil || known.Size == head.Size && known.Root == head.Root {
		return nil
	}
	lost := fmt.Sprintf("it has %d events in its tree, but a checkpoint that was signed earlier covers %d", head.Size, known.Size)
	if known.Size <= head.Size {
		root, err := tlog.TreeHash(known.Size, (&tiles{ctx: ctx, store: l.store}).of(head.Checkpoint))
		if err != nil {
			err = asDamage(err)
			if !errors.As(err, new(damagedTreeError)) {
				return err
			}
		}
		if err == nil && root == known.Root {
			return nil
		}
		lost = fmt.Sprintf("among its first %d events are not those that a checkpoint covers that was signed earlier", known.Size)
	}
	l.Logger.Error("the audit trail in the token store has lost events, or was changed: the store was started from an older copy, a replica without the last changes took over, or somebody has edited it: "+lost+
		". Run caddy jira-token audit verify",
		zap.Int64("known_events", known.Size), zap.Stringer("known_root", known.Root), zap.Int64("events", head.Size), zap.Stringer("root", head.Root))
	err := l.store.AddEvents(ctx, l.event(proof.ActionLost,
		field("events", number(known.Size), number(head.Size)),
		field("checkpoint", quoted(string(known.Note)), quoted(string(head.Note))),
	))
	if err == nil {
		l.remembered, l.keptAt = head, time.Time{} // keep the next one at once: the loss is recorded
	}
	return err
}
