package redisstore

import (
	"context"
	_ "embed"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

//go:embed sweep.lua
var sweepSource string

// Sweep deletes records that have vanished by the server's clock too: a node with a wrong
// clock must not delete what others still need.
func (s *store) Sweep(ctx context.Context, now time.Time) (int, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	servers, err := s.client.Time(bounded).Result()
	if err != nil {
		return 0, s.fail(ctx, "read the time", err)
	}
	if servers.Before(now) {
		now = servers
	}
	start, end := storage.Vanished(now)
	keys, ids, entries := []string{s.index, s.uses}, []any{}, []any{}
	err = s.scan(ctx, start, end, storage.MaxSwept, func(entry string) (more bool) {
		id, beside, ok := storage.EntriesOfVanished(entry)
		if ok {
			keys, ids = append(keys, s.recordKey(id), s.activityKey(id)), append(ids, id)
		} else {
			beside = []string{entry} // not from IndexEntries
		}
		for _, one := range beside {
			entries = append(entries, one)
		}
		return len(ids) < storage.MaxSwept
	})
	if err != nil {
		return 0, s.fail(ctx, "look for tokens that have vanished", err)
	}
	if len(entries) == 0 {
		return 0, nil
	}
	args := append(append([]any{len(ids)}, ids...), entries...)
	if _, err := s.write(ctx, "delete tokens that have vanished", s.sweep, keys, args); err != nil {
		return 0, err
	}
	return len(ids), nil
}

// Interface guard
var _ storage.Sweeper = (*store)(nil)
