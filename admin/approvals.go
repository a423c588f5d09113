package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// JSON about held requests.
type (
	// Approval is a held request.
	Approval = approvals.View
	// Comparison compares a held request with what Jira has now.
	Comparison = approvals.Comparison
)

// IsApprovalID reports whether text has the form of the ID of a held request, which no
// token's ID has.
func IsApprovalID(text string) bool { return approvals.ValidID(text) }

// ApprovalList is a list of held requests.
type ApprovalList struct {
	Approvals []Approval `json:"approvals"`
	// More is set if there are others.
	More bool `json:"more,omitempty"`
}

// ApprovalDetails is all that is known about a held request.
type ApprovalDetails struct {
	Approval
	// Body is the request's body, if it is kept: as JSON, if it is JSON, or else as a
	// string.
	Body json.RawMessage `json:"body,omitempty"`
	// Comparison is set while the request is pending.
	Comparison *Comparison `json:"comparison,omitempty"`
}

// listApprovals lists held requests.
func (c *call) listApprovals() (int, any, error) {
	parameters, err := c.parameters("state", "token", "owner")
	if err != nil {
		return 0, nil, err
	}
	query := approvals.Query{TokenID: parameters.Get("token"), Owner: parameters.Get("owner"), State: handler.ApprovalState(parameters.Get("state"))}
	if query.TokenID != "" && !token.ValidID(query.TokenID) {
		return 0, nil, registry.InvalidError{Field: "token", Err: errors.New("invalid token id: expected 10 characters of 0-9, A-Z, a-z")}
	}
	states := []handler.ApprovalState{"", approvals.StatePending, approvals.StateApproved, approvals.StateRejected, approvals.StateUsed, approvals.StateExpired}
	if !slices.Contains(states, query.State) {
		return 0, nil, registry.InvalidError{Field: "state", Err: fmt.Errorf("invalid state %q of a held request: expected pending, approved, rejected, used or expired", query.State)}
	}
	list, more, err := c.app.Held().List(c.Context(), query)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, ApprovalList{append([]Approval{}, list...), more}, nil
}

// showApproval shows a held request and, while it is pending, what it would change.
func (c *call) showApproval() (int, any, error) {
	view, body, err := c.app.Held().Show(c.Context(), c.id())
	if err != nil {
		return 0, nil, err
	}
	details := ApprovalDetails{Approval: view, Body: body}
	if body != nil && !json.Valid(body) {
		if details.Body, err = json.Marshal(string(body)); err != nil {
			return 0, nil, err
		}
	}
	if view.State == approvals.StatePending {
		compared := c.compare(withReplacer(c.Context()), view, body)
		details.Comparison = &compared
	}
	return http.StatusOK, details, nil
}

// compare asks Jira what it has now, as the token's account and within its confinement.
func (c *call) compare(ctx context.Context, view Approval, body []byte) Comparison {
	path, _, _ := strings.Cut(view.Request.URI, "?")
	record, err := c.app.Registry().Show(ctx, view.TokenID)
	if err != nil {
		return Comparison{Does: view.Request.Method + " " + path, Error: err.Error()}
	}
	gateway := c.gatewayOf(view.Request.Jira)
	if gateway == nil {
		return Comparison{Does: view.Request.Method + " " + path, Error: "no gateway of this configuration forwards to " + view.Request.Jira}
	}
	read := func(ctx context.Context, uri string) (int, []byte, error) {
		return gateway.Look(ctx, handler.Question{
			Record: record, Method: http.MethodGet, URI: uri, Jira: view.Request.Jira, Transport: c.transportTo(view.Request.Jira),
		})
	}
	return approvals.Compare(ctx, read, view.Request, strings.TrimPrefix(path, gateway.ContextPath), body)
}

// gatewayOf returns a gateway that forwards to a Jira; nil if there is none.
func (c *call) gatewayOf(url string) *handler.Handler {
	for gateway, place := range placesOf(caddy.ActiveContext()) {
		if jira.SameURL(place.jira, url) {
			return gateway
		}
	}
	return nil
}

// approveRequest lets a held request pass once.
func (c *call) approveRequest() (int, any, error) {
	if c.visitor != nil {
		view, _, err := c.app.Held().Show(c.Context(), c.id())
		if err == nil {
			err = c.visitor.Desk.MayDecide(c.Context(), view.TokenID)
		}
		if err != nil {
			return 0, nil, err
		}
	}
	return c.decideRequest((*approvals.Keeper).Approve)
}

// rejectRequest rejects a held request.
func (c *call) rejectRequest() (int, any, error) { return c.decideRequest((*approvals.Keeper).Reject) }

func (c *call) decideRequest(decide func(*approvals.Keeper, context.Context, registry.Actor, string, string) (Approval, error)) (int, any, error) {
	var verdict struct {
		// Reason is why; it is required to reject a request.
		Reason string `json:"reason"`
	}
	if err := c.decode(&verdict); err != nil {
		return 0, nil, err
	}
	view, err := decide(c.app.Held(), c.Context(), c.actor(), c.id(), verdict.Reason)
	if state, ok := errors.AsType[approvals.StateError](err); ok {
		return 0, nil, caddy.APIError{HTTPStatus: http.StatusConflict, Err: state}
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, view, nil
}
