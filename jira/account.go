package jira

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Account is a credential that the gateway uses for Jira, and whether Jira
// currently accepts it.
type Account struct {
	name       string
	credential Credential
	cloud      *Cloud
	site       string
	key        string
	interval   time.Duration
	changed    func(a *Account, site string, refused error)
	healths    sync.Map // *health by the Jira's URL
}

// Credential returns the value of the Authorization header, which is secret.
type Credential interface {
	Authorization(ctx context.Context) (string, error)
}

// AccountOptions configures an account, apart from its credential.
type AccountOptions struct {
	// Cloud, if set, is the site whose API the account calls by cloud ID, as
	// scoped tokens and service accounts must.
	Cloud *Cloud
	// Site, if set, is the base URL of the only Jira that the account may be used
	// with.
	Site string
	// ProbeInterval is how long the account is paused after Jira refuses it,
	// before Jira is asked again.
	ProbeInterval time.Duration
	// Changed, if set, is called with the error when the Jira at site refuses
	// the account, and with nil when it accepts the account again.
	Changed func(a *Account, site string, refused error)
}

// NewAccount returns an account.
func NewAccount(name string, credential Credential, options AccountOptions) *Account {
	return &Account{
		name: name, credential: credential, cloud: options.Cloud, site: options.Site, key: rand.Text(),
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

// Usable returns nil unless the account is paused at site. While it is, probe is
// true once per interval, for the caller that should ask Jira and report back.
func (a *Account) Usable(site string, now time.Time) (probe bool, refused error) {
	return a.at(site).usable(now)
}

// Confirm runs ask in the background, unless it is already running for this
// site. ask finds out whether Jira refuses the account as such: a single refused
// request does not prove that, and must not stop everybody else. Meanwhile other
// requests continue, but wait if the refusal was a failed login.
func (a *Account) Confirm(site string, refused RefusedError, ask func()) {
	attempts := maxAttempts
	if refused.FailedLogin {
		attempts = 0
	}
	a.at(site).confirm(attempts, ask)
}

// Attempt waits for its turn to send a request to site. It only waits while a
// confirmation is pending and its attempts are used up; it returns an error if
// ctx ends first. The caller must call answered exactly once, and say whether
// Jira refused the account.
func (a *Account) Attempt(ctx context.Context, site string) (answered func(refused bool), err error) {
	return a.at(site).attempt(ctx)
}

// Refused pauses the account at site.
func (a *Account) Refused(site string, refused error, now time.Time) { a.at(site).set(refused, now) }

// Accepted ends the account's pause at site.
func (a *Account) Accepted(site string) { a.at(site).set(nil, time.Time{}) }

// Answered records that the Jira at site has answered a request without refusing the
// account. It does not end a pause.
func (a *Account) Answered(site string) { a.at(site).answered() }

// Proven reports whether a Jira has accepted the account since it was configured or
// loaded.
func (a *Account) Proven() (proven bool) {
	a.healths.Range(func(_, h any) bool {
		proven = h.(*health).works.Load()
		return !proven
	})
	return proven
}

// Refusal returns why the account is paused at one of its sites, or nil if it is
// not paused at any.
func (a *Account) Refusal() (refused error) {
	a.healths.Range(func(site, h any) bool {
		if refused = h.(*health).refusal(); refused != nil {
			refused = fmt.Errorf("%s: %w", site, refused)
		}
		return refused == nil
	})
	return refused
}

// RefusedSince returns since when the account has been paused at one of its sites, or
// the zero time if it is not paused at any.
func (a *Account) RefusedSince() (since time.Time) {
	a.healths.Range(func(_, h any) bool {
		since = h.(*health).refusedSince()
		return since.IsZero()
	})
	return since
}

// RefusalAt returns why the account is paused at site, or nil if it is not.
func (a *Account) RefusalAt(site string) error { return a.at(site).refusal() }

// Interval returns the time between two probes of a paused account.
func (a *Account) Interval() time.Duration { return a.interval }

// Name returns the account's name.
func (a *Account) Name() string { return a.name }

// Authorization returns the value of the Authorization header, which is secret.
func (a *Account) Authorization(ctx context.Context) (string, error) {
	return a.credential.Authorization(ctx)
}

// Forget drops what was fetched for the credential, after Jira refused `myself`:
// an access token can be revoked early. It reports whether a new one can be
// fetched now.
func (a *Account) Forget() bool {
	fetched, ok := a.credential.(interface{ Forget() bool })
	return ok && fetched.Forget()
}

// Site returns the base URL of the only Jira that the account may be used with, or ""
// if any may be.
func (a *Account) Site() string { return a.site }

// ErrUnknownAccount reports that there is no account with a name.
var ErrUnknownAccount = errors.New("there is no account with this name, neither in the configuration nor in the store")

// ErrOtherJira reports that an account may not be used with a Jira.
var ErrOtherJira = errors.New("the account is for another Jira")

// IsFor reports whether the account may be used with the Jira at site.
func (a *Account) IsFor(site string) bool { return a.site == "" || SameURL(a.site, site) }

// SameURL reports whether two base URLs of a Jira differ only in spelling.
func SameURL(a, b string) bool {
	return a == b || strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/"))
}

// BaseURL returns the URL that the account's requests to the Jira at site go to:
// site itself, or its API by cloud ID, which BaseURL looks up using transport. It
// returns ErrOtherJira if the account may not be used there.
func (a *Account) BaseURL(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	if !a.IsFor(site) {
		return "", ErrOtherJira
	}
	if a.cloud == nil {
		return site, nil
	}
	return a.cloud.baseURL(ctx, transport, site)
}

// ByCloudID reports whether the account calls the API by cloud ID.
func (a *Account) ByCloudID() bool { return a.cloud != nil }

// String returns the account's name, so that logs and errors show nothing else.
func (a *Account) String() string { return a.name }

// GoString keeps %#v from showing the secret.
func (a *Account) GoString() string { return a.name }

// header is a fixed credential.
type header string

func (h header) Authorization(context.Context) (string, error) { return string(h), nil }

// Basic returns the credential of a user and secret: an email address and an API
// token for Jira Cloud, a username and a password for Data Center.
func Basic(user, secret string) Credential {
	return header("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
}

// Bearer returns the credential of a bearer token, such as a Data Center personal
// access token.
func Bearer(secret string) Credential { return header("Bearer " + secret) }
