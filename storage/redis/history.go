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

// history is what this node knows of the audit trail. A store that no longer
// has it has gone back in time: it was started without its data, or from an
// older snapshot, or a replica took over that had not got everything.
type history struct {
	mu sync.Mutex
	// heard is the newest event that the subscription told of, or that was the
	// newest when it was made.
	heard storage.EventID
	// unheard is the first change that this node has made since and not heard
	// of; zero if there is none. It does not replace heard: it may have been
	// made in a store that went back before the subscription broke.
	unheard storage.EventID
}

// hear takes the id of an event from the subscription. Older nodes send none.
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

// made takes the id of a change that this node has made.
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

// rewrite makes last, the newest event that the store has now, the newest that
// is known. It reports false if somebody else did so for the same loss.
func (h *history) rewrite(lost, last storage.EventID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard != lost {
		return false
	}
	h.heard, h.unheard = last, storage.EventID{}
	return true
}

// compare looks whether the store still has what is known, and says so if not.
// It is called once the subscription stands and before anything is heard on it.
// An error is an outage.
func (s *store) compare(ctx context.Context) error {
	heard, unheard := s.history.known() // before the look: what comes later is in neither
	last, has, err := s.lookBack(ctx, heard, unheard)
	switch {
	case redis.IsPermissionError(err), redis.HasErrorPrefix(err, "unknown command"),
		redis.HasErrorPrefix(err, "WRONGTYPE"), errors.Is(err, storage.ErrBadCursor): // what is there is not ours
		s.logger.Debug("cannot tell whether the store has lost changes: is the user permitted +xrevrange?", zap.Error(err))
		return nil
	case err != nil:
		return err
	case has:
		s.history.hear(last.String())
		return nil
	}
	if !s.history.rewrite(heard, last) {
		return nil
	}
	known, now := heard, "none"
	if known.Before(unheard) {
		known = unheard
	}
	if last != (storage.EventID{}) {
		now = moment(last)
	}
	s.logger.Error("the token store has lost changes that were made: it was started without its data or from an older copy, "+
		"or a replica without them took over. Tokens created since are gone, and revocations since may be undone: "+
		"restore a backup, or caddy jira-token import one, and look through the audit trail. "+
		"Set appendonly yes, and min_replicas if there are replicas",
		zap.String("server", s.settings.describe()),
		zap.String("last_change_known", moment(known)), zap.String("last_change_now", now))
	return nil
}

func moment(id storage.EventID) string { return time.UnixMilli(id.Millis).UTC().Format(time.RFC3339) }

// lookBack returns the store's last event, and whether it has all of these; the
// zero one is none.
func (s *store) lookBack(ctx context.Context, events ...storage.EventID) (last storage.EventID, has bool, err error) {
	if last, err = s.lastEvent(ctx); err != nil {
		return last, false, err
	}
	// Others may have gone on with a store that went back: a later event than
	// the one that is known does not show that this is there.
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

// lastEvent returns the store's newest event; zero if it has none.
func (s *store) lastEvent(ctx context.Context) (last storage.EventID, err error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	newest, err := s.client.XRevRangeN(bounded, s.events, "+", "-", 1).Result()
	if err != nil || len(newest) == 0 {
		return last, err
	}
	return storage.ParseEventID(newest[0].ID)
}

// listen closes the subscriptions when the store has an event that was there at
// the last look already and is not heard of yet: they lead to a server that
// hears of nothing. It returns the event to look for the next time.
func (s *store) listen(ctx context.Context, due storage.EventID) storage.EventID {
	heard, _ := s.history.known()
	last, err := s.lastEvent(ctx)
	switch {
	case err != nil, !heard.Before(last):
		return storage.EventID{}
	case due == storage.EventID{}, !heard.Before(due):
		return last
	}
	if s.client.conns.closeSubscriptions() > 0 {
		s.logger.Warn("changes were made of which the subscription did not tell: it is made anew",
			zap.String("server", s.settings.describe()))
	}
	return storage.EventID{}
}
