package jira

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"
)

// Account is a credential that Jira takes from the gateway, and how Jira takes
// it at the moment.
type Account struct {
	name       string
	credential Credential
	cloud      *Cloud
	health
}

// Credential gives the value of the Authorization header: a secret.
type Credential interface {
	Authorization(ctx context.Context) (string, error)
}

// AccountOptions are what an account is made of, beside its credential.
type AccountOptions struct {
	// Cloud, if set, is the site whose API the account calls by its cloud id,
	// as scoped tokens and service accounts must.
	Cloud *Cloud
	// ProbeInterval is how long the account rests after Jira refused it,
	// before Jira is asked again.
	ProbeInterval time.Duration
	// Changed, if set, is told when Jira refuses the account, with why, and
	// when it takes it again, with nil.
	Changed func(a *Account, refused error)
}

// NewAccount returns the account with this name in the configuration.
func NewAccount(name string, credential Credential, options AccountOptions) *Account {
	a := &Account{name: name, credential: credential, cloud: options.Cloud}
	a.health.interval = options.ProbeInterval
	a.health.changed = func(refused error) {
		if options.Changed != nil {
			options.Changed(a, refused)
		}
	}
	return a
}

// Name returns the account's name in the configuration.
func (a *Account) Name() string { return a.name }

// Authorization returns the value of the Authorization header: a secret.
func (a *Account) Authorization(ctx context.Context) (string, error) {
	return a.credential.Authorization(ctx)
}

// Forget drops what was fetched for the credential, after Jira refused it: an
// access token can be ended before its time.
func (a *Account) Forget() {
	if fetched, ok := a.credential.(interface{ Forget() }); ok {
		fetched.Forget()
	}
}

// BaseURL returns what the account's requests to the Jira at site go to: site
// itself, or the address of its API by cloud id. It asks by transport.
func (a *Account) BaseURL(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	if a.cloud == nil {
		return site, nil
	}
	return a.cloud.baseURL(ctx, transport, site)
}

// ByCloudID tells whether the account calls the API by cloud id.
func (a *Account) ByCloudID() bool { return a.cloud != nil }

// String returns the account's name, so that no log line or error can show
// more.
func (a *Account) String() string { return a.name }

// GoString keeps %#v from showing the secret.
func (a *Account) GoString() string { return a.name }

// header is a credential that never changes.
type header string

func (h header) Authorization(context.Context) (string, error) { return string(h), nil }

// Basic is the credential of a user and secret: an e-mail address and an API
// token for Jira Cloud, a user name and a password for Data Center.
func Basic(user, secret string) Credential {
	return header("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
}

// Bearer is the credential of a personal access token of Data Center, or of
// another bearer token.
func Bearer(secret string) Credential { return header("Bearer " + secret) }
