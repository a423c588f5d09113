package jiratokens

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
)

// sweepEvery is how often held requests that have expired are deleted.
const sweepEvery = 5 * time.Minute

// Approvals implements handler.App.
func (a *App) Approvals() handler.Approvals { return a.held }

// Held returns the requests that wait for approval.
func (a *App) Held() *approvals.Keeper { return a.held }

// sweepHeld deletes held requests that have expired until the configuration or the store
// is closed.
func (a *App) sweepHeld(ctx context.Context) {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := a.held.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.logger.Warn("held requests that have expired could not be deleted; trying again", zap.Error(err), zap.Duration("in", sweepEvery))
		}
	}
}
