// Package background runs what outlives the request that began it.
package background

import (
	"context"
	"sync"
)

// Group runs functions until its context ends. Nothing is begun after that,
// however late a request of a configuration that is gone may come.
type Group struct {
	ctx     context.Context
	mu      sync.Mutex // held while something is begun
	running sync.WaitGroup
}

// New returns a group whose functions end with ctx.
func New(ctx context.Context) *Group { return &Group{ctx: ctx} }

// Go runs f, and tells whether it does: it does not once the context has ended.
func (g *Group) Go(f func(ctx context.Context)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.running.Go(func() { f(g.ctx) })
	return true
}

// Wait returns, after the context has ended, when nothing runs any more.
func (g *Group) Wait() {
	// Who saw the context before its end has the lock until it is counted.
	g.mu.Lock()
	g.mu.Unlock() //nolint:staticcheck // SA2001: an empty section is what is wanted
	g.running.Wait()
}
