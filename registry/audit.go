package registry

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The actions of the audit trail.
const (
	ActionCreate = "create"
	ActionUpdate = "update"
	// ActionExchange creates a token for a JWT.
	ActionExchange = "exchange"
	ActionRotate   = "rotate"
	// ActionEndOverlap ends the secret that a rotation replaced, before its time.
	ActionEndOverlap = "end_overlap"

	// ActionHandover makes a link to a token, ActionHandoverOpened opens it, and
	// ActionHandoverAlarm is an attempt to open it once more, or after it has ended.
	ActionHandover       = "handover"
	ActionHandoverOpened = "handover_opened"
	ActionHandoverAlarm  = "handover_alarm"

	ActionDisable = "disable"
	ActionEnable  = "enable"
	ActionRevoke  = "revoke"
	ActionApprove = "approve"
	ActionReject  = "reject"
	// ActionTransfer gives a token to another owner.
	ActionTransfer = "transfer"
	ActionDelete   = "delete"
	ActionImport   = "import"

	ActionPolicyLoaded = "policy_loaded"

	ActionAccountRefused  = "account_refused"
	ActionAccountAccepted = "account_accepted"
)

// changesOfTokens are the actions that change a token. Stores find the events with these
// actions among any number of others about the token.
var changesOfTokens = []string{
	ActionCreate, ActionUpdate, ActionExchange, ActionRotate, ActionEndOverlap, ActionHandover, ActionHandoverOpened, ActionHandoverAlarm,
	ActionDisable, ActionEnable, ActionRevoke, ActionApprove, ActionReject, ActionTransfer, ActionDelete, ActionImport,
}

// eachEvent calls visit with the events that query asks for, oldest first, on all pages.
func (r *Registry) eachEvent(ctx context.Context, query EventQuery, visit func(Event)) error {
	query.Limit = storage.MaxPageSize
	for {
		page, err := r.Events(ctx, query)
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			visit(event)
		}
		if !page.More {
			return nil
		}
		query.Cursor = page.Next
	}
}

// RecordAccount records in the audit trail that the Jira at site refuses an account or,
// if refused is nil, accepts it again.
func (r *Registry) RecordAccount(ctx context.Context, account, site string, refused error) error {
	event := storage.Event{
		At: r.now().UTC(), Action: ActionAccountAccepted, Name: account,
		Actor:   storage.Actor{Kind: storage.ActorSystem},
		Changes: []storage.FieldChange{{Field: "jira", New: encode(site)}},
	}
	if refused != nil {
		event.Action = ActionAccountRefused
		event.Changes = append(event.Changes, storage.FieldChange{Field: "reason", New: encode(refused.Error())})
	}
	return r.store.AddEvents(ctx, event)
}

// event returns the audit event of a change, field by field.
func (r *Registry) event(actor storage.Actor, action string, old, new *token.Record) storage.Event {
	subject := new
	if subject == nil {
		subject = old
	}
	return storage.Event{
		At: r.now().UTC(), Action: action, Actor: actor,
		TokenID: subject.ID, Owner: subject.Owner, Name: subject.Name,
		Changes: differences(old, new),
	}
}

// differences lists the fields that differ, with their values. It leaves out digests,
// and fields that every change modifies.
// A new token has no old values, and a deleted one no new values.
func differences(before, after *token.Record) []storage.FieldChange {
	created, deleted := before == nil, after == nil
	if created {
		before = new(token.Record)
	}
	if deleted {
		after = new(token.Record)
	}
	var changes []storage.FieldChange
	compare := func(field string, was, is any) {
		from, to := encode(was), encode(is)
		if bytes.Equal(from, to) {
			return
		}
		if created {
			from = nil
		}
		if deleted {
			to = nil
		}
		changes = append(changes, storage.FieldChange{Field: field, Old: from, New: to})
	}
	for _, field := range token.Fields() {
		compare(field.Name, field.Value(before), field.Value(after))
	}
	compare("status", before.Status, after.Status)
	compare("status_reason", before.StatusReason, after.StatusReason)
	compare("unapproved", before.Unapproved, after.Unapproved)
	compare("issuer", before.Issuer, after.Issuer)
	compare("rotated_at", before.RotatedAt, after.RotatedAt)
	compare("previous_until", before.PreviousUntil, after.PreviousUntil)
	compare("handover", handoverOf(before), handoverOf(after))
	return changes
}

// encode returns value as JSON, or nil if it is empty.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`"(not shown)"`) // cannot happen
	}
	switch string(text) {
	case `""`, "0", "null", "[]", `"0001-01-01T00:00:00Z"`:
		return nil
	}
	return text
}
