// Package background runs work that outlives the request that started it.
package background

import (
	"context"
	"sync"
)

// Group runs functions until its context is done. It starts none after that, even for
// a late request of a configuration that has been replaced.
type Group struct {
	ctx     context.Context
	mu      sync.Mutex // held while a function is started
	running sync.WaitGroup
}

// New returns a group whose functions run with ctx.
func New(ctx context.Context) *Group { return &Group{ctx: ctx} }

// Go runs f in a goroutine, unless the context is done. It reports whether f was
// started.
func (g *Group) Go(f func(ctx context.Context)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.running.Go(func() { f(g.ctx) })
	return true
}

// Ended reports whether the group's context is done, so that it starts nothing more.
func (g *Group) Ended() bool { return g.ctx.Err() != nil }

// Wait waits for all functions to return. Call it after the context is done.
func (g *Group) Wait() {
	// A call of Go that saw the context before it was done holds the lock until it
	// has counted its function.
	g.mu.Lock()
	g.mu.Unlock() //nolint:staticcheck // SA2001: the empty section is intended
	g.running.Wait()
}
