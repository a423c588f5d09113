package admin

import (
	"encoding/json"
	"errors"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// refuseLeaked returns an error if the body contains a token anywhere. As a name,
// for example, it would end up in the store, in the audit trail and on screens.
func refuseLeaked(body []byte) error {
	var value any
	if json.Unmarshal(body, &value) == nil {
		// Encode it again, without escapes that could hide a token.
		if plain, err := json.Marshal(value); err == nil {
			body = plain
		}
	}
	if _, found := token.CutSecrets(string(body)); !found && !token.HeldBy(string(body)) {
		return nil
	}
	return registry.InvalidError{Field: "body", Err: errors.New("it contains an API token, so nothing was done: " +
		"consider this token leaked and revoke or rotate it; then send its id instead, or leave it out")}
}

// withoutTokens removes tokens from an error, which may quote the request: Caddy
// logs errors, and clients show them.
func withoutTokens(err caddy.APIError) error {
	text := err.Message
	if text == "" && err.Err != nil {
		text = err.Err.Error()
	}
	cut, found := token.CutSecrets(text)
	if !found {
		return err
	}
	cut += "; the request contains an API token: consider it leaked, and revoke or rotate it"
	return caddy.APIError{HTTPStatus: err.HTTPStatus, Err: errors.New(cut), Message: cut}
}
