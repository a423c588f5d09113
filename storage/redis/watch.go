package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// A subscription that is silent for pingEvery is pinged, and counts as lost if there
// is no reply within pingWait, so that a dead one is noticed after 3 s.
const (
	pingEvery = time.Second
	pingWait  = 2 * time.Second
)

// How long to wait before subscribing again: from firstBackoff, doubled each time, up
// to lastBackoff.
const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// maintainEvery is how often the periodic tasks run while the store is watched. One
// of them looks for the primary, because a subscription to a server that is no longer
// the primary stays alive without announcing anything.
const maintainEvery = time.Second

// Watch notifies watcher of changes until ctx is done. Meanwhile it runs the periodic
// tasks.
func (s *store) Watch(ctx context.Context, watcher storage.Watcher) error {
	s.followAddress(ctx) // before subscribing
	var maintaining sync.WaitGroup
	maintaining.Go(func() { s.maintain(ctx) })
	defer maintaining.Wait()

	lost := false // whether watcher knows that notifications are lost
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		up, err := s.subscription(ctx, watcher)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if up {
			backoff, lost = firstBackoff, false
		}
		if !lost {
			watcher.Lost(s.fail(ctx, "subscribe to changes", err))
			lost = true
		}
		if !background.Pause(ctx, backoff) {
			return ctx.Err()
		}
	}
}

// maintain runs the periodic tasks until ctx is done.
func (s *store) maintain(ctx context.Context) {
	var due storage.EventID
	for background.Pause(ctx, maintainEvery) {
		if s.client.topology != nil {
			bounded, cancel := s.within(ctx)
			if err := s.client.topology.check(bounded); err != nil {
				s.logger.Debug("cannot check where the primary is", zap.Error(err))
			}
			cancel()
		}
		s.followAddress(ctx)
		due = s.checkSubscription(ctx, due)
		s.inspectIfDue(ctx, time.Now())
	}
}

// subscription subscribes to changes and passes them on until the subscription
// breaks. It reports whether the subscription was up.
func (s *store) subscription(ctx context.Context, watcher storage.Watcher) (up bool, err error) {
	sub := s.client.Subscribe(ctx)
	defer sub.Close()
	// Canceling the context does not interrupt a read; closing the connection does.
	defer context.AfterFunc(ctx, func() { sub.Close() })()

	bounded, cancel := s.within(context.WithValue(ctx, subscribing{}, true))
	defer cancel()
	if err := sub.Subscribe(bounded, s.channel); err != nil {
		return false, err
	}
	wait, pinged := s.settings.Timeout, false
	for {
		message, err := sub.ReceiveTimeout(ctx, wait)
		var timeout net.Error
		switch {
		case err == nil:
		case up && !pinged && errors.As(err, &timeout) && timeout.Timeout():
			if err := s.ping(ctx, sub); err != nil {
				return up, err
			}
			wait, pinged = pingWait, true
			continue
		default:
			return up, err
		}
		wait, pinged = pingEvery, false
		switch message := message.(type) {
		case *redis.Subscription:
			if message.Kind != "subscribe" {
				return up, fmt.Errorf("unexpected %s", message)
			}
			if up {
				continue
			}
			if err := s.checkHistory(ctx); err != nil {
				return false, err
			}
			up = true
			watcher.Restored()
		case *redis.Message:
			// Older nodes do not send the event. An event without a change has
			// no token.
			changed, event, _ := strings.Cut(message.Payload, " ")
			s.history.hear(event)
			if changed != "" {
				storage.Tell(watcher, changed)
			}
		}
	}
}

func (s *store) ping(ctx context.Context, sub *redis.PubSub) error {
	bounded, cancel := s.within(ctx)
	defer cancel()
	return sub.Ping(bounded)
}
