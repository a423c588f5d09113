package background

import (
	"context"
	"sync"
)

// Queue runs functions in the background, one at a time, in the order in which they
// were added.
type Queue struct {
	start func(func(ctx context.Context)) bool

	mu      sync.Mutex
	waiting []func(ctx context.Context)
	running bool
}

// NewQueue returns a queue that uses start, such as [Group.Go], to run in the
// background.
func NewQueue(start func(func(ctx context.Context)) bool) *Queue { return &Queue{start: start} }

// Add runs f after all functions that were added before. It drops them if start
// returns false.
func (q *Queue) Add(f func(ctx context.Context)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, f)
	if !q.running {
		q.running = q.start(q.run)
	}
	if !q.running {
		q.waiting = nil
	}
}

// run runs the waiting functions until there are none left.
func (q *Queue) run(ctx context.Context) {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		f := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		f(ctx)
	}
}
