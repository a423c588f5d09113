package registry

import "github.com/jiratokens/caddy-jira-tokens/storage"

// The store's words in which the registry is asked and answers: who knows the
// registry needs to know no store.
type (
	Actor      = storage.Actor
	Event      = storage.Event
	EventQuery = storage.EventQuery
	Query      = storage.Query
	Use        = storage.Use
)

// ActorAdmin is the kind of an actor who is a client of Caddy's admin endpoint.
const ActorAdmin = storage.ActorAdmin

// MaxPageSize is how many records or events a page has at most.
const MaxPageSize = storage.MaxPageSize

// ErrBadCursor is returned for a cursor that is not of the list it is used with.
var ErrBadCursor = storage.ErrBadCursor
