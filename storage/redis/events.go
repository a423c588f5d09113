package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// AddEvents writes audit events that do not come with a change, in one script.
func (s *store) AddEvents(ctx context.Context, events ...storage.Event) error {
	if len(events) == 0 {
		return nil
	}
	args := []any{receiptLife.Milliseconds(), s.channel}
	for _, event := range events {
		data, err := encodeEvent(event)
		if err != nil {
			return fmt.Errorf("encoding event %s: %w", event.Action, err)
		}
		lists := storage.EventLists(event)
		args = append(args, data, len(lists))
		for _, list := range lists {
			args = append(args, list)
		}
	}
	id, err := s.write(ctx, "write audit events", s.addEvents, s.addEventsKeys(rand.Text()), args)
	if err != nil {
		return err
	}
	s.history.made(id)
	return nil
}

// encodeEvent returns an event's JSON without an ID and a number, which append.lua
// assigns.
func encodeEvent(event storage.Event) ([]byte, error) {
	event.ID, event.Seq = "", 0
	return json.Marshal(event)
}

// addEventsKeys returns the keys of the script for events with this receipt.
func (s *store) addEventsKeys(receipt string) []string {
	return []string{s.events, s.key("receipt:" + receipt), s.index, s.tree}
}

// eventsAtOnce is how many events to read at least where filters may drop most of them.
const eventsAtOnce = 1000

// Events returns the page of audit events that query asks for, oldest first.
func (s *store) Events(ctx context.Context, query storage.EventQuery) (storage.EventPage, error) {
	scan, err := query.Scan()
	if err != nil {
		return storage.EventPage{}, err
	}
	pager := query.Pager(scan.After)
	if !scan.None {
		if scan.IsBackfilled() {
			err = s.indexEvents(ctx)
		}
		if err == nil && scan.List == "" {
			err = s.eachEvent(ctx, scan, query.PageSize()+1, pager.Add)
		} else if err == nil {
			err = s.eachIndexed(ctx, scan, query.PageSize()+1, pager.Add)
		}
	}
	if err != nil {
		return storage.EventPage{}, s.fail(ctx, "list audit events", err)
	}
	return pager.Page(), nil
}

// eachEvent calls visit for the scan's events, until it returns false. About expect of
// them should be enough.
func (s *store) eachEvent(ctx context.Context, scan storage.EventScan, expect int, visit func(id storage.EventID, data []byte) (more bool)) error {
	for from, n := scan.After, expect; ; n = max(n, eventsAtOnce) {
		bounded, cancel := s.within(ctx)
		messages, err := s.client.XRangeN(bounded, s.events, "("+from.String(), "("+scan.Before.String(), int64(n)).Result()
		cancel()
		if err != nil {
			return err
		}
		for _, message := range messages {
			id, err := storage.ParseEventID(message.ID)
			if err != nil {
				return err
			}
			if from = id; !visit(id, eventIn(message)) {
				return nil
			}
		}
		if len(messages) < n {
			return nil
		}
	}
}

func eventIn(message redis.XMessage) []byte {
	text, _ := message.Values["e"].(string)
	return []byte(text)
}

// eachIndexed does the same as eachEvent with the events in the scan's list of the
// index, since the stream of all events can be long.
func (s *store) eachIndexed(ctx context.Context, scan storage.EventScan, expect int, visit func(id storage.EventID, data []byte) (more bool)) error {
	for from, n := scan, expect; ; n = max(n, eventsAtOnce) {
		var ids []storage.EventID
		start, end := from.Entries()
		read := 0
		err := s.scan(ctx, start, end, n, func(entry string) bool {
			if id, err := storage.EventOfEntry(entry); err == nil { // or it was not written by us
				ids = append(ids, id)
			}
			read++
			return read < n
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		found, err := s.readEvents(ctx, ids)
		if err != nil {
			return err
		}
		for i, id := range ids {
			if !visit(id, found[i]) {
				return nil
			}
		}
		if read < n {
			return nil
		}
		from.After = ids[len(ids)-1]
	}
}

// readEvents returns the events with these IDs, and nil for those that do not exist.
func (s *store) readEvents(ctx context.Context, ids []storage.EventID) ([][]byte, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	commands, err := s.client.Pipelined(bounded, func(pipe redis.Pipeliner) error {
		for _, id := range ids {
			pipe.XRange(bounded, s.events, id.String(), id.String())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := make([][]byte, len(ids))
	for i, command := range commands {
		for _, message := range command.(*redis.XMessageSliceCmd).Val() {
			found[i] = eventIn(message)
		}
	}
	return found, nil
}

// indexEvents adds all events to the index, once per store and version of the lists:
// earlier versions added them to fewer lists. Events that nodes with such a version still
// write are not found by the lists that they do not know.
func (s *store) indexEvents(ctx context.Context) error {
	if s.eventsIndexed.Load() {
		return nil
	}
	done := s.key("event_lists")
	bounded, cancel := s.within(ctx)
	version, err := s.client.Get(bounded, done).Result()
	cancel()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	if version != storage.EventListsVersion {
		if err := s.indexAllEvents(ctx); err != nil {
			return err
		}
		bounded, cancel := s.within(ctx)
		err := s.client.Set(bounded, done, storage.EventListsVersion, 0).Err()
		cancel()
		if err != nil {
			return err
		}
	}
	s.eventsIndexed.Store(true)
	return nil
}

func (s *store) indexAllEvents(ctx context.Context) error {
	var entries []redis.Z
	add := func() error {
		if len(entries) == 0 {
			return nil
		}
		bounded, cancel := s.within(ctx)
		defer cancel()
		err := s.client.ZAdd(bounded, s.index, entries...).Err()
		entries = nil
		return err
	}
	everything, err := storage.EventQuery{}.Scan()
	if err != nil {
		return err
	}
	var failure error
	err = s.eachEvent(ctx, everything, eventsAtOnce, func(id storage.EventID, data []byte) bool {
		for _, list := range storage.EventLists(storage.DecodeEvent(id.String(), data)) {
			entries = append(entries, redis.Z{Member: list + id.Key()})
		}
		if len(entries) >= eventsAtOnce {
			failure = add()
		}
		return failure == nil
	})
	return errors.Join(err, failure, add())
}
