package jiratokens

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/notice"
)

// notices publishes notices for one configuration.
type notices struct {
	ctx    caddy.Context
	events *caddyevents.App
	logger *zap.Logger
	// local emits events and writes log lines, in order.
	local *background.Queue
}

// provisionNotices prepares publishing notices.
func (a *App) provisionNotices(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("loading the events app: %w", err)
	}
	a.notices = &notices{
		ctx: ctx, events: app.(*caddyevents.App), logger: a.logger.Named("notice"),
		local: background.NewQueue(a.tokens.Go),
	}
	return nil
}

// Notify implements notice.Publisher.
func (a *App) Notify(n notice.Notice) {
	if n.ID == "" {
		n.ID = "msg_" + rand.Text()
	}
	if n.At.IsZero() {
		n.At = time.Now()
	}
	a.notices.local.Add(func(context.Context) { a.notices.emit(n) })
}

// emit emits a notice as a Caddy event and logs it.
func (s *notices) emit(n notice.Notice) {
	fields := n.Fields()
	s.logger.Info(n.Sentence, zap.String("type", n.Type), zap.String("subject", n.Subject), zap.String("id", n.ID), zap.Any("data", n.Data))
	s.events.Emit(s.ctx, n.Type, fields)
}

// Interface guard
var _ notice.Publisher = (*App)(nil)
