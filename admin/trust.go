package admin

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// TrustTest is the JSON for a JWT that is to be explained. It is not exchanged.
type TrustTest struct {
	JWT string `json:"jwt"`
}

// TrustExplanation says what a JWT can be exchanged for.
type TrustExplanation = trust.Explanation

// testTrust explains what a JWT can be exchanged for.
func (c *call) testTrust() (int, any, error) {
	var test TrustTest
	if err := c.decode(&test); err != nil {
		return 0, nil, err
	}
	if test.JWT == "" {
		return 0, nil, registry.InvalidError{Field: "jwt", Err: errors.New("missing: expected the JWT to explain; the command reads it from standard input or --jwt-file")}
	}
	trusted := c.app.Trusted()
	if trusted == nil {
		return http.StatusOK, TrustExplanation{Why: "no issuer is trusted: there is no `trust` block in jira_tokens"}, nil
	}
	explanation, err := trusted.Explain(c.Context(), test.JWT)
	if _, away := errors.AsType[*trust.UnavailableError](err); away {
		return 0, nil, caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	}
	return http.StatusOK, explanation, err
}
