package redisstore

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

//go:embed apply.lua
var applySource string

//go:embed event.lua
var eventSource string

//go:embed append.lua
var appendSource string

// receiptLife is how long Redis remembers a change, so that sending it again has no
// effect. It is far longer than all attempts take.
const receiptLife = time.Minute

type store struct {
	settings *settings
	client   *client
	limiter  *redis_rate.Limiter
	logger   *zap.Logger

	reads  reads
	taking chan struct{} // limits how many calls of Take run at once
	end    context.CancelFunc

	apply, addEvents, saveTree, removeEvents, sweep, addActivity script

	history    history
	inspection inspection
	// eventsIndexed is set once all events are known to be in all lists of the index.
	eventsIndexed atomic.Bool

	// The names of keys, and of the channel that announces changes.
	index, events, uses, used, tree, channel string
}

func newStore(r *settings, logger *zap.Logger) (*store, error) {
	redis.SetLogger(libraryLog{logger})
	client, err := newClient(r)
	if err != nil {
		return nil, err
	}
	s := &store{
		settings: r, client: client, logger: logger,
		apply: newScript(appendSource + applySource), addEvents: newScript(appendSource + eventSource),
		saveTree: newScript(treeSource), removeEvents: newScript(removeSource), sweep: newScript(sweepSource), addActivity: newScript(activitySource),
		limiter: redis_rate.NewLimiter(client), taking: make(chan struct{}, max(1, r.PoolSize/2)),
	}
	ctx, end := context.WithCancel(context.Background()) // until Close
	s.end = end
	s.reads = reads{running: background.New(ctx), fetch: s.fetch, limit: max(1, min(maxPipelines, r.PoolSize/4))}
	s.index, s.events, s.uses, s.used, s.tree, s.channel = s.key("index"), s.key("events"), s.key("uses"), s.key("used"), s.key("tree"), s.key("changes")
	return s, nil
}

func (s *store) key(name string) string { return s.settings.key(name) }

func (s *store) recordKey(id string) string { return s.key("token:" + id) }

// within returns a context with the timeout of one command.
func (s *store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.settings.Timeout)
}

// Close closes all connections.
func (s *store) Close() error {
	s.end()
	s.reads.running.Wait()
	err := s.client.Close()
	if s.client.topology != nil {
		err = errors.Join(err, s.client.topology.close())
	}
	return err
}

// Get returns the record with this id, ErrNotFound or a storage.DamagedError.
func (s *store) Get(ctx context.Context, id string) (*token.Record, error) {
	data, err := s.reads.get(ctx, id)
	switch {
	case errors.Is(err, redis.Nil):
		return nil, storage.ErrNotFound
	case redis.HasErrorPrefix(err, "WRONGTYPE"): // which is about this key only
		return nil, s.damaged(id, errOtherType)
	case err != nil && errors.Is(err, ctx.Err()): // the read was still waiting for others
		return nil, s.fail(ctx, storage.Reading(id), errors.Join(storage.ErrBusy, err))
	case err != nil:
		return nil, s.fail(ctx, storage.Reading(id), err)
	}
	return s.decode(id, data)
}

func (s *store) decode(id string, data []byte) (*token.Record, error) {
	record, err := storage.DecodeRecord(id, data)
	if damaged, ok := errors.AsType[storage.DamagedError](err); ok {
		return nil, s.damaged(id, damaged.Err)
	}
	return record, err
}

// errOtherType reports that something else has written to the key of a record.
var errOtherType = errors.New("the key is not a string")

// damaged returns a DamagedError that names the key, for the operator to look at.
func (s *store) damaged(id string, err error) error {
	return storage.DamagedError{ID: id, Err: fmt.Errorf("%s: key %s: %w", s.settings.describe(), s.recordKey(id), err)}
}

// Apply makes a change and writes its event in one script.
func (s *store) Apply(ctx context.Context, change storage.Change) error {
	args, err := s.applyArgs(ctx, change)
	if err != nil {
		return err
	}
	id, err := s.write(ctx, "change the token "+change.ID(), s.apply, s.applyKeys(change.ID(), rand.Text()), args)
	switch {
	case err != nil:
		return err
	case id == conflict:
		return storage.ErrConflict
	}
	s.history.made(id)
	return nil
}

// applyKeys returns the keys of the script for a change with this receipt.
func (s *store) applyKeys(id, receipt string) []string {
	return []string{s.recordKey(id), s.index, s.events, s.key("receipt:" + receipt), s.uses, s.tree, s.activityKey(id)}
}

func (s *store) applyArgs(ctx context.Context, change storage.Change) ([]any, error) {
	version, remove := "0", storage.IndexEntries(change.Old)
	var record []byte
	var err error
	switch {
	case change.Damaged != "":
		if version, remove, err = s.damage(ctx, change.Damaged); err != nil {
			return nil, err
		}
	case change.Old != nil:
		version = strconv.FormatUint(change.Old.Version, 10)
	}
	if change.New != nil {
		if record, err = json.Marshal(change.New); err != nil {
			return nil, fmt.Errorf("encoding token %s: %w", change.ID(), err)
		}
	}
	event, err := encodeEvent(change.Event)
	if err != nil {
		return nil, fmt.Errorf("encoding the event of token %s: %w", change.ID(), err)
	}
	args := []any{version, record, event, change.ID(), s.channel, receiptLife.Milliseconds()}
	return append(args, indexArgs(remove, storage.EventLists(change.Event), storage.IndexEntries(change.New))...), nil
}

// indexArgs returns the arguments of apply.lua about the index: entries to remove, the
// lists that the event belongs in, and entries to add.
func indexArgs(remove, lists, add []string) []any {
	args := []any{len(remove), len(lists)}
	for _, text := range slices.Concat(remove, lists, add) {
		args = append(args, text)
	}
	return args
}

// Interface guard
var _ storage.Store = (*store)(nil)
