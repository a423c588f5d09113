package pool

import (
	"context"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// sweepInterval is how often the records of tokens that have vanished are deleted.
const sweepInterval = time.Minute

// sweep deletes the records of tokens that have vanished, until ctx is done. Nodes that
// share a store all do it, since any of them may be the only one.
func (s *Store) sweep(ctx context.Context, sweeper storage.Sweeper) {
	var sweeping service
	for background.Pause(ctx, sweepInterval) {
		deleted, err := storage.MaxSwept, error(nil)
		for deleted == storage.MaxSwept && err == nil {
			deleted, err = sweeper.Sweep(ctx, time.Now())
		}
		if s.breaker.Away() == nil && ctx.Err() == nil { // an outage has its own log line
			sweeping.report(err, s.logger, "cannot delete the records of tokens that have vanished: trying again every minute", "deleting the records of tokens that have vanished again")
		}
	}
}
