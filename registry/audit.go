package registry

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// What happens to tokens, as the audit trail names it.
const (
	ActionCreate  = "create"
	ActionUpdate  = "update"
	ActionRotate  = "rotate"
	ActionDisable = "disable"
	ActionEnable  = "enable"
	ActionRevoke  = "revoke"
	ActionDelete  = "delete"
	ActionImport  = "import"

	ActionAccountRefused  = "account_refused"
	ActionAccountAccepted = "account_accepted"
)

// RecordAccount writes to the trail that Jira does not take an account any
// more, or takes it again.
func (r *Registry) RecordAccount(ctx context.Context, account string, refused error) error {
	event := storage.Event{
		At: r.now().UTC(), Action: ActionAccountAccepted, Name: account,
		Actor: storage.Actor{Kind: storage.ActorSystem},
	}
	if refused != nil {
		event.Action = ActionAccountRefused
		event.Changes = []storage.FieldChange{{Field: "reason", New: encode(refused.Error())}}
	}
	return r.store.AddEvent(ctx, event)
}

// event says what a change does, field by field.
func (r *Registry) event(actor storage.Actor, action string, old, new *token.Record) storage.Event {
	subject := new
	if subject == nil {
		subject = old
	}
	return storage.Event{
		At: r.now().UTC(), Action: action, Actor: actor,
		TokenID: subject.ID, Owner: subject.Owner, Name: subject.Name,
		Changes: differences(audited(old), audited(new)),
	}
}

// auditedField is a field of a record as the trail shows it.
type auditedField struct {
	name  string
	value any
}

// audited lists the fields that the trail tells of: all but digests, and but
// those that change with every change.
func audited(r *token.Record) []auditedField {
	if r == nil {
		r = &token.Record{}
	}
	return []auditedField{
		{"owner", r.Owner},
		{"name", r.Name},
		{"scope", r.Scope.String()},
		{"status", r.Status},
		{"account", r.Account},
		{"allow_ip", r.Networks.Allow},
		{"deny_ip", r.Networks.Deny},
		{"not_before", r.NotBefore},
		{"expires_at", r.ExpiresAt},
		{"rotated_at", r.RotatedAt},
		{"previous_until", r.PreviousUntil},
		{"limit", r.Limit},
		{"max_concurrent", r.MaxConcurrent},
	}
}

func differences(old, new []auditedField) []storage.FieldChange {
	var changes []storage.FieldChange
	for i := range old {
		before, after := encode(old[i].value), encode(new[i].value)
		if !bytes.Equal(before, after) {
			changes = append(changes, storage.FieldChange{Field: old[i].name, Old: before, New: after})
		}
	}
	return changes
}

// encode returns value as JSON; nothing for an empty one.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`"(not shown)"`) // cannot be: all are plain values
	}
	switch string(text) {
	case `""`, "0", "null", "[]", `"0001-01-01T00:00:00Z"`:
		return nil
	}
	return text
}
