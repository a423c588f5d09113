package admin

import (
	"errors"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// connectAccount answers with a link with which an owner lets the gateway act for the
// owner in Jira.
func (c *call) connectAccount() (int, any, error) {
	var request struct {
		// Expires is how long the link works, such as 1h.
		Expires string `json:"expires"`
	}
	if err := c.decode(&request); err != nil {
		return 0, nil, err
	}
	ref, err := c.accountRef()
	if err != nil {
		return 0, nil, err
	}
	if ref.Owner == "" {
		return 0, nil, registry.InvalidError{Field: "owner", Err: errors.New("missing the owner who connects: only owners' own accounts can be connected")}
	}
	link, err := c.app.JiraAccounts().NewLink(c.Context(), c.actor(), ref, request.Expires, "")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, link, nil
}
