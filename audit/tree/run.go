package tree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const (
	// interval is how often a gateway looks for events that are not in the tree yet.
	interval = 5 * time.Second
	// trimEvery is how often a gateway looks for events that are too old.
	trimEvery = time.Hour
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
