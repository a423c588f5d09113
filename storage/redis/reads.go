package redisstore

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
)

const (
	// maxPipelines bounds how many reads of records are under way at once, each
	// of them for as many records as came together meanwhile.
	maxPipelines = 4

	// readsAtOnce bounds how many records one of them is for.
	readsAtOnce = 256
)

// reads gathers reads of records: a read that finds enough others under way
// joins the next. Hundreds of tokens that a gateway meets for the first time
// then cost a few round trips, not as many, and a server that is far away does
// not seem to be gone because its connections are in use.
type reads struct {
	running *background.Group
	fetch   func(ctx context.Context, ids []string) []*redis.StringCmd
	most    int // pipelines

	mu       sync.Mutex
	underWay int
	waiting  []*read
}

// read is one of them.
type read struct {
	id   string
	data []byte
	err  error
	done chan struct{}
}

// get returns what the store has of this id.
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

// join adds a read to those that wait. It reports false after the end.
func (r *reads) join(own *read) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay < r.most {
		if !r.running.Go(r.work) {
			return false
		}
		r.underWay++
	}
	r.waiting = append(r.waiting, own)
	return true
}

// work reads until nothing waits.
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

// next takes what is to be read together.
func (r *reads) next() []*read {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), readsAtOnce)
	batch := r.waiting[:n:n]
	if r.waiting = r.waiting[n:]; n == 0 {
		r.waiting = nil
		r.underWay--
	}
	return batch
}

// fail tells those that wait what is wrong: each would find it out after its
// own timeout.
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

// fetch reads records in one round trip.
func (s *store) fetch(ctx context.Context, ids []string) []*redis.StringCmd {
	bounded, cancel := s.within(ctx)
	defer cancel()
	commands := make([]*redis.StringCmd, len(ids))
	_, err := s.client.Pipelined(bounded, func(pipe redis.Pipeliner) error {
		for i, id := range ids {
			commands[i] = pipe.Get(bounded, s.recordKey(id))
		}
		return nil
	})
	// Each command has its own error, but for that of a greeting that the server
	// refused. Records are not empty.
	for _, command := range commands {
		if command.Err() == nil && command.Val() == "" {
			command.SetErr(err)
		}
	}
	return commands
}
