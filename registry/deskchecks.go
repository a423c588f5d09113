package registry

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// checkOwnAccount returns an error if a token acts as its owner, who is somebody else:
// whoever knows its secret could act as that person.
func (d *Desk) checkOwnAccount(record *token.Record) error {
	if record.Account != token.OwnAccount || d.owns(record) {
		return nil
	}
	return ForbiddenError{"the token acts as " + record.Owner + " in Jira, so only " + record.Owner + " can create or rotate it, or give it that account"}
}

// checkRights returns an error if a token of the person's own takes rights that the person
// does not have here: those of groups that another identity provider has told. It makes the
// token pending if somebody must approve it without them.
func (d *Desk) checkRights(record *token.Record) error {
	if !d.owns(record) || record.Exempt != "" {
		return nil
	}
	if err := forbidden(d.Rights().Violation(record)); err != nil {
		return err
	}
	if d.needsApproval(record) {
		makePending(record)
	}
	return nil
}

// needsApproval reports whether somebody must approve a token: because of the owner's rights,
// or because of those that the owner has here.
func (d *Desk) needsApproval(record *token.Record) bool {
	here := d.owns(record) && record.Exempt == "" && d.Rights().NeedsApproval(record.Scope) != ""
	return here || d.registry.needsApproval(record)
}

// checkHold returns an error if the person may not switch off the holding of a token's
// changes: that approves all of them.
func (d *Desk) checkHold(ctx context.Context, before, changed *token.Record) error {
	if !before.HoldWrites || changed.HoldWrites {
		return nil
	}
	err := d.MayDecide(ctx, before.ID)
	if _, ok := errors.AsType[ForbiddenError](err); ok {
		return ForbiddenError{"the changes of this token must be approved; only somebody who manages tokens, and has neither made nor changed this one, can switch that off"}
	}
	return err
}

// checkExempt returns an error if the person may not exempt a token from the policy, or
// change an exempt one in a way that the policy would have to allow. An exemption must be
// approved by somebody else, since it lets a token do anything.
func (d *Desk) checkExempt(before, changed *token.Record) error {
	switch {
	case before.Exempt == "" && changed.Exempt == "":
		return nil
	case before.Exempt != changed.Exempt:
		if err := d.mustManage("exempt tokens from the policy"); err != nil || changed.Exempt == "" {
			return err
		}
		makePending(changed)
		return nil
	}
	if touched, err := touchesRules(before, changed); err != nil || !touched {
		return err
	}
	if err := d.mustManage("change a token that is exempt from the policy"); err != nil {
		return err
	}
	makePending(changed) // what was approved was something else
	return nil
}

// MayAsk returns an error unless the person can have a token that sees what an account sees
// in Jira: now, from this address, and without anybody's approval. Otherwise the names of
// projects, and how many issues match a condition, would tell people more than their tokens
// do. If the record, which is about to be created, names no account, MayAsk chooses it.
func (d *Desk) MayAsk(record *token.Record, from netip.Addr) error {
	if why := d.Left(); why != "" {
		return ForbiddenError{why}
	}
	if !d.owns(record) && !d.Rights().OnBehalf() {
		return ForbiddenError{"Jira is only asked about your own tokens"}
	}
	rights := d.registry.owners.Person(record.Owner).Rights
	if d.owns(record) {
		rights = d.Rights()
	}
	rights.Complete(record, func(field string) bool { return field == "account" && record.Account != "" })
	if err := cmp.Or(d.registry.checkAccount(record.Account), d.checkOwnAccount(record)); err != nil {
		return err
	}
	if !rights.Permits(from) {
		return ForbiddenError{"tokens of " + record.Owner + " do not work from your address, so Jira is not asked from here"}
	}
	for scope := token.ScopeRead; scope <= token.ScopeAdmin; scope++ {
		candidate := *record
		candidate.Scope, candidate.Exempt = scope, ""
		// To what it is confined, and until when it works, is up to the person.
		candidate.Confine, candidate.CreatedAt = token.Confinement{JQL: "key = X"}, d.registry.timestamp()
		candidate.ExpiresAt = candidate.CreatedAt.Add(time.Minute)
		if d.registry.owners.Standing(&candidate).Suspension == nil && rights.Violation(&candidate) == nil && rights.NeedsApproval(scope) == "" {
			return nil
		}
	}
	return ForbiddenError{record.Owner + " can have no token with the account " + record.Account + " without somebody's approval, so Jira is not asked before that"}
}
