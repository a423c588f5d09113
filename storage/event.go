package storage

import (
	"encoding/json"
	"time"
)

// Event is an entry of the audit trail.
type Event struct {
	// Seq is the event's number, from 1, without gaps. The store assigns it. It is 0
	// if an earlier version recorded the event.
	Seq uint64 `json:"seq,omitempty"`
	// ID orders events. The store assigns it.
	ID string `json:"id"`
	// At is when it happened, by the clock of the node that did it.
	At time.Time `json:"at"`
	// Action is what happened. For tokens it is create, update, rotate, disable,
	// enable, revoke, approve, reject, transfer, delete or import; for accounts
	// account_refused or account_accepted, and for those of the store also
	// account_add, account_replace, account_remove or account_reencrypt, and others that
	// begin with account_ for consents by OAuth; for requests, ActionDenied, ActionWrite or ActionWriteBegun.
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
	// Request describes the request that was denied or changed something in Jira.
	Request *EventRequest `json:"request,omitempty"`
	// Count is the number of denied requests, or of lost events, that the event
	// stands for; 0 means 1. They happened from At until Until.
	Count uint64    `json:"count,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// The actions of events about requests.
const (
	// ActionDenied is for requests that the gateway denied. Its event may stand for
	// several that are alike; if it has no reason, for several that are not.
	ActionDenied = "denied"
	// ActionWrite is for requests that Jira was asked to change something with, and
	// that it has answered.
	ActionWrite = "write"
	// ActionWriteBegun precedes ActionWrite where the trail is strict: if no other
	// event follows, nobody knows whether Jira made the change.
	ActionWriteBegun = "write_begun"
)

// ActionEventsLost is for events that could not be recorded: see Event.Count.
const ActionEventsLost = "events_lost"

// aboutRequest reports whether events with this action are about requests, of which
// there are far more than of all other events.
func aboutRequest(action string) bool {
	return action == ActionDenied || action == ActionWrite || action == ActionWriteBegun
}

// EventRequest describes a request. It holds neither the request's query and body
// nor credentials.
type EventRequest struct {
	Method string `json:"method,omitempty"`
	// Path is the escaped path, shortened, and without secrets of tokens.
	Path string `json:"path,omitempty"`
	// Operation is the operation in the table of Jira's operations, and Access what
	// it does: read, read-all, write or admin. They are empty if the request was
	// denied before that was determined.
	Operation string `json:"operation,omitempty"`
	Access    string `json:"access,omitempty"`
	// Account is the name of the Jira account.
	Account string `json:"account,omitempty"`
	// Project and Issue are the keys of what the path names or the request created,
	// as far as that is known.
	Project string `json:"project,omitempty"`
	Issue   string `json:"issue,omitempty"`
	// Status is the status of Jira's response, or of the gateway's if Reason says why
	// the request was denied.
	Status int    `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	// JiraRequestID is how Jira names the request in its own logs.
	JiraRequestID string `json:"jira_request_id,omitempty"`
	// ClaimedTokenID is the ID in a token whose secret was wrong.
	ClaimedTokenID string `json:"claimed_token_id,omitempty"`
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

// Actor is who made a change or a request, and from where.
type Actor struct {
	// Kind is admin (a client of Caddy's admin endpoint), owner, system, client (of the
	// gateway: its Name is the owner of the token that it has presented), token
	// (whoever changes the token that they hold, whose ID is the Name) link (whoever opened
	// it) or workload (whose Name is the subject of its JWT).
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
	ActorClient = "client"
	ActorToken  = "token"
	ActorLink   = "link"
	// ActorWorkload is a program that has exchanged a JWT for a token.
	ActorWorkload = "workload"
)
