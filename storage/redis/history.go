package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// history is what this node knows about the audit trail. A store that no longer has
// these events has gone back in time: it was started without its data or from an
// older snapshot, or a replica took over that did not have everything.
type history struct {
	mu sync.Mutex
	// heard is the newest event that the subscription has announced, or that was the
	// newest in the store when this node subscribed.
	heard storage.EventID
	// unheard is the first later change by this node that the subscription has not
	// announced yet, or zero. It must not replace heard, since the store may have
	// gone back before that change, while the subscription was not yet lost.
	unheard storage.EventID
}

// hear records an event that the subscription has announced, by its id. Older nodes
// do not send one.
func (h *history) hear(text string) {
	id, err := storage.ParseEventID(text)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard.Before(id) {
		h.heard = id
	}
	if !h.heard.Before(h.unheard) {
		h.unheard = storage.EventID{}
	}
}

// made records a change by this node, by the id of its event.
func (h *history) made(text string) {
	id, err := storage.ParseEventID(text)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unheard == (storage.EventID{}) && h.heard.Before(id) {
		h.unheard = id
	}
}

func (h *history) known() (heard, unheard storage.EventID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard, h.unheard
}

// reset makes last, the newest event that the store has now, the newest known event.
// It returns false if somebody else has already done so for the same loss.
func (h *history) reset(lost, last storage.EventID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard != lost {
		return false
	}
	h.heard, h.unheard = last, storage.EventID{}
	return true
}

// checkHistory checks whether the store still has the known events, and logs an
// error if not. It is called when the subscription has been established, before any
// of its messages are read. Its error is an outage.
func (s *store) checkHistory(ctx context.Context) error {
	heard, unheard := s.history.known() // before reading the store, which may get newer events
	last, hasAll, err := s.findEvents(ctx, heard, unheard)
	switch {
	case redis.IsPermissionError(err), redis.HasErrorPrefix(err, "unknown command"),
		redis.HasErrorPrefix(err, "WRONGTYPE"), errors.Is(err, storage.ErrBadCursor): // the key is not ours
		s.logger.Debug("cannot check whether the store has lost changes: does the user have +xrevrange?", zap.Error(err))
		return nil
	case err != nil:
		return err
	case hasAll:
		s.history.hear(last.String())
		return nil
	}
	if !s.history.reset(heard, last) {
		return nil
	}
	known, now := heard, "none"
	if known.Before(unheard) {
		known = unheard
	}
	if last != (storage.EventID{}) {
		now = moment(last)
	}
	s.logger.Error("the token store has lost acknowledged changes: it was started without its data or from an older copy, "+
		"or a replica without them took over. Tokens created since then are gone, and revocations since then may be undone: "+
		"restore a backup, or import an export with caddy jira-token import, and check the audit trail. "+
		"To prevent this, set appendonly yes in Redis, and min_replicas if there are replicas",
		zap.String("server", s.settings.describe()),
		zap.String("last_change_known", moment(known)), zap.String("last_change_now", now))
	return nil
}

func moment(id storage.EventID) string { return time.UnixMilli(id.Millis).UTC().Format(time.RFC3339) }

// findEvents returns the store's last event, and whether the store has all of the
// given events, of which it ignores zero ones.
func (s *store) findEvents(ctx context.Context, events ...storage.EventID) (last storage.EventID, hasAll bool, err error) {
	if last, err = s.lastEvent(ctx); err != nil {
		return last, false, err
	}
	// Other nodes may have kept using a store that went back in time, so a later
	// event does not prove that the store still has an earlier one.
	for _, event := range events {
		if event == (storage.EventID{}) {
			continue
		}
		bounded, cancel := s.within(ctx)
		found, err := s.client.XRangeN(bounded, s.events, event.String(), event.String(), 1).Result()
		cancel()
		if err != nil || len(found) == 0 {
			return last, false, err
		}
	}
	return last, true, nil
}

// lastEvent returns the store's newest event, or zero if it has none.
func (s *store) lastEvent(ctx context.Context) (last storage.EventID, err error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	newest, err := s.client.XRevRangeN(bounded, s.events, "+", "-", 1).Result()
	if err != nil || len(newest) == 0 {
		return last, err
	}
	return storage.ParseEventID(newest[0].ID)
}

// checkSubscription closes the subscriptions if they have still not announced due,
// which was the store's newest event at the last call: they must lead to a server
// that receives no changes. It returns the event to pass to the next call.
func (s *store) checkSubscription(ctx context.Context, due storage.EventID) storage.EventID {
	heard, _ := s.history.known()
	last, err := s.lastEvent(ctx)
	switch {
	case err != nil, !heard.Before(last):
		return storage.EventID{}
	case due == storage.EventID{}, !heard.Before(due):
		return last
	}
	if s.client.conns.closeSubscriptions() > 0 {
		s.logger.Warn("the subscription did not announce changes: subscribing again",
			zap.String("server", s.settings.describe()))
	}
	return storage.EventID{}
}
