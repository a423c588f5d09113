package registry

import "github.com/jiratokens/caddy-jira-tokens/storage"

// The store's types in the registry's API, so that its callers need not import
// storage.
type (
	Actor        = storage.Actor
	Page         = storage.Page
	Event        = storage.Event
	EventQuery   = storage.EventQuery
	EventPage    = storage.EventPage
	EventRequest = storage.EventRequest
	Use          = storage.Use
	Activity     = storage.Activity
	Span         = storage.Span
	Sort         = storage.Sort
)

// The kinds of actors that act through the registry's callers.
const (
	ActorAdmin = storage.ActorAdmin
	ActorOwner = storage.ActorOwner
	ActorToken = storage.ActorToken
	ActorLink  = storage.ActorLink
)

// MaxPageSize is the maximum number of records or events in a page.
const MaxPageSize = storage.MaxPageSize

// LoadingError reports that the tokens are still being read, so that they cannot be counted
// or sorted yet.
type LoadingError = storage.LoadingError

// ErrBadCursor is returned for a cursor of another list.
var ErrBadCursor = storage.ErrBadCursor

// ParseSort parses the name of an order of a list.
func ParseSort(text string) (Sort, error) { return storage.ParseSort(text) }

// ParseEventID parses the ID of an event in the audit trail.
func ParseEventID(text string) (storage.EventID, error) { return storage.ParseEventID(text) }
