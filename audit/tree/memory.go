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
	// lineage identifies the history of the store's server at that time, or is empty if
	// that is not known.
	lineage string
}

// keepEvery is the least time between two times that the newest checkpoint is kept
// outside the store.
const keepEvery = time.Minute

// memoryPlace returns where the newest checkpoint is kept.
func (l *Log) memoryPlace() string {
	sum := sha256.Sum256([]byte(l.StoreKey))
	return "jira_tokens/audit/checkpoints/" + hex.EncodeToString(sum[:8])
}

// lineagePlace returns where the lineage at that time is kept.
func (l *Log) lineagePlace() string { return l.memoryPlace() + ".lineage" }

// lineageNow returns the lineage of the store now, or "" if it is not known.
func (l *Log) lineageNow(ctx context.Context) string {
	if l.Lineage == nil {
		return ""
	}
	now, err := l.Lineage(ctx)
	if err != nil {
		l.Logger.Debug("cannot find out whether another server has taken over as the token store: does the user have +info?", zap.Error(err))
		return ""
	}
	return now
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
	if lineage, err := l.Keep.Load(ctx, l.lineagePlace()); err == nil {
		l.lineage = string(lineage)
	}
}

// remember makes a checkpoint the newest one. lineage is that of the store before the
// checkpoint was read or written.
func (l *Log) remember(ctx context.Context, signed proof.Signed, lineage string) {
	if string(l.remembered.Note) != string(signed.Note) {
		l.lineage = lineage
	}
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
	err := l.Keep.Store(ctx, l.lineagePlace(), []byte(l.lineage))
	if err == nil {
		err = l.Keep.Store(ctx, l.memoryPlace(), l.remembered.Note)
	}
	if err != nil {
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
	now := l.lineageNow(ctx)
	cause, how := causeOf(l.lineage, now)
	loss := &proof.Loss{Known: known.Size, Cause: cause}
	l.Logger.Error(how+lost+". Run caddy jira-token audit verify", zap.String("cause", loss.Cause),
		zap.Int64("known_events", known.Size), zap.Stringer("known_root", known.Root), zap.Int64("events", head.Size), zap.Stringer("root", head.Root))
	left, err := l.signLoss(head.Checkpoint, loss)
	if err == nil {
		err = l.store.AddEvents(ctx, l.event(proof.ActionLost,
			field("events", number(known.Size), number(head.Size)),
			field(proof.FieldCheckpoint, quoted(string(known.Note)), quoted(string(left))),
			field("cause", nil, quoted(loss.Cause)),
		))
	}
	if err == nil {
		l.lineage = now
		l.remembered, l.keptAt = head, time.Time{} // keep the next one at once: the loss is recorded
	}
	return err
}

// causeOf returns why events are lost, and how the log says so, given the lineage of the
// store when it still had them and now.
func causeOf(then, now string) (cause, how string) {
	switch {
	case then == "" || now == "":
		return proof.CauseUnknown, "the audit trail in the token store has lost events, or was changed: the store was started from an older copy, a replica without the last changes took over, or somebody has edited it: "
	case then != now:
		return proof.CauseFailover, "the audit trail in the token store has lost events with a failover: another server has taken over, or the same one was started again, without the newest events: "
	}
	return proof.CauseChange, "the audit trail in the token store has lost events, or was changed, without a failover: somebody has edited it, or put back an older copy: "
}

// signLoss signs what was left of the trail after a loss.
func (l *Log) signLoss(left proof.Checkpoint, loss *proof.Loss) ([]byte, error) {
	signer, err := l.keys.signing.signer(left.Origin)
	if err != nil {
		return nil, fmt.Errorf("signing what the audit trail has lost: %w", err)
	}
	left.Loss = loss
	return left.Sign(signer)
}
