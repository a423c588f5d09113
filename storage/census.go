package storage

import (
	"context"
	"fmt"
	"slices"
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
	// Owners counts the tokens of each owner that query asks for.
	Owners(ctx context.Context, query OwnersQuery) (*Owners, error)
}

// LoadingError reports that a Finder is still reading the tokens.
type LoadingError struct {
	// Read is the number of tokens that it has read so far.
	Read int
}

func (e LoadingError) Error() string {
	return fmt.Sprintf("the list is being read: %d so far; try again in a few seconds", e.Read)
}

// Unwrap returns ErrUnavailable.
func (LoadingError) Unwrap() error { return ErrUnavailable }

// CensusQuery says what to count.
type CensusQuery struct {
	// Now is the time that states refer to.
	Now time.Time
	// Judge knows which tokens are suspended.
	Judge Judge
	// Uses are last uses that may not be in the store yet.
	Uses map[string]Use
	// Expiring and Unused are the times of Census.Expiring and Census.Unused.
	Expiring, Unused time.Duration
}

// Census holds numbers of tokens.
type Census struct {
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

// OwnersQuery says whose tokens to count.
type OwnersQuery struct {
	// Now is the time that states refer to.
	Now time.Time
	// Judge knows which tokens are suspended.
	Judge Judge
	// Text must be in the owner's name, ignoring case.
	Text string
	// Match reports whether to count the tokens of an owner, whose name is case-folded.
	// If it is nil, all are counted. It must not call the Finder.
	Match func(owner string, kind token.Kind) bool
	// Limit is the maximum number of owners to return. 0 means no limit.
	Limit int
}

// Owners holds the numbers of tokens of some owners.
type Owners struct {
	// Tallies are in the order of the owners' names.
	Tallies []OwnerTally
	// Total is the number of owners that match, of which Tallies has the first ones.
	Total int
	// Damaged is the number of damaged records. Nobody knows whose they are.
	Damaged int
}

// OwnerTally counts the tokens of one owner, without those that were exchanged for JWTs
// and have ended.
type OwnerTally struct {
	// Owner is the case-folded name, and Newest the ID of the newest token. Respelled
	// means that this token spells the name differently.
	Owner     string
	Newest    string
	Respelled bool
	// Kind is the kind of owner: user if any of the tokens is for a user.
	Kind   token.Kind
	counts [8]uint32 // by the place in token.States
}

// Add counts n tokens in a state.
func (t *OwnerTally) Add(state token.State, n uint32) {
	t.counts[slices.Index(token.States(), state)] += n
}

// States returns the numbers of tokens by state.
func (t *OwnerTally) States() map[token.State]int {
	states := make(map[token.State]int, 1)
	for i, state := range token.States() {
		if n := t.counts[i]; n > 0 {
			states[state] = int(n)
		}
	}
	return states
}
