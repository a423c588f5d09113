package registry

import (
	"context"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Approve makes a pending token work. It takes somebody else than the owner and whoever
// asked for the token.
func (d *Desk) Approve(ctx context.Context, actor Actor, id string, verdict Verdict) (*token.Record, error) {
	if err := d.MayDecide(ctx, id); err != nil {
		return nil, err
	}
	return d.registry.Approve(ctx, actor, id, verdict)
}

// Reject ends a pending token permanently.
func (d *Desk) Reject(ctx context.Context, actor Actor, id string, verdict Verdict) (*token.Record, error) {
	if err := d.MayDecide(ctx, id); err != nil {
		return nil, err
	}
	return d.registry.Reject(ctx, actor, id, verdict)
}

// MayDecide returns an error unless the person may approve or reject a pending token, or its
// held changes, which its owner, whoever is responsible for it and whoever has made it may not.
func (d *Desk) MayDecide(ctx context.Context, id string) error {
	if err := d.mustManage("approve or reject tokens"); err != nil {
		return err
	}
	record, err := d.Show(ctx, id)
	if err != nil {
		return err
	}
	if record.OwnedBy(d.person) || token.Fold(record.Responsible) == token.Fold(d.person) {
		return ForbiddenError{"nobody approves or rejects their own tokens: ask somebody else who manages tokens"}
	}
	var known, asked, damaged bool
	err = d.registry.eachEvent(ctx, EventQuery{TokenID: id, Actions: asking}, func(event Event) {
		known = known || slices.Contains(making, event.Action)
		asked = asked || d.is(event.Actor)
		damaged = damaged || event.Action == storage.ActionDamaged
	})
	switch {
	case err != nil:
		return err
	case asked:
		return ForbiddenError{"you have created or changed this token yourself: ask somebody else who manages tokens"}
	case !known || damaged:
		return ForbiddenError{"the audit trail no longer says who has asked for the token: approve or reject it with the command"}
	}
	return nil
}

// is reports whether an actor is the person.
func (d *Desk) is(actor Actor) bool {
	return isOwner(actor, d.person)
}

// asking are the actions of whoever has asked for a token, or has seen it.
var asking = []string{ActionCreate, ActionUpdate, ActionTransfer, ActionImport, ActionRotate, ActionHandover, ActionExchange}

// Asking returns the actions with which somebody asks for a token, or for what it is.
func Asking() []string { return slices.Clone(asking) }
