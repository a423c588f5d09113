// Package storage declares where tokens and the audit trail live. Its
// subpackages file and redis are stores; storagetest is the suite that both
// must pass, and any other store too.
package storage

import (
	"context"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Store keeps token records and the audit trail. All methods are safe for
// concurrent use. Only ErrNotFound means that something is not there, and only
// ErrDamaged that it is there but cannot be used: every other error is an outage
// and says so, with ErrUnavailable in its chain.
type Store interface {
	// Open prepares the store. An unreachable server is not an error, since it
	// may be back in a moment. Other methods open the store if Open was not
	// called.
	Open(ctx context.Context) error

	// Get returns the record with this id, ErrNotFound or a DamagedError.
	Get(ctx context.Context, id string) (*token.Record, error)

	// Apply makes a change and writes its audit event, both or neither, and
	// tells the watchers of every node. ErrConflict: somebody else changed
	// the record since change.Old was read (or created it).
	Apply(ctx context.Context, change Change) error

	// AddEvent writes an audit event that comes with no change of a token.
	AddEvent(ctx context.Context, event Event) error

	// List returns the page of records that query asks for, newest first.
	List(ctx context.Context, query Query) (Page, error)

	// Events returns the page of audit events that query asks for, oldest
	// first.
	Events(ctx context.Context, query EventQuery) (EventPage, error)

	// SaveUses records the last uses of tokens, by id. It ignores a use that is
	// older than the recorded one, and uses of unknown tokens.
	SaveUses(ctx context.Context, uses map[string]Use) error

	// Uses returns the last uses of the tokens with these ids, without those
	// that were never used.
	Uses(ctx context.Context, ids []string) (map[string]Use, error)

	Documents

	// Watch tells watcher of changes until ctx is done, and returns
	// ctx.Err(). Several can watch at once, as during a reload.
	Watch(ctx context.Context, watcher Watcher) error

	// Close releases the store's resources. No method may be called after it.
	Close() error
}

// The errors of a store. They are package token's, so that code that does not
// import storage can compare with them.
var (
	ErrNotFound    = token.ErrNotFound
	ErrConflict    = token.ErrConflict
	ErrUnavailable = token.ErrUnavailable
	ErrDamaged     = token.ErrDamaged

	// ErrBusy accompanies ErrUnavailable if the store answers but is overloaded.
	// It does not begin an outage.
	ErrBusy = errors.New("the token store is busy")
)

// Reading says in an error what Get was doing. The record of no id is read to
// find out whether a store answers: see Breaker.
func Reading(id string) string {
	if id == "" {
		return "read tokens"
	}
	return "read the token " + id
}

// Change is one change of one record. Old is the record as it was read, nil to
// create; New is what it becomes, nil to delete. New.Version is Old.Version+1.
type Change struct {
	Old, New *token.Record
	// Damaged, when neither Old nor New is set, is the id of a record to delete
	// that cannot be read: whatever the store holds of it, with its index
	// entries. ErrConflict: it is not there, or not damaged any more.
	Damaged string
	Event   Event
}

// ID returns the id of the record that is changed.
func (c Change) ID() string {
	switch {
	case c.New != nil:
		return c.New.ID
	case c.Old != nil:
		return c.Old.ID
	}
	return c.Damaged
}

// Watcher receives notifications from a store. Its methods must return quickly.
type Watcher interface {
	// Changed reports that the record with this id has changed.
	Changed(id string)
	// Lost reports that notifications of changes no longer arrive.
	Lost(cause error)
	// Restored reports that notifications arrive (again), but that some may have
	// been missed.
	Restored()
}
