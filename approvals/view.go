package approvals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// View is the JSON for a held request.
type View struct {
	ID        string                `json:"id"`
	State     handler.ApprovalState `json:"state"`
	TokenID   string                `json:"token_id"`
	TokenName string                `json:"token_name"`
	Owner     string                `json:"owner"`
	Request   Request               `json:"request"`

	RequestedAt time.Time `json:"requested_at"`
	// ExpiresAt is until when it can be decided or, if it is approved, sent.
	ExpiresAt time.Time      `json:"expires_at"`
	DecidedAt *time.Time     `json:"decided_at,omitempty"`
	DecidedBy *storage.Actor `json:"decided_by,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	UsedAt    *time.Time     `json:"used_at,omitempty"`
	// BodyKept says whether Show returns the body.
	BodyKept bool `json:"body_kept"`
}

func (s stored) view(now time.Time) View {
	return View{
		ID: s.ID, State: s.stateAt(now), TokenID: s.TokenID, TokenName: s.TokenName, Owner: s.Owner, Request: s.Request,
		RequestedAt: s.RequestedAt, ExpiresAt: s.ExpiresAt, DecidedAt: timeOrNil(s.DecidedAt), DecidedBy: s.DecidedBy, Reason: s.Reason,
		UsedAt: timeOrNil(s.UsedAt), BodyKept: s.Body != nil,
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Show returns a held request and its body, as far as it is kept.
func (k *Keeper) Show(ctx context.Context, id string) (View, []byte, error) {
	known, err := k.find(ctx, id)
	if err != nil {
		return View{}, nil, err
	}
	body, err := k.open(&known.document)
	if err != nil {
		return View{}, nil, fmt.Errorf("the body of the held request %s cannot be read: %w", id, err)
	}
	return known.view(k.now()), body, nil
}

// Query selects held requests for a list.
type Query struct {
	// TokenID and Owner limit the list to those of a token or an owner, State to those
	// in a state.
	TokenID, Owner string
	State          handler.ApprovalState
	// Limit is the maximum length of the list, at most 1000. 0 is 1000.
	Limit int
}

// maxListed is the maximum length of a list.
const maxListed = 1000

// List returns held requests in the order of their tokens. more reports whether there are
// others.
func (k *Keeper) List(ctx context.Context, query Query) (views []View, more bool, err error) {
	now, most := k.now(), maxListed
	if query.Limit > 0 {
		most = min(most, query.Limit)
	}
	budget, err := k.budgetOf(ctx, query.TokenID)
	if err != nil {
		return nil, false, err
	}
	err = k.each(ctx, budget, func(found storage.Document) bool {
		s := decode(found)
		if s.ID == "" || query.TokenID != "" && s.TokenID != query.TokenID || query.State != "" && s.stateAt(now) != query.State || query.Owner != "" && token.Fold(s.Owner) != token.Fold(query.Owner) {
			return true
		}
		if more = len(views) == most; !more {
			views = append(views, s.view(now))
		}
		return !more
	})
	return views, more, err
}

// budgetOf returns the name of a token's budget, or "" for no token.
func (k *Keeper) budgetOf(ctx context.Context, tokenID string) (string, error) {
	if tokenID == "" {
		return "", nil
	}
	record, err := k.Store.Get(ctx, tokenID)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrDamaged):
		return tokenID, nil
	case err != nil:
		return "", fmt.Errorf("reading the token %s: %w", tokenID, err)
	}
	return record.BudgetID(), nil
}
