package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// HeldRequests finds held requests. approvals.Keeper implements it.
type HeldRequests interface {
	Show(ctx context.Context, id string) (approvals.View, []byte, error)
}

// held is what a token's holder may know about one of its held requests.
type held struct {
	ID     string                `json:"id"`
	State  handler.ApprovalState `json:"state"`
	Method string                `json:"method"`
	URI    string                `json:"uri"`
	Digest string                `json:"digest"`
	// Reason is what was said about the decision.
	Reason      string     `json:"reason,omitempty"`
	RequestedAt *time.Time `json:"requested_at"`
	DecidedAt   *time.Time `json:"decided_at"`
	// ExpiresAt is when the state ends.
	ExpiresAt *time.Time `json:"expires_at"`
}

func (a *API) showApproval() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: approvals.Path + "{id}", Needs: handler.NeedsToken,
		Does: "tells the token's holder what became of a request that waits for approval",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			view, _, err := a.Held.Show(r.Context(), call.Parameter)
			if errors.Is(err, token.ErrNotFound) || err == nil && view.TokenID != call.Record.ID {
				return &handler.EndpointError{Reason: handler.ReasonUnknownEndpoint, Message: "This API token has no held request with this ID."}
			}
			if err != nil {
				return err
			}
			shown := held{
				ID: view.ID, State: view.State, Method: view.Request.Method, URI: view.Request.URI, Digest: view.Request.Digest, Reason: view.Reason,
				RequestedAt: timestamp(view.RequestedAt), ExpiresAt: timestamp(view.ExpiresAt),
			}
			if view.DecidedAt != nil {
				shown.DecidedAt = timestamp(*view.DecidedAt)
			}
			return reply(w, http.StatusOK, shown)
		},
	}
}
