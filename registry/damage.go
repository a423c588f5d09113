package registry

import (
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// DamagedError reports a record that cannot be used.
type DamagedError = storage.DamagedError

// DamagedView is the JSON for a token whose record cannot be used. The state "damaged"
// distinguishes it from a View.
type DamagedView struct {
	ID    string      `json:"id"`
	State token.State `json:"state"`
	// Error says what is wrong with the record.
	Error string `json:"error"`
}

// ViewDamaged returns the view of a damaged record. The record may contain anything, so
// the error is reduced to printable text.
func ViewDamaged(damaged storage.DamagedError) DamagedView {
	return DamagedView{
		ID: damaged.ID, State: token.StateDamaged,
		Error: token.Printable(damaged.Err.Error(), maxDamageText),
	}
}

// maxDamageText is the maximum length of the error for a damaged record, in bytes.
const maxDamageText = 500

// deletionOf returns the change that deletes a damaged record. Its event says what was
// wrong with the record, but not who the owner was, which is unknown.
func (r *Registry) deletionOf(actor storage.Actor, damaged storage.DamagedError) storage.Change {
	return storage.Change{Damaged: damaged.ID, Event: storage.Event{
		At: r.now().UTC(), Action: ActionDelete, Actor: actor, TokenID: damaged.ID,
		Changes: []storage.FieldChange{{Field: "damage", Old: encode(ViewDamaged(damaged).Error)}},
	}}
}

// asState turns a DamagedError into a StateError that says what can be done.
func asState(err error) error {
	if damaged, ok := errors.AsType[storage.DamagedError](err); ok {
		return StateError{damaged.ID, token.StateDamaged, "it can only be shown or deleted; after that, you can import it again from an undamaged export"}
	}
	return err
}
