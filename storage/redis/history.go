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

// history is the newest event that this node knows of. A store that has it no
// more has gone back in time: it was started without its data, or from an
// older snapshot, or a replica took over that had not got everything.
type history struct {
	mu     sync.Mutex
	newest storage.EventID
}

// note takes an event's id, unless it is none: nodes of before said none.
func (h *history) note(text string) {
	id, err := storage.ParseEventID(text)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newest.Before(id) {
		h.newest = id
	}
}

func (h *history) known() storage.EventID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest
}

// rewrite makes what the store has now the newest that is known, unless
// somebody else did so for the same loss.
func (h *history) rewrite(lost, now storage.EventID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newest != lost {
		return false
	}
	h.newest = now
	return true
}

// compare looks whether the store still has the newest event that is known,
// and says so if not. An error is an outage.
func (s *store) compare(ctx context.Context) error {
	known := s.history.known() // before the look: what comes later is in neither
	last, has, err := s.lookBack(ctx, known)
	switch {
	case redis.IsPermissionError(err), redis.HasErrorPrefix(err, "unknown command"),
		redis.HasErrorPrefix(err, "WRONGTYPE"), errors.Is(err, storage.ErrBadCursor): // what is there is not ours
		s.logger.Debug("whether the store has lost changes is not known: is the user permitted +xrevrange?", zap.Error(err))
		return nil
	case err != nil:
		return err
	case has || known == storage.EventID{}:
		s.history.note(last.String())
		return nil
	}
	if !s.history.rewrite(known, last) {
		return nil
	}
	now := "none"
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

// lookBack returns the store's last event, and whether it has this one.
func (s *store) lookBack(ctx context.Context, known storage.EventID) (last storage.EventID, has bool, err error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	newest, err := s.client.XRevRangeN(bounded, s.events, "+", "-", 1).Result()
	if err != nil || len(newest) == 0 {
		return last, false, err
	}
	if last, err = storage.ParseEventID(newest[0].ID); err != nil {
		return last, false, err
	}
	// Others may have gone on with a store that went back: a later event than
	// the one that is known does not show that this is there.
	found, err := s.client.XRangeN(bounded, s.events, known.String(), known.String(), 1).Result()
	return last, len(found) > 0, err
}
