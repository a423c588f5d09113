package facts

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The kinds of documents. There is one document per owner, under the folded name, and
// one about the refreshing itself.
const (
	KindOwner   = "owner"
	KindRefresh = "owner_refresh"
	refreshID   = "jira"
)

// The actions of the audit trail: one for an owner's document, and others for the
// refreshing.
const (
	actionOwnerChanged     = "owner_changed"
	actionRefreshBegun     = "owner_refresh_begun"
	actionRefreshContinued = "owner_refresh_continued"
	actionRefreshEnded     = "owner_refresh_ended"
)

// state is what Jira says about an owner.
type state string

const (
	stateActive   state = "active"
	stateInactive state = "inactive"
	stateAbsent   state = "absent"
	stateUnknown  state = "unknown" // it is not clear who is meant
)

// owner is the JSON of an owner's document. It is only written when something has
// changed: while it stays the same, the owner is confirmed by each refresh, whose time
// is in the refresh document.
type owner struct {
	Name   string   `json:"name"`
	State  state    `json:"state"`
	Groups []string `json:"groups,omitempty"`
	// Why says why the state is unknown.
	Why string `json:"why,omitempty"`
	// ConfirmedAt is when Jira said so. If Failing is set, Jira has given no usable
	// answer about the owner since, although it answers about others.
	ConfirmedAt time.Time `json:"confirmed_at"`
	Failing     bool      `json:"failing,omitempty"`
	// ReturnedAt is when the owner was found not to be inactive or absent any longer; zero
	// if the owner never was. Sessions that are older do not come back with the owner.
	ReturnedAt time.Time `json:"returned_at,omitzero"`
}

// returnedAt returns the time for a document that replaces known, which is nil if there is
// none.
func (o owner) returnedAt(known *owner, now time.Time) time.Time {
	switch {
	case known == nil:
		return time.Time{}
	case known.left() && !o.left():
		return now.UTC()
	}
	return known.ReturnedAt
}

func (o owner) left() bool { return o.State == stateInactive || o.State == stateAbsent }

// documentName returns the name of the document about an owner. It is invalid if the
// owner's name is too long: nothing is known about such owners.
func documentName(owner string) storage.DocumentName {
	return storage.DocumentName{Kind: KindOwner, ID: token.Fold(owner)}
}

// same reports whether nothing but the time of the confirmation differs.
func (o owner) same(other owner) bool {
	return o.State == other.State && slices.Equal(o.Groups, other.Groups) && o.Why == other.Why && o.Failing == other.Failing
}

// confirmedAt returns when the owner was last confirmed.
func (o owner) confirmedAt(refresh refresh) time.Time {
	if !o.Failing && refresh.CompletedAt.After(o.ConfirmedAt) {
		return refresh.CompletedAt
	}
	return o.ConfirmedAt
}

// facts returns what the owner's document says at now, and when that changes by
// itself, if ever. Only somebody who has left stays so for ever: everything else
// lapses after keep.
func (o owner) facts(refresh refresh, keep time.Duration, now time.Time) (registry.Facts, time.Time) {
	said := registry.Facts{Name: o.Name, ConfirmedAt: o.confirmedAt(refresh), ReturnedAt: o.ReturnedAt}
	switch o.State {
	case stateInactive:
		said.Inactive, said.Why = true, "is no longer active"
		return said, time.Time{}
	case stateAbsent:
		said.Inactive, said.Why = true, "is not a user in Jira"
		return said, time.Time{}
	case stateActive:
	default: // including those of later versions
		said.Unknown, said.Why = true, "is not confirmed: "+o.Why
		return said, time.Time{}
	}
	lapses := said.ConfirmedAt.Add(keep)
	if !now.Before(lapses) {
		said.Unknown, said.Why = true, "has not been confirmed by Jira since "+token.FormatTime(said.ConfirmedAt)
		return said, time.Time{}
	}
	said.Groups = o.Groups
	return said, lapses
}

// decodeOwner decodes an owner's document. It reports false if it cannot be used.
func decodeOwner(document storage.MirroredDocument) (owner, bool) {
	var o owner
	if document.Err != nil || json.Unmarshal(document.Data, &o) != nil || token.Fold(o.Name) != document.ID {
		return owner{Name: document.ID, State: stateUnknown, Why: "the document about the owner is damaged"}, false
	}
	return o, true
}

// change returns the change from one document about an owner, of this version, to
// another, which is nil to delete it.
func change(version uint64, from, to *owner, now time.Time) (storage.DocumentChange, error) {
	subject := to
	if to == nil {
		subject = from
	}
	result := storage.DocumentChange{
		DocumentName: documentName(subject.Name),
		Version:      version,
		Event: storage.Event{
			At: now.UTC(), Action: actionOwnerChanged, Owner: subject.Name, Name: subject.Name,
			Actor: storage.Actor{Kind: storage.ActorSystem}, Changes: differences(from, to),
		},
	}
	if to == nil {
		return result, nil
	}
	var err error
	result.Data, err = json.Marshal(to)
	return result, err
}

// differences lists the fields of an owner that differ.
func differences(from, to *owner) []storage.FieldChange {
	if from == nil {
		from = new(owner)
	}
	if to == nil {
		to = new(owner)
	}
	var changes []storage.FieldChange
	add := func(field string, differ bool, was, is any) {
		if differ {
			changes = append(changes, storage.FieldChange{Field: field, Old: encode(was), New: encode(is)})
		}
	}
	add("state", from.State != to.State, from.State, to.State)
	add("groups", !slices.Equal(from.Groups, to.Groups), from.Groups, to.Groups)
	add("why", from.Why != to.Why, from.Why, to.Why)
	add("failing", from.Failing != to.Failing, from.Failing, to.Failing)
	return changes
}

// encode returns value as JSON, or nil if it is empty.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	switch string(text) {
	case `""`, "null", "false":
		return nil
	}
	if err != nil {
		return json.RawMessage(`"(not shown)"`) // cannot happen
	}
	return text
}
