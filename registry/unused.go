package registry

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// DisableUnused disables a token that nobody uses, for this reason, if it works or will
// work.
func (r *Registry) DisableUnused(ctx context.Context, id, reason string) error {
	_, err := r.change(ctx, storage.Actor{Kind: storage.ActorSystem}, ActionDisable, id, 0, func(record *token.Record) error {
		if state := record.State(r.now()); state != token.StateActive && state != token.StateNotYetValid {
			return errUnchanged
		}
		record.Status, record.StatusReason = token.StatusDisabled, reason
		record.Handover = record.Handover.EndedAt(r.timestamp()) // even if it is enabled again
		return nil
	})
	return err
}
