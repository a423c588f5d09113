package admin

import (
	"errors"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/notice/post"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Receivers is the JSON for the receivers of notices.
type Receivers struct {
	Receivers []post.Status `json:"receivers"`
}

// TestedReceivers is the JSON for what came of a test notice.
type TestedReceivers struct {
	Receivers []post.Tested `json:"receivers"`
}

func (c *call) listReceivers() (int, any, error) {
	statuses, err := c.app.Notifications().Statuses(c.Context())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, Receivers{statuses}, nil
}

func (c *call) testReceivers() (int, any, error) {
	var request struct {
		// URL is the URL or the name of the only receiver to test; empty: all.
		URL string `json:"url"`
	}
	if err := c.decode(&request); err != nil {
		return 0, nil, err
	}
	tested, err := c.app.Notifications().Test(c.Context(), request.URL)
	if errors.Is(err, post.ErrNoReceiver) {
		return 0, nil, registry.InvalidError{Field: "url", Err: err}
	}
	if err != nil {
		return 0, nil, errors.Join(err, token.ErrUnavailable)
	}
	return http.StatusOK, TestedReceivers{tested}, nil
}
