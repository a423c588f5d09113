package registry

import (
	"context"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Approve makes a pending token work.
func (r *Registry) Approve(ctx context.Context, actor storage.Actor, id, reason string) (*token.Record, error) {
	return r.decide(ctx, actor, ActionApprove, id, token.StatusActive, reason)
}

// Reject ends a pending token permanently. The reason is required.
func (r *Registry) Reject(ctx context.Context, actor storage.Actor, id, reason string) (*token.Record, error) {
	if reason == "" {
		return nil, invalid("reason", errors.New("missing reason: say why the token is rejected"))
	}
	return r.decide(ctx, actor, ActionReject, id, token.StatusRevoked, reason)
}

func (r *Registry) decide(ctx context.Context, actor storage.Actor, action, id string, status token.Status, reason string) (*token.Record, error) {
	if err := token.CheckReason(reason); err != nil {
		return nil, invalid("reason", err)
	}
	return r.change(ctx, actor, action, id, 0, func(record *token.Record) error {
		if record.Status != token.StatusPending {
			return StateError{id, record.State(r.now()), "only a pending token can be approved or rejected"}
		}
		record.Status, record.StatusReason = status, reason
		return nil
	})
}
