package confine

import (
	"context"
	"time"
)

// Guard decides about the requests of confined tokens at one Jira. It remembers
// for a short time what Jira says is inside, and is safe for concurrent use.
type Guard struct {
	// ttl is how long an answer of Jira about what is inside is remembered.
	ttl    time.Duration
	memory *memory
}

// NewGuard returns a guard that remembers what Jira says for ttl.
func NewGuard(ttl time.Duration) *Guard { return &Guard{ttl: ttl, memory: newMemory()} }

// Admission is a request that was admitted: it knows what is inside, for the
// redaction of the response.
type Admission struct {
	view *View
}

// Admit checks a request of a token with this view, and changes its query and body
// where that confines it. The error is an [*Error].
func (g *Guard) Admit(ctx context.Context, v *View, j Jira, r *Request) (*Admission, error) {
	return nil, &Error{Kind: NotConfinable, Message: "This operation cannot be confined."}
}
func (a *Admission) Project(id, key string) bool { return false }
func (a *Admission) Issue(id, key string) bool   { return false }
func (a *Admission) Hides(field string) bool     { return true }
func (a *Admission) HidesInternalComments() bool { return true }
