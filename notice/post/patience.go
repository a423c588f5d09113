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
	// A receiver is only waited for while it takes paceNotices in each paceTime.
	paceTime    = time.Minute
	paceNotices = 60
	// maxPatience bounds how long one receiver is waited for in all, until it has not been
	// waited for during the same time.
	maxPatience = 30 * time.Minute
)

// patience says how long a receiver has been waited for.
type patience struct {
	spent time.Duration
	last  time.Time
}

// PublishPatiently is like Publish, but first waits until the outboxes of all receivers
// that accept notices are at most half full, so that a hundred thousand notices at once
// do not push each other out. It waits only for receivers that keep up, and not
// forever, so that none of them keeps notices from the others. Calls must not overlap.
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

// awaitRoom waits while more than half of the outbox is full, the receiver keeps up, and
// there is patience left.
func (o *Office) awaitRoom(ctx context.Context, r *Receiver) error {
	p := &r.patience
	if time.Since(p.last) > maxPatience {
		p.spent = 0
	}
	var since time.Time // when the last paceTime began
	var taken uint64    // what the receiver had taken by then
	for p.spent < maxPatience {
		s, _, err := o.readState(ctx, r.Name)
		switch {
		case err != nil:
			return err
		case s.Waiting <= MaxOutbox/2, !s.FailingSince.IsZero(), !s.GoneAt.IsZero():
			return nil
		case since.IsZero():
			since, taken = time.Now(), s.Delivered
		case time.Since(since) >= paceTime && s.Delivered < taken+paceNotices:
			p.spent = maxPatience
			return nil
		case time.Since(since) >= paceTime:
			since, taken = time.Now(), s.Delivered
		}
		began := time.Now()
		background.Pause(ctx, roomEvery)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.last, p.spent = time.Now(), p.spent+time.Since(began)
	}
	return nil
}
