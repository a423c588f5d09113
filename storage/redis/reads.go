package redisstore

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
)

const (
	// maxPipelines is the maximum number of pipelines in flight. Each reads all the
	// records that were requested in the meantime.
	maxPipelines = 4

	// maxBatch is the maximum number of records that one pipeline reads.
	maxBatch = 256
)

// reads batches reads of records: a read that finds enough pipelines in flight waits
// for the next one. When a gateway sees hundreds of tokens for the first time, they
// then cost only a few round trips, and reads from a distant server do not time out
// while they wait for connections.
type reads struct {
	running *background.Group
	fetch   func(ctx context.Context, ids []string) []*redis.StringCmd
	limit   int // maximum number of pipelines in flight

	mu       sync.Mutex
	inFlight int
	waiting  []*read
}

// read is the read of one record.
type read struct {
	id   string
	data []byte
	err  error
	done chan struct{}
}

// get returns the value of the record with this id.
func (r *reads) get(ctx context.Context, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	own := &read{id: id, done: make(chan struct{})}
	if !r.join(own) {
		return nil, redis.ErrClosed
	}
	select {
	case <-own.done:
		return own.data, own.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join adds a read to the waiting ones. It returns false if the store is closed.
func (r *reads) join(own *read) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight < r.limit {
		if !r.running.Go(r.work) {
			return false
		}
		r.inFlight++
	}
	r.waiting = append(r.waiting, own)
	return true
}

// work reads batches until nothing is waiting.
func (r *reads) work(ctx context.Context) {
	for batch := r.next(); len(batch) > 0; batch = r.next() {
		ids := make([]string, len(batch))
		for i, read := range batch {
			ids[i] = read.id
		}
		away := error(nil)
		for i, command := range r.fetch(ctx, ids) {
			read := batch[i]
			read.data, read.err = command.Bytes()
			if _, answered := errors.AsType[redis.Error](read.err); read.err != nil && !answered {
				away = read.err
			}
			close(read.done)
		}
		if away != nil {
			r.fail(away)
		}
	}
}

// next returns the next batch.
func (r *reads) next() []*read {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), maxBatch)
	batch := r.waiting[:n:n]
	if r.waiting = r.waiting[n:]; n == 0 {
		r.waiting = nil
		r.inFlight--
	}
	return batch
}

// fail fails all waiting reads, each of which would otherwise run into its own
// timeout.
func (r *reads) fail(err error) {
	r.mu.Lock()
	waiting := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	for _, read := range waiting {
		read.err = err
		close(read.done)
	}
}

// maxFetches is the maximum number of times that records are read if the connections
// in the pool turn out to be closed.
const maxFetches = 10

// fetch reads records in one round trip. When the address moves, all connections of the
// pool are closed at once, which are more than go-redis retries: a failed read would
// look like an outage.
func (s *store) fetch(ctx context.Context, ids []string) []*redis.StringCmd {
	bounded, cancel := s.within(ctx)
	defer cancel()
	commands := s.fetchOnce(bounded, ids)
	for range maxFetches - 1 {
		if !slices.ContainsFunc(commands, func(c *redis.StringCmd) bool { return errors.Is(c.Err(), net.ErrClosed) }) {
			break
		}
		commands = s.fetchOnce(bounded, ids)
	}
	return commands
}

func (s *store) fetchOnce(bounded context.Context, ids []string) []*redis.StringCmd {
	commands := make([]*redis.StringCmd, len(ids))
	_, err := s.client.Pipelined(bounded, func(pipe redis.Pipeliner) error {
		for i, id := range ids {
			commands[i] = pipe.Get(bounded, s.recordKey(id))
		}
		return nil
	})
	// Every command has its own error, unless the server rejected the greeting. A
	// record is never empty.
	for _, command := range commands {
		if command.Err() == nil && command.Val() == "" {
			command.SetErr(err)
		}
	}
	return commands
}
