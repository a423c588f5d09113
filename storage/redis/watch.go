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

// attendEvery is how often the primary is looked for while the store is
// watched: a subscription to a server that is no longer the primary stays, and
// answers, but tells of nothing.
const attendEvery = time.Second

// Watch tells watcher of changes until ctx is done. It attends to the store
// meanwhile.
func (s *store) Watch(ctx context.Context, watcher storage.Watcher) error {
	s.followAddress(ctx) // what the subscription leads to, too
	var attending sync.WaitGroup
	attending.Go(func() { s.attend(ctx) })
	defer attending.Wait()

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
		if !pause(ctx, backoff) {
			return ctx.Err()
		}
	}
}

// attend runs the periodic tasks until ctx is done.
func (s *store) attend(ctx context.Context) {
	var due storage.EventID
	for pause(ctx, attendEvery) {
		if s.client.topology != nil {
			bounded, cancel := s.within(ctx)
			if err := s.client.topology.check(bounded); err != nil {
				s.logger.Debug("it is not known whether the primary is another", zap.Error(err))
			}
			cancel()
		}
		s.followAddress(ctx)
		due = s.listen(ctx, due)
		s.inspectIfDue(ctx, time.Now())
	}
}

// subscription passes on changes until it breaks. It reports whether it was up.
func (s *store) subscription(ctx context.Context, watcher storage.Watcher) (heard bool, err error) {
	sub := s.client.Subscribe(ctx)
	defer sub.Close()
	// A read does not end with its context; it does with its connection.
	defer context.AfterFunc(ctx, func() { sub.Close() })()

	bounded, cancel := s.within(context.WithValue(ctx, subscribing{}, true))
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
			if heard {
				continue
			}
			if err := s.compare(ctx); err != nil {
				return false, err
			}
			heard = true
			watcher.Restored()
		case *redis.Message:
			// An older node sends no event; an event that comes with no
			// change has no token.
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
