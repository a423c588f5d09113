package registry

import (
	"context"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// DamagedError reports a record that cannot be used.
type DamagedError = storage.DamagedError

// DamagedView is a token whose record cannot be used, as programs see it, in
// JSON: the state "damaged" tells it from a View.
type DamagedView struct {
	ID    string      `json:"id"`
	State token.State `json:"state"`
	// Error says what is wrong with the record.
	Error string `json:"error"`
}

// ViewDamaged returns a damaged record as programs see it. The record may contain
// anything, so the error is reduced to printable text.
func ViewDamaged(damaged storage.DamagedError) DamagedView {
	return DamagedView{
		ID: damaged.ID, State: token.StateDamaged,
		Error: token.Printable(damaged.Err.Error(), maxDamageText),
	}
}

// maxDamageText bounds the error text of one damaged record, in bytes.
const maxDamageText = 500

// deletionOf returns the change that deletes a damaged record. Its event says what
// was wrong; the owner is not known.
func (r *Registry) deletionOf(actor storage.Actor, damaged storage.DamagedError) storage.Change {
	return storage.Change{Damaged: damaged.ID, Event: storage.Event{
		At: r.now().UTC(), Action: ActionDelete, Actor: actor, TokenID: damaged.ID,
		Changes: []storage.FieldChange{{Field: "damage", Old: encode(ViewDamaged(damaged).Error)}},
	}}
}

// deleted reports whether the token with this id was deleted here. The trail
// says so: an event is written with its change, and outlives the record.
func (r *Registry) deleted(ctx context.Context, id string) (bool, error) {
	query := storage.EventQuery{TokenID: id, Limit: storage.MaxPageSize}
	last := ""
	for {
		page, err := r.Events(ctx, query)
		if err != nil {
			return false, err
		}
		for _, event := range page.Events {
			last = event.Action
		}
		if !page.More {
			return last == ActionDelete, nil
		}
		query.Cursor = page.Next
	}
}

// asState turns a DamagedError into a StateError that says what can be done.
func asState(err error) error {
	if damaged, ok := errors.AsType[storage.DamagedError](err); ok {
		return StateError{damaged.ID, token.StateDamaged, "it can only be shown and deleted, and then imported from a copy that is whole"}
	}
	return err
}
