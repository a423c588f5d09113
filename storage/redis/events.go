package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Events returns the page of audit events that query asks for, oldest first.
func (s *store) Events(ctx context.Context, query storage.EventQuery) (storage.EventPage, error) {
	after, err := query.After()
	if err != nil {
		return storage.EventPage{}, err
	}
	read := s.allEvents
	if about := query.About(); about != "" {
		read = func(ctx context.Context, after storage.EventID, n int) ([]redis.XMessage, error) {
			return s.eventsOf(ctx, about, after, n)
		}
	}
	limit := query.PageSize()
	messages, err := read(ctx, after, limit+1)
	if err != nil {
		return storage.EventPage{}, s.fail(ctx, "list audit events", err)
	}

	page := storage.EventPage{Next: after.String()}
	if len(messages) > limit {
		messages, page.More = messages[:limit], true
	}
	for _, message := range messages {
		text, _ := message.Values["e"].(string)
		page.Events = append(page.Events, storage.DecodeEvent(message.ID, []byte(text)))
		page.Next = message.ID
	}
	return page, nil
}

func (s *store) allEvents(ctx context.Context, after storage.EventID, n int) ([]redis.XMessage, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	return s.client.XRangeN(bounded, s.events, "("+after.String(), "+", int64(n)).Result()
}

// eventsOf finds the events about a token or a document through the index, since the
// stream of all events can be long.
func (s *store) eventsOf(ctx context.Context, about string, after storage.EventID, n int) ([]redis.XMessage, error) {
	start, end, ok := storage.EventRange(about, after)
	if !ok {
		return nil, nil
	}
	var entries []string
	err := s.scan(ctx, start, end, n, func(entry string) bool {
		entries = append(entries, entry)
		return len(entries) < n
	})
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	commands, err := s.client.Pipelined(bounded, func(pipe redis.Pipeliner) error {
		for _, entry := range entries {
			event, err := storage.EventOfEntry(entry)
			if err != nil {
				continue // not from EventEntry
			}
			pipe.XRange(bounded, s.events, event.String(), event.String())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var messages []redis.XMessage
	for _, command := range commands {
		messages = append(messages, command.(*redis.XMessageSliceCmd).Val()...)
	}
	return messages, nil
}
