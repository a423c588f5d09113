package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// owners lists the owners that have tokens.
func (c *call) owners() (int, any, error) {
	parameters, err := c.parameters("state", "group", "search", "limit")
	if err != nil {
		return 0, nil, err
	}
	query := registry.OwnerQuery{State: registry.OwnerState(parameters.Get("state")), Group: parameters.Get("group"), Search: parameters.Get("search")}
	if query.State != "" && !slices.Contains(registry.OwnerStates(), query.State) {
		return 0, nil, registry.InvalidError{Field: "state", Err: fmt.Errorf("invalid state %q of an owner: expected active, inactive or unknown", query.State)}
	}
	if query.Limit, err = limit(parameters.Get("limit")); err != nil {
		return 0, nil, err
	}
	c.noDeadline() // there can be a hundred thousand
	page, err := c.app.Registry().Owners(c.Context(), query)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, OwnerList{Owners: append([]Owner{}, page.Owners...), Total: page.Total, Damaged: page.Damaged}, nil
}

// owner returns the owner in the path. If that is a whole token, it drops the secret.
func (c *call) owner() string {
	owner, _ := token.CutSecrets(c.PathValue("owner"))
	return owner
}

// showOwner shows one owner.
func (c *call) showOwner() (int, any, error) {
	c.noDeadline()
	view, err := c.app.Registry().Owner(c.Context(), c.owner())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, view, nil
}

// revokeOwner revokes all tokens of an owner.
func (c *call) revokeOwner() (int, any, error) {
	c.noDeadline()
	result, err := c.tokens.RevokeOwner(c.Context(), c.actor(), c.owner())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, result, nil
}

// transferOwner gives the tokens of an owner to another.
func (c *call) transferOwner() (int, any, error) {
	var request struct {
		// To is the new owner.
		To string `json:"to"`
		// Check only says what would be changed.
		Check bool `json:"check"`
		// Digest is that of what Check has said: nothing is changed if it would now say
		// otherwise.
		Digest string `json:"digest"`
	}
	if err := c.decode(&request); err != nil {
		return 0, nil, err
	}
	if request.To == "" {
		return 0, nil, registry.InvalidError{Field: "to", Err: errors.New("missing: name the new owner")}
	}
	c.noDeadline()
	var result OwnerResult
	var err error
	if request.Check || request.Digest != "" {
		result, err = c.tokens.PreviewTransfer(c.Context(), c.owner(), request.To)
	}
	if err == nil && request.Digest != "" && result.Digest != request.Digest {
		err = caddy.APIError{HTTPStatus: http.StatusConflict, Err: fmt.Errorf("nothing was changed: other tokens would go to %s now than when you looked", request.To)}
	}
	if err == nil && !request.Check {
		result, err = c.tokens.Transfer(c.Context(), c.actor(), c.owner(), request.To)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, result, nil
}
