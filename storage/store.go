// Package storage defines the interface of the stores that keep tokens and the
// audit trail, and the cache and the breaker in front of them. The subpackages file
// and redis implement stores; storagetest is the conformance suite that every store
// must pass.
package storage

import (
	"context"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Store keeps token records and the audit trail. All methods are safe for
// concurrent use. ErrNotFound means that something does not exist, and ErrDamaged
// that it exists but cannot be used. All other errors but ErrConflict and
// ErrBadCursor are outages, and have ErrUnavailable in their chain.
type Store interface {
	// Open prepares the store. An unreachable server is not an error, since it may
	// be back in a moment. The other methods open the store if nobody has called
	// Open.
	Open(ctx context.Context) error

	// Get returns the record with this id, ErrNotFound or a DamagedError.
	Get(ctx context.Context, id string) (*token.Record, error)

	// Apply atomically makes a change and writes its audit event, and notifies the
	// watchers of every node. ErrConflict means that somebody else has changed the
	// record since change.Old was read, or has created it.
	Apply(ctx context.Context, change Change) error

	// AddEvents atomically writes audit events that do not come with a change, in
	// order. Callers write at most MaxEvents at once, since changes wait meanwhile.
	AddEvents(ctx context.Context, events ...Event) error

	// List returns the page of records that query asks for, newest first.
	List(ctx context.Context, query Query) (Page, error)

	// Records returns the records with these ids, in the same order, without those that
	// do not exist. At most MaxPageSize can be read at once.
	Records(ctx context.Context, ids []string) (Page, error)

	// Events returns the page of audit events that query asks for, oldest
	// first.
	Events(ctx context.Context, query EventQuery) (EventPage, error)

	// SaveUses records the last uses of tokens, by id. It ignores uses that are
	// older than the recorded ones, and uses of unknown tokens.
	SaveUses(ctx context.Context, uses map[string]Use) error

	// Uses returns the last uses of the tokens with these ids. It leaves out tokens
	// that were never used.
	Uses(ctx context.Context, ids []string) (map[string]Use, error)

	// AddActivity adds to how much tokens were used. It ignores unknown tokens. It may
	// drop what is older than batch.Today.Oldest().
	AddActivity(ctx context.Context, batch ActivityBatch) error

	// Activity returns how much the token with this id was used on each day since the
	// given one, oldest first, without the days on which it was not used.
	Activity(ctx context.Context, id string, since Day) ([]Activity, error)

	Documents

	// ApplyQuietly atomically makes all of the changes or none, without audit events, and
	// notifies the DocumentWatchers of every node. It is for a gateway's own bookkeeping.
	// ErrConflict means that one of the documents no longer has the version that its
	// change is based on, or is damaged. At most MaxQuietChanges can be made at once.
	ApplyQuietly(ctx context.Context, changes ...DocumentChange) error
	Trail

	// Watch notifies watcher of changes until ctx is done, and returns ctx.Err().
	// There can be several watchers at once, as during a reload.
	Watch(ctx context.Context, watcher Watcher) error

	// Close releases the store's resources. No method may be called after Close.
	Close() error
}

// MaxEvents is the maximum number of events that AddEvents writes at once.
const MaxEvents = 250

// Errors of a store. Most come from package token, so that code which does not
// import storage can check for them.
var (
	ErrNotFound    = token.ErrNotFound
	ErrConflict    = token.ErrConflict
	ErrUnavailable = token.ErrUnavailable
	ErrDamaged     = token.ErrDamaged

	// ErrBusy accompanies ErrUnavailable if the store answers but is overloaded. It
	// does not count as an outage.
	ErrBusy = errors.New("the token store is busy")
)

// Reading describes a Get for an error message. The empty id is read to find out
// whether a store answers: see Breaker.
func Reading(id string) string {
	if id == "" {
		return "read tokens"
	}
	return "read the token " + id
}

// Change is one change of one record. Old is the record as it was read, or nil to
// create one; New is what it becomes, or nil to delete it. New.Version is
// Old.Version+1.
type Change struct {
	Old, New *token.Record
	// Damaged, if neither Old nor New is set, is the id of a damaged record to
	// delete, along with its index entries. ErrConflict means that the record does
	// not exist or is no longer damaged.
	Damaged string
	Event   Event
}

// ID returns the id of the record to change.
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
	// Restored reports that notifications arrive, or arrive again, and that some may
	// have been missed.
	Restored()
}
