package registry

import (
	"context"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Verdict is what somebody decided about a pending token.
type Verdict struct {
	// Reason is why. A rejection needs one.
	Reason string `json:"reason"`
	// Version is the version of the token that was looked at. If the token has
	// changed since, the verdict fails. 0: the current version.
	Version uint64 `json:"version"`
}

// Approve makes a pending token work.
func (r *Registry) Approve(ctx context.Context, actor storage.Actor, id string, verdict Verdict) (*token.Record, error) {
	return r.decide(ctx, actor, ActionApprove, id, token.StatusActive, verdict)
}

// Reject ends a pending token permanently.
func (r *Registry) Reject(ctx context.Context, actor storage.Actor, id string, verdict Verdict) (*token.Record, error) {
	if verdict.Reason == "" {
		return nil, invalid("reason", errors.New("missing reason: say why the token is rejected"))
	}
	return r.decide(ctx, actor, ActionReject, id, token.StatusRevoked, verdict)
}

func (r *Registry) decide(ctx context.Context, actor storage.Actor, action, id string, status token.Status, verdict Verdict) (*token.Record, error) {
	if err := token.CheckReason(verdict.Reason); err != nil {
		return nil, invalid("reason", err)
	}
	version := verdict.Version
	if version == 0 {
		// If the token is changed at the same time, the verdict must not be about
		// what it becomes.
		current, err := r.Show(ctx, id)
		if err != nil {
			return nil, asState(err)
		}
		version = current.Version
	}
	return r.change(ctx, actor, action, id, version, func(record *token.Record) error {
		if record.Status != token.StatusPending {
			return StateError{id, record.State(r.now()), "only a pending token can be approved or rejected"}
		}
		record.Status, record.StatusReason = status, verdict.Reason
		return nil
	})
}
