package registry

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// takeOver returns errRecordOnly if somebody disables a token that somebody else has
// disabled, and that person is not the owner; otherwise errUnchanged. Who may enable the
// token depends on who disabled it last, so the owner's own doing must not replace that of
// an administrator.
func (r *Registry) takeOver(ctx context.Context, actor Actor, record *token.Record) error {
	if isOwner(actor, record.Owner) {
		return errUnchanged
	}
	last, err := r.disabledBy(ctx, record.ID)
	if err != nil {
		return err
	}
	if last != nil && last.Kind == actor.Kind && last.Name == actor.Name {
		return errUnchanged
	}
	record.StatusReason = "" // such as that nobody used it
	return errRecordOnly
}

// disabledBy returns who has disabled a token last, or nil if the trail does not say.
func (r *Registry) disabledBy(ctx context.Context, id string) (last *Actor, err error) {
	err = r.eachEvent(ctx, EventQuery{TokenID: id, Actions: []string{ActionDisable}}, func(event Event) { last = &event.Actor })
	return last, err
}

// isOwner reports whether an actor is this owner.
func isOwner(actor Actor, owner string) bool {
	return actor.Kind == storage.ActorOwner && token.Fold(actor.Name) == token.Fold(owner)
}

// mayEnable returns an error unless the person may enable a token: what an administrator has
// disabled, only somebody with manage enables.
func (d *Desk) mayEnable(ctx context.Context, record *token.Record) error {
	switch {
	case d.Manages():
		return nil
	case !d.owns(record): // after a transfer in the meantime
		return hidden(record.ID, storage.ErrNotFound)
	}
	last, err := d.registry.disabledBy(ctx, record.ID)
	if err != nil {
		return err
	}
	// The gateway itself disables tokens that nobody uses.
	if last == nil || last.Kind != storage.ActorSystem && !d.is(*last) {
		return ForbiddenError{"somebody who manages tokens has disabled it; ask them to enable it"}
	}
	return nil
}
