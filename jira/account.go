package jira

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Account is a credential that Jira takes from the gateway, and how Jira takes
// it at the moment.
type Account struct {
	name       string
	credential Credential
	cloud      *Cloud
	interval   time.Duration
	changed    func(a *Account, site string, refused error)
	healths    sync.Map // *health by the URL of the Jira
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
	// Changed, if set, is told when the Jira at site refuses the account, with
	// the refusal, and when it accepts the account again, with nil.
	Changed func(a *Account, site string, refused error)
}

// NewAccount returns the account with this name in the configuration.
func NewAccount(name string, credential Credential, options AccountOptions) *Account {
	return &Account{
		name: name, credential: credential, cloud: options.Cloud,
		interval: options.ProbeInterval, changed: options.Changed,
	}
}

// at returns the account's health at the Jira at site.
func (a *Account) at(site string) *health {
	if known, ok := a.healths.Load(site); ok {
		return known.(*health)
	}
	h := &health{interval: a.interval, changed: func(refused error) {
		if a.changed != nil {
			a.changed(a, site, refused)
		}
	}}
	known, _ := a.healths.LoadOrStore(site, h)
	return known.(*health)
}

// Usable returns nil when the account does not rest at site. When it does, probe
// is true for the one caller in an interval that is to ask Jira and report.
func (a *Account) Usable(site string, now time.Time) (probe bool, refused error) {
	return a.at(site).usable(now)
}

// Confirm runs ask in the background, unless it is running already for this
// site. It finds out whether Jira refuses the account as such: one answer alone
// does not say so, and must not stop everybody else.
// Other requests go on meanwhile, but wait if it was a failed log-in.
func (a *Account) Confirm(site string, refused RefusedError, ask func()) {
	attempts := maxAttempts
	if refused.FailedLogin {
		attempts = 0
	}
	a.at(site).confirm(attempts, ask)
}

// Attempt waits for a turn to send a request to site. It waits only while a
// confirmation is pending and its attempts are used up; it returns an error if
// ctx ends first. The caller must call answered once, with whether Jira refused
// the account.
func (a *Account) Attempt(ctx context.Context, site string) (answered func(refused bool), err error) {
	return a.at(site).attempt(ctx)
}

// Refused makes the account rest at site.
func (a *Account) Refused(site string, refused error, now time.Time) { a.at(site).set(refused, now) }

// Accepted ends the account's rest at site.
func (a *Account) Accepted(site string) { a.at(site).set(nil, time.Time{}) }

// Refusal returns why the account rests at one of its sites; nil when it rests
// at none.
func (a *Account) Refusal() (refused error) {
	a.healths.Range(func(site, h any) bool {
		if refused = h.(*health).refusal(); refused != nil {
			refused = fmt.Errorf("%s: %w", site, refused)
		}
		return refused == nil
	})
	return refused
}

// RefusalAt returns why the account rests at site; nil when it does not.
func (a *Account) RefusalAt(site string) error { return a.at(site).refusal() }

// Interval returns how long the account rests between two probes.
func (a *Account) Interval() time.Duration { return a.interval }

// Name returns the account's name in the configuration.
func (a *Account) Name() string { return a.name }

// Authorization returns the value of the Authorization header: a secret.
func (a *Account) Authorization(ctx context.Context) (string, error) {
	return a.credential.Authorization(ctx)
}

// Forget drops what was fetched for the credential, after `myself` was refused:
// an access token can be ended before its time. It reports whether another is
// to be had now.
func (a *Account) Forget() bool {
	fetched, ok := a.credential.(interface{ Forget() bool })
	return ok && fetched.Forget()
}

// BaseURL returns what the account's requests to the Jira at site go to: site
// itself, or the address of its API by cloud id. It asks by transport.
func (a *Account) BaseURL(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	if a.cloud == nil {
		return site, nil
	}
	return a.cloud.baseURL(ctx, transport, site)
}

// ByCloudID reports whether the account calls the API by cloud id.
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
