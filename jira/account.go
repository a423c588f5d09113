package jira

import "encoding/base64"

// Account is a credential that Jira takes from the gateway.
type Account struct {
	name          string
	authorization string
}

// BasicAccount is an account of user and secret: an e-mail address and an API
// token for Jira Cloud, a user name and a password for Data Center.
func BasicAccount(name, user, secret string) *Account {
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))
	return &Account{name: name, authorization: "Basic " + encoded}
}

// BearerAccount is an account with a personal access token of Data Center, or
// another bearer token.
func BearerAccount(name, secret string) *Account {
	return &Account{name: name, authorization: "Bearer " + secret}
}

// Name returns the account's name in the configuration.
func (a *Account) Name() string { return a.name }

// Authorization returns the value of the Authorization header: a secret.
func (a *Account) Authorization() string { return a.authorization }

// String returns the account's name, so that no log line or error can show
// more.
func (a *Account) String() string { return a.name }

// GoString keeps %#v from showing the secret.
func (a *Account) GoString() string { return a.name }
