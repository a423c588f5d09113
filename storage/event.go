package storage

import (
	"encoding/json"
	"time"
)

// Event is an entry of the audit trail.
type Event struct {
	// ID orders events; the store gives it.
	ID string `json:"id"`
	// At is when it happened, by the clock of the node that did it.
	At time.Time `json:"at"`
	// Action is what happened: to a token create, update, rotate, disable,
	// enable, revoke, delete or import; to an account account_refused or
	// account_accepted.
	Action string `json:"action"`
	// TokenID, Owner and Name say to which token; Name alone to which account.
	TokenID string `json:"token_id,omitempty"`
	// Document is the name of the document that changed, as DocumentName.String
	// writes it.
	Document string `json:"document,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Name     string `json:"name"`
	// Actor is who did it.
	Actor Actor `json:"actor"`
	// Changes holds the fields that changed.
	Changes []FieldChange `json:"changes,omitempty"`
}

// About returns the ID of the token or the name of the document that the event
// is about; empty for others.
func (e Event) About() string {
	if e.TokenID != "" {
		return e.TokenID
	}
	return e.Document
}

// FieldChange is one field's value before and after, as JSON. Digests are no
// fields: the trail never shows what a token could be recognised by.
type FieldChange struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`
}

// Actor is who made a change, and from where.
type Actor struct {
	// Kind is admin (a client of Caddy's admin endpoint), owner or system.
	Kind string `json:"kind"`
	// Name is who it was, as far as known.
	Name string `json:"name,omitempty"`
	// Address is the client's.
	Address string `json:"address,omitempty"`
}

// The kinds of actors.
const (
	ActorAdmin  = "admin"
	ActorOwner  = "owner"
	ActorSystem = "system"
)

// EventQuery says which events a list is of.
type EventQuery struct {
	// TokenID limits the list to one token's events.
	TokenID string
	// Document limits the list to one document's events, if TokenID is empty.
	Document string
	// Since leaves out what was recorded before.
	Since time.Time
	// Cursor is the Next of the page before: what comes after that event.
	Cursor string
	// Limit is the size of the page; 0 is DefaultPageSize, MaxPageSize at most.
	Limit int
}

// About returns the token's ID or the document's name that the list is limited
// to; empty if it is not.
func (q EventQuery) About() string {
	if q.TokenID != "" {
		return q.TokenID
	}
	return q.Document
}

// PageSize returns Limit with its default and bound applied.
func (q EventQuery) PageSize() int { return pageSize(q.Limit) }

// EventPage is a part of the audit trail.
type EventPage struct {
	Events []Event
	// Next is where to go on; it is set also on the last page, so that a
	// reader can follow the trail as it grows.
	Next string
	// More tells that there are events after this page.
	More bool
}
