package registry

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Transfer gives the tokens of one owner to another. To give somebody else a token is as
// good as to create one for them, so that it also needs on_behalf: whoever knows the
// secret of a token acts, in the audit trail, as its owner.
func (d *Desk) Transfer(ctx context.Context, actor Actor, from, to string) (OwnerResult, error) {
	if err := d.mayTransfer(to); err != nil {
		return OwnerResult{}, err
	}
	return d.registry.Transfer(ctx, actor, from, to)
}

// PreviewTransfer says what Transfer would do.
func (d *Desk) PreviewTransfer(ctx context.Context, from, to string) (OwnerResult, error) {
	if err := d.mayTransfer(to); err != nil {
		return OwnerResult{}, err
	}
	return d.registry.PreviewTransfer(ctx, from, to)
}

func (d *Desk) mayTransfer(to string) error {
	if err := d.mustManage("transfer tokens"); err != nil {
		return err
	}
	if token.Fold(to) != token.Fold(d.person) && !d.Rights().OnBehalf() {
		return ForbiddenError{"giving tokens to others needs a rule with on_behalf; no rule for " + d.person + " has it"}
	}
	return nil
}

// RevokeOwner revokes all tokens of an owner.
func (d *Desk) RevokeOwner(ctx context.Context, actor Actor, owner string) (OwnerResult, error) {
	if err := d.mustManage("end the tokens of others"); err != nil {
		return OwnerResult{}, err
	}
	return d.registry.RevokeOwner(ctx, actor, owner)
}
