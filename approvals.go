package jiratokens

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/background"
)

// sweepEvery is how often held requests that have expired are deleted.
const sweepEvery = 5 * time.Minute

// Approvals implements handler.App.
func (a *App) Approvals() handler.Approvals { return a.held }

// Held returns the requests that wait for approval.
func (a *App) Held() *approvals.Keeper { return a.held }

// sweepHeld deletes held requests that have expired until ctx is done.
func (a *App) sweepHeld(ctx context.Context) {
	for background.Pause(ctx, sweepEvery) {
		if err := a.held.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.logger.Warn("held requests that have expired could not be deleted; trying again", zap.Error(err), zap.Duration("in", sweepEvery))
		}
	}
}
