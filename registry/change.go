package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// MaxOverlap is the longest that a rotated token can continue to work.
const MaxOverlap = 30 * 24 * time.Hour

// Update changes the fields that edit sets. It fails if edit names a version and
// the token now has another. After a conflict the new record is vetted again.
func (r *Registry) Update(ctx context.Context, actor storage.Actor, id string, edit token.Edit, vets ...Vet) (*token.Record, error) {
	return r.update(ctx, actor, id, edit, func(_, _ *token.Record) error { return nil }, vets...)
}

// update changes the fields that edit sets, if allowed has nothing against what becomes of
// the record.
func (r *Registry) update(ctx context.Context, actor storage.Actor, id string, edit token.Edit, allowed func(old, changed *token.Record) error, vets ...Vet) (*token.Record, error) {
	version, err := edit.Version()
	if err != nil {
		return nil, err
	}
	release := func() {}
	defer func() { release() }()
	return r.change(ctx, actor, ActionUpdate, id, version, func(record *token.Record) error {
		if err := r.checkChangeable(record); err != nil {
			return err
		}
		if record.Status == token.StatusRevoked {
			return StateError{id, token.StateRevoked, "a revoked token cannot be changed; create a new one"}
		}
		old := *record
		if err := edit.Apply(record, r.now()); err != nil {
			return err
		}
		// The account of other tokens may have been removed from the configuration.
		if edit.Has("account") {
			if err := r.checkAccount(record.Account); err != nil {
				return err
			}
		}
		if old.Account != record.Account {
			// Whoever has the link was to get a token for the other account.
			record.Handover = record.Handover.EndedAt(r.timestamp())
		}
		if err := r.checkChanged(ctx, &old, record); err != nil {
			return err
		}
		if err := allowed(&old, record); err != nil {
			return err
		}
		if err := vetted(ctx, record, vets); err != nil {
			return err
		}
		if r.counts(&old) || !r.counts(record) {
			return nil
		}
		release() // after a conflict
		release, err = r.reserve(ctx, record)
		return err
	})
}

// checkChanged returns an error if the policy does not allow what became of a token. It
// makes the token pending if somebody must approve that.
func (r *Registry) checkChanged(ctx context.Context, old, changed *token.Record) error {
	touched, err := touchesRules(old, changed)
	if err != nil || !touched {
		return err
	}
	if err := r.confirm(ctx, changed); err != nil {
		return err
	}
	if changed.Responsible != old.Responsible {
		if err := r.checkResponsible(ctx, changed); err != nil {
			return err
		}
	}
	if err := forbidden(r.owners.Person(changed.Owner).Rights.Violation(changed)); err != nil {
		return err
	}
	r.awaitApproval(changed)
	return nil
}

// Rotate gives a token a new secret under the same id. The old one still works
// for overlap. The new token is returned only here and stored nowhere. vets examine the
// record as it was.
func (r *Registry) Rotate(ctx context.Context, actor storage.Actor, id string, overlap time.Duration, vets ...Vet) (Issued, error) {
	return r.rotate(ctx, actor, id, overlap, r.rotatableFor(ctx, vets))
}

// rotatableFor returns a function that returns an error if a token cannot be rotated, or if
// one of vets does.
func (r *Registry) rotatableFor(ctx context.Context, vets []Vet) func(*token.Record) error {
	return func(record *token.Record) error {
		if err := r.rotatable(record); err != nil {
			return err
		}
		return vetted(ctx, record, vets)
	}
}

// OnlyVersion returns a Vet that refuses a record with another version.
func OnlyVersion(version uint64) Vet {
	return func(_ context.Context, record *token.Record) error {
		if record.Version != version {
			return fmt.Errorf("token %s has version %d, not %d: %w", record.ID, record.Version, version, storage.ErrConflict)
		}
		return nil
	}
}

// rotatable returns an error if nobody can rotate a token.
func (r *Registry) rotatable(record *token.Record) error {
	switch state := record.State(r.now()); state {
	case token.StateRevoked:
		return StateError{record.ID, state, "it cannot be rotated; create a new one"}
	case token.StateExpired:
		return StateError{record.ID, state, "give it a new expiry first"}
	}
	return nil
}

func checkOverlap(overlap time.Duration) error {
	if overlap < 0 || overlap > MaxOverlap {
		return invalid("overlap", fmt.Errorf("invalid overlap %s: expected at most %dd", overlap, MaxOverlap/(24*time.Hour)))
	}
	return nil
}

// rotate rotates a token that allowed has nothing against.
func (r *Registry) rotate(ctx context.Context, actor storage.Actor, id string, overlap time.Duration, allowed func(*token.Record) error) (Issued, error) {
	if err := checkOverlap(overlap); err != nil {
		return Issued{}, err
	}
	// Of two concurrent rotations, one must fail: if it were retried after the other, it
	// would invalidate a token that was shown a moment ago.
	current, err := r.Show(ctx, id)
	if err != nil {
		return Issued{}, asState(err)
	}
	var secret token.Token
	record, err := r.change(ctx, actor, ActionRotate, id, current.Version, func(record *token.Record) (err error) {
		if err := r.checkChangeable(record); err != nil {
			return err
		}
		if err := allowed(record); err != nil {
			return err
		}
		secret, err = r.renew(record, overlap)
		return err
	})
	if err != nil {
		return Issued{}, err
	}
	return Issued{Record: record, Token: secret}, nil
}

// renew gives a record a new secret. The old one still works for overlap. A hand-over
// link that nobody has opened ends.
func (r *Registry) renew(record *token.Record, overlap time.Duration) (token.Token, error) {
	secret, err := token.WithID(record.ID)
	if err != nil {
		return token.Token{}, err
	}
	record.PreviousDigest, record.PreviousUntil = record.Digest, r.timestamp()
	if overlap > 0 {
		record.PreviousUntil = r.now().UTC().Add(overlap + time.Second - 1).Truncate(time.Second)
	}
	// A later expiry is for the new token only.
	if !record.ExpiresAt.IsZero() && record.PreviousUntil.After(record.ExpiresAt) {
		record.PreviousUntil = record.ExpiresAt
	}
	record.Digest = secret.Digest()
	record.RotatedAt = r.timestamp()
	record.Handover = record.Handover.Superseded(r.timestamp())
	return secret, nil
}

// Disable stops a token from working until it is enabled again. Disabling a token that its
// owner or the gateway has disabled is recorded too, unless the owner does it: from then on,
// the owner cannot enable it.
func (r *Registry) Disable(ctx context.Context, actor storage.Actor, id string) (*token.Record, error) {
	return r.setStatus(ctx, actor, ActionDisable, id, token.StatusDisabled, nil)
}

// Enable makes a disabled token work again. If it was changed in the meantime and somebody
// must approve that, it becomes pending.
func (r *Registry) Enable(ctx context.Context, actor storage.Actor, id string) (*token.Record, error) {
	return r.setStatus(ctx, actor, ActionEnable, id, token.StatusActive, r.needsApproval)
}

// Revoke ends a token permanently. Its record is kept.
func (r *Registry) Revoke(ctx context.Context, actor storage.Actor, id string) (*token.Record, error) {
	return r.setStatus(ctx, actor, ActionRevoke, id, token.StatusRevoked, nil)
}

// setStatus gives a token another status. needsApproval reports whether a token that was
// changed while it was disabled must be approved once it is active.
func (r *Registry) setStatus(ctx context.Context, actor storage.Actor, action, id string, status token.Status, needsApproval func(*token.Record) bool, vets ...Vet) (*token.Record, error) {
	return r.change(ctx, actor, action, id, 0, func(record *token.Record) error {
		if err := vetted(ctx, record, vets); err != nil {
			return err
		}
		switch {
		case record.Status == status && status == token.StatusDisabled:
			return r.takeOver(ctx, actor, record)
		case record.Status == status:
			return errUnchanged
		case record.Status == token.StatusRevoked:
			return StateError{id, token.StateRevoked, "a revoked token cannot be used again; create a new one"}
		case record.Status == token.StatusPending && status != token.StatusRevoked:
			// Otherwise disabling and enabling a token would approve it.
			return StateError{id, token.StatePending, "approve or reject it"}
		}
		unapproved := record.Unapproved
		record.Status, record.StatusReason, record.Unapproved = status, "", false
		// The policy says nothing about an exempt token, but its exemption must be approved.
		if unapproved && status == token.StatusActive && (record.Exempt != "" || needsApproval(record)) {
			makePending(record)
		}
		if status != token.StatusActive {
			record.Handover = record.Handover.EndedAt(r.timestamp()) // even if it is enabled again
		}
		return nil
	})
}

// Delete deletes a token's record. The token stops working at once; the audit trail
// keeps its last state.
func (r *Registry) Delete(ctx context.Context, actor storage.Actor, id string) error {
	for range attempts {
		old, err := r.Show(ctx, id)
		var damaged storage.DamagedError
		switch {
		case errors.As(err, &damaged):
			err = r.commit(ctx, r.deletionOf(actor, damaged))
		case err != nil:
			return err
		case old.Exchanged():
			// Without its record, its JWT could be exchanged again.
			return r.checkChangeable(old)
		default:
			err = r.apply(ctx, actor, ActionDelete, old, nil)
		}
		if !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("token %s: %w", id, storage.ErrConflict)
}

// Deleted reports whether a token with this ID was deleted, as far as the audit trail goes
// back. It also does if the trail is too damaged to tell.
func (r *Registry) Deleted(ctx context.Context, id string) (bool, error) {
	last, err := r.lastChange(ctx, id)
	return last == ActionDelete || last == storage.ActionDamaged, err
}

// errUnchanged is returned by an edit that has nothing to change, and errRecordOnly by one
// after which there must be an event even so.
var (
	errUnchanged  = errors.New("unchanged")
	errRecordOnly = errors.New("unchanged, but to be recorded")
)

// attempts is the maximum number of attempts at a change, after conflicts.
const attempts = 10

// change applies edit to the current record. On a conflict it retries with the
// new record, so that no change is lost, unless the caller requires a version.
func (r *Registry) change(ctx context.Context, actor storage.Actor, action, id string, version uint64, edit func(*token.Record) error) (*token.Record, error) {
	for range attempts {
		old, err := r.Show(ctx, id)
		if err != nil {
			return nil, asState(err)
		}
		if version != 0 && version != old.Version {
			return nil, fmt.Errorf("token %s has version %d, not %d: %w", id, old.Version, version, storage.ErrConflict)
		}
		changed := *old
		switch err := edit(&changed); {
		case errors.Is(err, errUnchanged):
			return old, nil
		case errors.Is(err, errRecordOnly):
		case err != nil:
			return nil, err
		default:
			if same, err := sameJSON(old, &changed); err != nil || same {
				return old, err
			}
		}
		if changed.Version == token.MaxVersion {
			return nil, fmt.Errorf("token %s has been changed %d times, which is the maximum: delete it and create a new one: %w", id, uint64(token.MaxVersion), storage.ErrConflict)
		}
		changed.Version++
		changed.UpdatedAt = r.timestamp()
		if !changed.ExpiresAt.Equal(old.ExpiresAt) {
			changed.ExpirySetAt = changed.UpdatedAt
		}
		err = r.apply(ctx, actor, action, old, &changed)
		if err == nil {
			return &changed, nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("token %s: %w", id, storage.ErrConflict)
}
