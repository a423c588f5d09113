package registry

import "github.com/jiratokens/caddy-jira-tokens/storage"

// The store's types in the registry's API, so that its callers need not import
// storage.
type (
	Actor      = storage.Actor
	Event      = storage.Event
	EventQuery = storage.EventQuery
	Use        = storage.Use
)

// ActorAdmin is the kind of an actor that uses Caddy's admin endpoint.
const ActorAdmin = storage.ActorAdmin

// MaxPageSize is the maximum number of records or events in a page.
const MaxPageSize = storage.MaxPageSize

// ErrBadCursor is returned for a cursor of another list.
var ErrBadCursor = storage.ErrBadCursor
