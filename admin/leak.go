package admin

import (
	"encoding/json"
	"errors"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// refuseLeaked returns an error if a body holds a token, wherever it is: kept as
// a name, it would be in the store, in the audit trail and on many screens.
func refuseLeaked(body []byte) error {
	var value any
	if json.Unmarshal(body, &value) == nil {
		// Written again, without escapes that could hide a token.
		if plain, err := json.Marshal(value); err == nil {
			body = plain
		}
	}
	if _, found := token.CutSecrets(string(body)); !found && !token.HeldBy(string(body)) {
		return nil
	}
	return registry.InvalidError{Field: "body", Err: errors.New("it holds an API token; nothing was done: " +
		"consider this token leaked, revoke or rotate it, and send its id instead, or leave it out")}
}

// withoutTokens cuts the tokens out of an error, which may quote what was sent:
// Caddy logs it, and clients show it.
func withoutTokens(err caddy.APIError) error {
	text := err.Message
	if text == "" && err.Err != nil {
		text = err.Err.Error()
	}
	cut, found := token.CutSecrets(text)
	if !found {
		return err
	}
	cut += "; an API token was sent: consider it leaked, and revoke or rotate it"
	return caddy.APIError{HTTPStatus: err.HTTPStatus, Err: errors.New(cut), Message: cut}
}
