package approvals

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// StateError reports a decision that is no longer possible, or not for this actor.
type StateError struct{ message string }

func (e StateError) Error() string { return e.message }

// Approve lets a held request pass once within an hour.
func (k *Keeper) Approve(ctx context.Context, actor storage.Actor, id, reason string) (View, error) {
	return k.decide(ctx, actor, id, reason, StateApproved)
}

// Reject rejects a held request. A reason is required.
func (k *Keeper) Reject(ctx context.Context, actor storage.Actor, id, reason string) (View, error) {
	if reason == "" {
		return View{}, token.InvalidError{Field: "reason", Err: errors.New("missing reason: say why the request is rejected")}
	}
	return k.decide(ctx, actor, id, reason, StateRejected)
}

func (k *Keeper) decide(ctx context.Context, actor storage.Actor, id, reason string, to handler.ApprovalState) (View, error) {
	if err := token.CheckReason(reason); err != nil {
		return View{}, token.InvalidError{Field: "reason", Err: err}
	}
	for range attempts {
		known, err := k.find(ctx, id)
		if err != nil {
			return View{}, err
		}
		if state := known.stateAt(k.now()); state != StatePending {
			return View{}, StateError{fmt.Sprintf("the request %s is %s: only a pending one can be approved or rejected", id, state)}
		}
		action, until := ActionReject, keptRejected
		if to == StateApproved {
			action, until = ActionApprove, usable
			if err := k.mayApprove(ctx, actor, known); err != nil {
				return View{}, err
			}
		}
		decided, err := k.change(ctx, known, action, actor, reason, func(d *document) {
			d.State, d.Reason, d.DecidedBy, d.DecidedAt, d.ExpiresAt = to, reason, &actor, k.timestamp(), k.timestamp().Add(until)
		})
		if !errors.Is(err, storage.ErrConflict) {
			return decided.view(k.now()), err
		}
	}
	return View{}, errConflicts
}

// mayApprove returns an error if the request could not pass, or if whoever approves it
// has asked for it.
func (k *Keeper) mayApprove(ctx context.Context, actor storage.Actor, s stored) error {
	if isPerson(actor, s.Owner) {
		return StateError{fmt.Sprintf("the token belongs to %s, who cannot approve its requests: ask somebody else", s.Owner)}
	}
	record, err := k.Store.Get(ctx, s.TokenID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return StateError{"the token of the request no longer exists"}
	case err != nil:
		return err
	case record.State(k.now()) != token.StateActive:
		return StateError{fmt.Sprintf("the token of the request is %s", strings.ReplaceAll(string(record.State(k.now())), "_", " "))}
	case stampOf(record) != s.Stamp:
		return StateError{"the token was changed after the request was made: the request must be made again"}
	}
	return nil
}

// isPerson reports whether an actor is the owner of a token, as far as that is known: by
// the name, the local user or the common name of the certificate.
func isPerson(actor storage.Actor, owner string) bool {
	name := token.Fold(actor.Name)
	if name == "" {
		return false
	}
	owner = token.Fold(owner)
	local, _, _ := strings.Cut(owner, "@")
	if user, ok := strings.CutPrefix(name, token.Fold("local user ")); ok {
		return user == owner || user == local
	}
	for part := range strings.SplitSeq(name, ",") {
		if part == owner || strings.TrimPrefix(part, token.Fold("CN=")) == owner {
			return true
		}
	}
	return false
}

// find returns the held request with this ID, or an error that says what became of it.
func (k *Keeper) find(ctx context.Context, id string) (stored, error) {
	name, ok := slotOfID(id)
	if !ok {
		return stored{}, fmt.Errorf("%w: expected the ID of a held request, as in the header X-Jira-Token-Approval", token.ErrNotFound)
	}
	known, err := k.read(ctx, name)
	switch {
	case err != nil:
		return stored{}, err
	case !known.exists() || known.ID == "":
		return stored{}, fmt.Errorf("there is no held request %s; it may have been deleted: %w", id, token.ErrNotFound)
	case known.ID != id:
		return stored{}, fmt.Errorf("the held request %s has ended; the same request was sent again and is now %s: %w", id, known.ID, token.ErrNotFound)
	}
	return known, nil
}
