package jiratokens

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Account is a Jira credential: either basic or bearer.
type Account struct {
	// User and secret: an e-mail address and an API token for Jira Cloud.
	Basic *BasicAccount `json:"basic,omitempty"`

	// A personal access token of Jira Data Center, or another bearer token.
	// Takes placeholders such as `{env.JIRA_PAT}` or `{file./run/secrets/pat}`.
	Bearer string `json:"bearer,omitempty"`
}

// BasicAccount is a user with a secret. Both take placeholders.
type BasicAccount struct {
	// The user: for Jira Cloud the e-mail address of the account.
	User string `json:"user"`
	// The secret: for Jira Cloud an API token, otherwise the password.
	Secret string `json:"secret"`
}

func (a *Account) provision(name string) (*jira.Account, error) {
	switch {
	case a == nil || a.Basic == nil && a.Bearer == "":
		return nil, errors.New("wants basic <user> <secret> or bearer <secret>")
	case a.Basic != nil && a.Bearer != "":
		return nil, errors.New("has both basic and bearer: want one")
	case a.Bearer != "":
		secret, err := resolve("bearer", a.Bearer)
		return jira.BearerAccount(name, secret), err
	}
	user, err := resolve("user", a.Basic.User)
	if err != nil {
		return nil, err
	}
	secret, err := resolve("secret", a.Basic.Secret)
	return jira.BasicAccount(name, user, secret), err
}

// resolve replaces the placeholders of a credential. One that is unknown or
// empty stops the load. A secret is in no error.
func resolve(what, value string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if resolved == "" {
		return "", fmt.Errorf("%s: is empty", what)
	}
	for _, c := range []byte(resolved) {
		if c < ' ' || c == 0x7f {
			return "", fmt.Errorf("%s: has a line break or another control character", what)
		}
	}
	return resolved, nil
}
