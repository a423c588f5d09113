package pool

import (
	"context"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const (
	// sweepInterval is how often the records of tokens that have vanished are deleted.
	sweepInterval = time.Minute
	// sweepAfter is how long the clock must have been steady before that. A record that is
	// deleted too early lets its JWT be exchanged again.
	sweepAfter = time.Hour
)

// sweep deletes the records of tokens that have vanished, until ctx is done. Nodes that
// share a store all do it, since any of them may be the only one. now is the clock.
func (s *Store) sweep(ctx context.Context, sweeper storage.Sweeper, now func() time.Time) {
	var sweeping service
	var steady, last time.Time
	for background.Pause(ctx, sweepInterval) {
		at := now()
		steady = background.SteadySince(steady, last, at)
		if last = at; at.Sub(steady) < sweepAfter {
			continue
		}
		deleted, err := storage.MaxSwept, error(nil)
		for deleted == storage.MaxSwept && err == nil {
			deleted, err = sweeper.Sweep(ctx, at)
		}
		if s.breaker.Away() == nil && ctx.Err() == nil { // an outage has its own log line
			sweeping.report(err, s.logger, "cannot delete the records of tokens that have vanished: trying again every minute", "deleting the records of tokens that have vanished again")
		}
	}
}
