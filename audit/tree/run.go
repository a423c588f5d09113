package tree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const (
	// interval is how often a gateway looks for events that are not in the tree yet.
	interval = 5 * time.Second
	// trimEvery is how often a gateway looks for events that are too old.
	trimEvery = time.Hour
	// removedAtOnce is how many events are removed at once, since changes wait
	// meanwhile.
	removedAtOnce = 250
)

// Run adds new events to the tree, and removes old ones, until ctx is done.
func (l *Log) Run(ctx context.Context) {
	var trimmed time.Time
	said := ""
	for {
		_, err := l.Integrate(ctx)
		if err != nil {
			err = fmt.Errorf("cannot add events to the tree of the audit trail, where they are recorded nevertheless: %w", err)
		} else if l.Retention > 0 && l.Now().Sub(trimmed) >= trimEvery {
			trimmed = l.Now()
			if err = l.Trim(ctx); err != nil {
				err = fmt.Errorf("cannot remove old events of the audit trail: %w", err)
			}
		}
		switch {
		case err == nil:
			said = ""
		case ctx.Err() != nil, errors.Is(err, storage.ErrUnavailable): // which is reported elsewhere
		case err.Error() != said:
			said = err.Error()
			l.Logger.Error(said)
		}
		select {
		case <-ctx.Done():
			l.flush(context.WithoutCancel(ctx))
			return
		case <-time.After(interval):
		}
	}
}

// flushTimeout bounds how long the end of Run waits for Caddy's storage.
const flushTimeout = 2 * time.Second

// flush keeps the newest checkpoint outside the store.
func (l *Log) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if l.acquire(ctx) != nil {
		return
	}
	defer l.release()
	l.keep(ctx)
}

// Trim removes events that are older than Retention. Their hashes stay in the tree. An
// event says so first, so that events that are missing for another reason show. Calls
// must not overlap.
func (l *Log) Trim(ctx context.Context) error {
	cutoff := l.Now().Add(-l.Retention).UnixMilli()
	through, count, err := l.tooOld(ctx, cutoff)
	if err != nil || count == 0 {
		return err
	}
	removed, err := l.removed(ctx)
	if err != nil {
		return err
	}
	head, err := l.Integrate(ctx)
	if err != nil {
		return err
	}
	if count = min(count, head.Size-removed); count <= 0 {
		return nil
	}
	if l.announcedRemoval > removed { // but then it failed
		count = min(count, l.announcedRemoval-removed)
	} else {
		err = l.store.AddEvents(ctx, l.event(proof.ActionTrimmed, field(proof.FieldRemovedThrough, number(removed), number(removed+count))))
		if err != nil {
			return err
		}
		l.announcedRemoval = removed + count
	}
	for count > 0 {
		n, err := l.store.RemoveEvents(ctx, through, int(min(count, removedAtOnce)))
		if err != nil || n == 0 {
			return err
		}
		count -= int64(n)
	}
	l.Logger.Info("removed old events of the audit trail; their hashes stay", zap.Int64("through", l.announcedRemoval), zap.Duration("retention", l.Retention))
	return nil
}

// tooOld returns the newest of the events that were recorded before a time, and their
// number. To have one event about it a day rather than one an hour, it returns none
// while the oldest one is hardly older.
func (l *Log) tooOld(ctx context.Context, cutoff int64) (through storage.EventID, count int64, err error) {
	slack := min(24*time.Hour, l.Retention/10).Milliseconds()
	for {
		page, err := l.store.RawEvents(ctx, through, batch)
		if err != nil {
			return through, 0, err
		}
		for _, event := range page {
			if event.ID.Millis >= cutoff || count == 0 && event.ID.Millis >= cutoff-slack {
				return through, count, nil
			}
			through = event.ID
			count++
		}
		if len(page) < batch {
			return through, max(0, count-1), nil // never the newest event
		}
	}
}
