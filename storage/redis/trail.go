package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

//go:embed tree.lua
var treeSource string

//go:embed remove.lua
var removeSource string

// RawEvents returns up to limit events after the one with this ID.
func (s *store) RawEvents(ctx context.Context, after storage.EventID, limit int) ([]storage.RawEvent, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	messages, err := s.client.XRangeN(bounded, s.events, "("+after.String(), "+", int64(limit)).Result()
	if err != nil {
		return nil, s.fail(ctx, "read audit events", err)
	}
	events := make([]storage.RawEvent, len(messages))
	for i, message := range messages {
		id, err := storage.ParseEventID(message.ID)
		if err != nil {
			return nil, s.fail(ctx, "read audit events", err)
		}
		text, _ := message.Values["e"].(string)
		events[i] = storage.RawEvent{ID: id, Data: storage.RawData(message.ID, []byte(text))}
	}
	return events, nil
}

// TreeValues returns values of the tree.
func (s *store) TreeValues(ctx context.Context, names ...string) ([][]byte, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	found, err := s.client.HMGet(bounded, s.tree, names...).Result()
	if err != nil {
		return nil, s.fail(ctx, "read the tree of the audit trail", err)
	}
	values := make([][]byte, len(found))
	for i, value := range found {
		if text, ok := value.(string); ok {
			values[i] = []byte(text)
		}
	}
	return values, nil
}

// SaveTree writes values of the tree.
func (s *store) SaveTree(ctx context.Context, head []byte, values map[string][]byte) error {
	args := make([]any, 0, 1+2*len(values))
	args = append(args, head)
	for name, value := range values {
		args = append(args, name, value)
	}
	saved, err := s.write(ctx, "write the tree of the audit trail", s.saveTree, []string{s.tree}, args)
	switch {
	case err != nil:
		return err
	case saved == conflict:
		return storage.ErrConflict
	}
	return nil
}

// RemoveEvents removes the oldest events.
func (s *store) RemoveEvents(ctx context.Context, through storage.EventID, limit int) (int, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	messages, err := s.client.XRangeN(bounded, s.events, "-", through.String(), int64(limit)).Result()
	if err != nil {
		return 0, s.fail(ctx, "read audit events", err)
	}
	last, err := s.lastEvent(ctx)
	if err != nil {
		return 0, s.fail(ctx, "read the newest audit event", err)
	}
	var ids, entries []any
	for _, message := range messages {
		id, err := storage.ParseEventID(message.ID)
		if err != nil || id == last {
			break
		}
		text, _ := message.Values["e"].(string)
		ids = append(ids, message.ID)
		for _, list := range storage.EventLists(storage.DecodeEvent(message.ID, []byte(text))) {
			entries = append(entries, list+id.Key())
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	args := append(append([]any{len(ids)}, ids...), entries...)
	answer, err := s.write(ctx, "remove audit events", s.removeEvents, []string{s.events, s.index, s.tree}, args)
	if err != nil {
		return 0, err
	}
	removed, err := strconv.Atoi(strings.TrimPrefix(answer, "removed "))
	if err != nil {
		return 0, fmt.Errorf("removing audit events: unexpected answer %q", answer)
	}
	return removed, nil
}
