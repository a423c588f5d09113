package post

import (
	"context"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/notice"
)

const (
	// roomEvery is how often a full outbox is looked at again.
	roomEvery = time.Second
	// roomWait is how long a receiver is waited for that takes nothing from its outbox.
	roomWait = time.Minute
)

// PublishPatiently is like Publish, but first waits until the outboxes of all receivers
// that accept notices are at most half full, so that a hundred thousand notices at once
// do not push each other out. It does not wait for receivers that fail.
func (o *Office) PublishPatiently(ctx context.Context, notices ...notice.Notice) (published int, err error) {
	for some := range slices.Chunk(notices, atOnce) {
		for _, r := range o.Receivers {
			if err := o.awaitRoom(ctx, r); err != nil {
				return published, err
			}
		}
		n, err := o.Publish(ctx, some...)
		published += n
		if err != nil {
			return published, err
		}
	}
	return published, nil
}

// awaitRoom waits while more than half of the outbox is full and it becomes emptier.
func (o *Office) awaitRoom(ctx context.Context, r *Receiver) error {
	delivered, since := uint64(0), time.Now()
	for {
		s, _, err := o.readState(ctx, r.Name)
		switch {
		case err != nil:
			return err
		case s.Waiting <= MaxOutbox/2, !s.FailingSince.IsZero(), !s.GoneAt.IsZero():
			return nil
		case s.Delivered != delivered:
			delivered, since = s.Delivered, time.Now()
		case time.Since(since) > roomWait:
			return nil
		}
		background.Pause(ctx, roomEvery)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
