package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// A subscription that is silent for pingEvery is asked for a sign of life, and
// lost when none comes within pingWait: a dead one is noticed after 3 s.
const (
	pingEvery = time.Second
	pingWait  = 2 * time.Second
)

// How long to wait before subscribing again: longer each time, up to a bound.
const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// Watch tells watcher of changes until ctx is done.
func (s *store) Watch(ctx context.Context, watcher storage.Watcher) error {
	lost := false // and told so
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		heard, err := s.subscription(ctx, watcher)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if heard {
			backoff, lost = firstBackoff, false
		}
		if !lost {
			watcher.Lost(s.fail(ctx, "hear of changes", err))
			lost = true
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
	}
}

// subscription passes on changes until it breaks. It tells whether it stood.
func (s *store) subscription(ctx context.Context, watcher storage.Watcher) (heard bool, err error) {
	sub := s.client.Subscribe(ctx)
	defer sub.Close()
	// A read does not end with its context; it does with its connection.
	defer context.AfterFunc(ctx, func() { sub.Close() })()

	bounded, cancel := s.within(ctx)
	defer cancel()
	if err := sub.Subscribe(bounded, s.channel); err != nil {
		return false, err
	}
	wait, asked := s.settings.Timeout, false
	for {
		message, err := sub.ReceiveTimeout(ctx, wait)
		var timeout net.Error
		switch {
		case err == nil:
		case heard && !asked && errors.As(err, &timeout) && timeout.Timeout():
			if err := s.ping(ctx, sub); err != nil {
				return heard, err
			}
			wait, asked = pingWait, true
			continue
		default:
			return heard, err
		}
		wait, asked = pingEvery, false
		switch message := message.(type) {
		case *redis.Subscription:
			if message.Kind != "subscribe" {
				return heard, fmt.Errorf("unexpected %s", message)
			}
			if !heard {
				watcher.Restored()
			}
			heard = true
		case *redis.Message:
			watcher.Changed(message.Payload)
		}
	}
}

func (s *store) ping(ctx context.Context, sub *redis.PubSub) error {
	bounded, cancel := s.within(ctx)
	defer cancel()
	return sub.Ping(bounded)
}
