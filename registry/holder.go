package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// RotateHeld gives a token a new secret for whoever holds the current one. The token must
// work; a secret that a rotation has replaced cannot rotate again, even during its
// overlap. Of two concurrent rotations one fails with ErrConflict.
func (r *Registry) RotateHeld(ctx context.Context, actor storage.Actor, held token.Token, overlap time.Duration) (Issued, error) {
	return r.rotate(ctx, actor, held.ID(), overlap, func(record *token.Record) error {
		if !record.Digest.Equal(held.Digest()) {
			return fmt.Errorf("token %s: %w", record.ID, token.ErrRotated)
		}
		if state := r.View(record).State; state != token.StateActive {
			return StateError{record.ID, state, "it cannot be rotated by its holder"}
		}
		return nil
	})
}

// EndHeld ends a token for whoever presents it, whatever its state: it is revoked, with
// the reason, which may be empty. If a rotation has replaced the presented secret, only
// that secret ends, and the token's new one keeps working.
func (r *Registry) EndHeld(ctx context.Context, actor storage.Actor, held token.Token, reason string) (*token.Record, error) {
	if err := token.CheckReason(reason); err != nil {
		return nil, invalid("reason", err)
	}
	for range attempts {
		record, err := r.endHeld(ctx, actor, held, reason)
		if !errors.Is(err, storage.ErrConflict) {
			return record, err
		}
	}
	return nil, fmt.Errorf("token %s: %w", held.ID(), storage.ErrConflict)
}

func (r *Registry) endHeld(ctx context.Context, actor storage.Actor, held token.Token, reason string) (*token.Record, error) {
	old, err := r.Show(ctx, held.ID())
	if err != nil {
		return nil, asState(err)
	}
	switch digest := held.Digest(); {
	case old.Digest.Equal(digest):
		return r.change(ctx, actor, ActionRevoke, old.ID, old.Version, func(record *token.Record) error {
			if record.Status == token.StatusRevoked {
				return errUnchanged
			}
			record.Status, record.StatusReason, record.Unapproved = token.StatusRevoked, reason, false
			return nil
		})
	case old.Matches(digest, r.now()):
		return r.change(ctx, actor, ActionEndOverlap, old.ID, old.Version, func(record *token.Record) error {
			record.PreviousUntil = r.timestamp()
			return nil
		})
	}
	return nil, fmt.Errorf("token %s: %w", old.ID, token.ErrRotated)
}
