package approvals

import (
	"context"
	"sync"
)

// locks holds locks by name, for as long as somebody has one or waits for it.
type locks struct {
	mu *sync.Mutex
	of map[string]*lock
}

type lock struct {
	// turn has room for whoever has the lock.
	turn chan struct{}
	// users counts who has it and who waits.
	users int
}

func newLocks() locks { return locks{new(sync.Mutex), make(map[string]*lock)} }

// acquire waits for the lock with this name, and returns what releases it. It returns an error
// if ctx is done before that.
func (l locks) acquire(ctx context.Context, name string) (release func(), err error) {
	l.mu.Lock()
	found := l.of[name]
	if found == nil {
		found = &lock{turn: make(chan struct{}, 1)}
		l.of[name] = found
	}
	found.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if found.users--; found.users == 0 {
			delete(l.of, name)
		}
	}
	select {
	case found.turn <- struct{}{}:
		return func() { <-found.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
