package storage

import (
	"encoding/json"
	"time"
)

// Event is an entry of the audit trail.
type Event struct {
	// ID orders events. The store assigns it.
	ID string `json:"id"`
	// At is when it happened, by the clock of the node that did it.
	At time.Time `json:"at"`
	// Action is what happened. For tokens it is create, update, rotate, disable,
	// enable, revoke, approve, reject, transfer, delete or import; for accounts
	// account_refused or account_accepted, and for those of the store also
	// account_add, account_replace, account_remove or account_reencrypt.
	Action string `json:"action"`
	// TokenID, Owner and Name identify the token. For an account, there is only
	// Name, and Owner for an owner's own account.
	TokenID string `json:"token_id,omitempty"`
	// Document is the name of the changed document, as DocumentName.String returns
	// it.
	Document string `json:"document,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Name     string `json:"name"`
	// Actor is who did it.
	Actor Actor `json:"actor"`
	// Changes holds the fields that changed.
	Changes []FieldChange `json:"changes,omitempty"`
}

// About returns the ID of the token or the name of the document that the event is
// about, or "" if it is about neither.
func (e Event) About() string {
	if e.TokenID != "" {
		return e.TokenID
	}
	return e.Document
}

// FieldChange is the value of a field before and after a change, as JSON. Digests
// are not fields: the trail never shows anything that identifies a token's secret.
type FieldChange struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`
}

// Actor is who made a change, and from where.
type Actor struct {
	// Kind is admin (a client of Caddy's admin endpoint), owner or system.
	Kind string `json:"kind"`
	// Name is the actor's name as far as it is known, not as the client says: the
	// subject of a verified certificate, or a local user.
	Name string `json:"name,omitempty"`
	// Address is the client's IP address, or "unix socket".
	Address string `json:"address,omitempty"`
	// Claim is what the client calls itself.
	Claim string `json:"claim,omitempty"`
}

// The kinds of actors.
const (
	ActorAdmin  = "admin"
	ActorOwner  = "owner"
	ActorSystem = "system"
)

// EventQuery selects events for a list.
type EventQuery struct {
	// TokenID limits the list to one token's events.
	TokenID string
	// Document limits the list to one document's events, if TokenID is empty.
	Document string
	// Since limits the list to events recorded at this time or later.
	Since time.Time
	// Cursor is the Next of the previous page, or empty for the first page.
	Cursor string
	// Limit is the size of the page, at most MaxPageSize. 0 means DefaultPageSize.
	Limit int
}

// About returns the ID of the token or the name of the document that the list is
// limited to, or "" if it is not limited.
func (q EventQuery) About() string {
	if q.TokenID != "" {
		return q.TokenID
	}
	return q.Document
}

// PageSize returns Limit with its default and maximum applied.
func (q EventQuery) PageSize() int { return pageSize(q.Limit) }

// EventPage is a page of the audit trail.
type EventPage struct {
	Events []Event
	// Next is the cursor to continue from. It is set even on the last page, so that
	// a reader can follow the trail as it grows.
	Next string
	// More reports whether there are events after this page.
	More bool
}
