package storage

import (
	"context"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Finder is a store that answers any Query in milliseconds, in any order, and can count
// tokens. Unless a page of its lists is the last one, it is full.
type Finder interface {
	// Find returns the page of records that query asks for.
	Find(ctx context.Context, query Query) (Page, error)
	// Census counts tokens.
	Census(ctx context.Context, query CensusQuery) (*Census, error)
}

// CensusQuery says what to count.
type CensusQuery struct {
	// Now is the time that states refer to.
	Now time.Time
	// Judge knows which tokens are suspended.
	Judge Judge
	// Expiring and Unused are the times of Census.Expiring and Census.Unused.
	Expiring, Unused time.Duration
}

// Census holds numbers of tokens.
type Census struct {
	query CensusQuery
	// States counts tokens by state, without those that were exchanged for JWTs and have
	// ended.
	States map[token.State]int
	// Scopes counts active tokens by scope.
	Scopes map[token.Scope]int
	// Expiring, Unused and NeverUsed count tokens that work or will work, including
	// suspended ones: those that expire within the time, without exchanged ones; those
	// that have not been used for the time, as Query.Unused does; and those that were
	// never used.
	Expiring, Unused, NeverUsed int
}

// NewCensus returns a census without any tokens.
func NewCensus(query CensusQuery) *Census {
	return &Census{query: query, States: make(map[token.State]int), Scopes: make(map[token.Scope]int)}
}

// Counted is what a census needs to know about a token.
type Counted struct {
	State     token.State
	Scope     token.Scope
	Exchanged bool
	// Since is when the token was created, or became valid if that is later.
	Since time.Time
	// ExpiresAt and UsedAt are zero if the token does not expire or was never used.
	ExpiresAt, UsedAt time.Time
}

// Add counts a token.
func (c *Census) Add(t Counted) {
	now := c.query.Now
	if t.Exchanged && !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) {
		return
	}
	c.States[t.State]++
	switch t.State {
	case token.StateActive:
		c.Scopes[t.Scope]++
	case token.StateNotYetValid, token.StateSuspended:
	default:
		return
	}
	if !t.Exchanged && !t.ExpiresAt.IsZero() && t.ExpiresAt.After(now) && !t.ExpiresAt.After(now.Add(c.query.Expiring)) {
		c.Expiring++
	}
	if t.UsedAt.IsZero() {
		c.NeverUsed++
	}
	if !later(t.Since, t.UsedAt).After(now.Add(-c.query.Unused)) {
		c.Unused++
	}
}
