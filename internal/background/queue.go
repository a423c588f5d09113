package background

import (
	"context"
	"sync"
)

// Queue runs functions in the background, one after the other, in the order in
// which they were added.
type Queue struct {
	begin func(func(ctx context.Context)) bool

	mu      sync.Mutex
	waiting []func(ctx context.Context)
	running bool
}

// NewQueue returns a queue that runs in what begin begins, such as [Group.Go].
func NewQueue(begin func(func(ctx context.Context)) bool) *Queue { return &Queue{begin: begin} }

// Add runs f after all that were added before. It is dropped when nothing is
// begun any more.
func (q *Queue) Add(f func(ctx context.Context)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, f)
	if !q.running {
		q.running = q.begin(q.run)
	}
	if !q.running {
		q.waiting = nil
	}
}

// run runs what waits until nothing does.
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
