package jira

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"
)

// DefaultTokenURL is where Atlassian gives out access tokens.
const DefaultTokenURL = "https://auth.atlassian.com/oauth/token"

// refreshEarly is how long before its end an access token is replaced: it must
// still be valid when a request that it was added to arrives.
const refreshEarly = 2 * time.Minute

// unsaidLifetime is for access tokens of which nobody says how long they live.
const unsaidLifetime = 5 * time.Minute

// oauthErrorCode is what error codes look like (RFC 6749, section 5.2).
var oauthErrorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// oauthTimeout bounds one fetch of an access token.
const oauthTimeout = 10 * time.Second

// OAuth is the credential of a service account's OAuth 2.0 client (RFC 6749,
// section 4.4). Access tokens are fetched when needed, kept in memory, and
// replaced before they end: by one request at a time, while the others go on
// with the old one.
func OAuth(clientID, clientSecret, tokenURL string, transport http.RoundTripper) Credential {
	return &oauth{
		config: clientcredentials.Config{
			ClientID: clientID, ClientSecret: clientSecret, TokenURL: tokenURL,
			AuthStyle: oauth2.AuthStyleInParams,
		},
		client: &http.Client{
			Transport: transport, Timeout: oauthTimeout,
			// The client's secret goes to this URL and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

type oauth struct {
	config clientcredentials.Config
	client *http.Client

	current atomic.Pointer[oauth2.Token]
	fetches singleflight.Group

	mu sync.Mutex
	// next is when the next token may be fetched, wait how long it is put off
	// after a failure, and failed why the last fetch did.
	next   time.Time
	wait   time.Duration
	failed error
}

func (o *oauth) Authorization(ctx context.Context) (string, error) {
	t := o.current.Load()
	if t != nil && time.Until(t.Expiry) > refreshEarly {
		return "Bearer " + t.AccessToken, nil
	}
	fetched := o.fetches.DoChan("", o.fetch)
	if t != nil && time.Until(t.Expiry) > 0 {
		return "Bearer " + t.AccessToken, nil
	}
	select {
	case result := <-fetched:
		if result.Err != nil {
			return "", result.Err
		}
		return "Bearer " + result.Val.(*oauth2.Token).AccessToken, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Forget drops the access token, unless it was fetched just now: then it is not
// the token that Jira does not accept. It reports whether it did.
func (o *oauth) Forget() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Now().Before(o.next) {
		return false
	}
	o.current.Store(nil)
	return true
}

// fetchInterval is the least time between two fetches; it doubles with every
// failure, up to longestWait.
const (
	fetchInterval = 5 * time.Second
	longestWait   = 2 * time.Minute
)

// fetch gets a token, unless the last fetch was too recent: then its error
// stands.
func (o *oauth) fetch() (any, error) {
	o.mu.Lock()
	tooEarly, failed := time.Now().Before(o.next), o.failed
	o.mu.Unlock()
	if t := o.current.Load(); tooEarly && failed == nil && t != nil {
		return t, nil
	}
	if tooEarly && failed != nil {
		return nil, failed
	}
	t, err := o.fetchNow()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = err
	if err == nil {
		o.wait = fetchInterval
	} else {
		o.wait = min(max(2*o.wait, fetchInterval), longestWait)
	}
	o.next = time.Now().Add(o.wait)
	return t, err
}

// fetchNow gets a token for all requests to come, not for the one that asked
// first: its end does not end the fetch.
func (o *oauth) fetchNow() (*oauth2.Token, error) {
	t, err := o.config.Token(context.WithValue(context.Background(), oauth2.HTTPClient, o.client))
	if err == nil {
		if t.Expiry.IsZero() {
			t.Expiry = time.Now().Add(unsaidLifetime)
		}
		o.current.Store(t)
		return t, nil
	}
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return nil, fmt.Errorf("fetching an access token: %w", err)
	}
	// The rest of the answer could repeat what was sent.
	code := answer.ErrorCode
	if !oauthErrorCode.MatchString(code) {
		code = ""
	}
	status := answer.Response.StatusCode
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return nil, RefusedError{Why: fmt.Sprintf("%s refuses the OAuth client (HTTP %d %s)", o.config.TokenURL, status, code)}
	}
	return nil, fmt.Errorf("fetching an access token: %s answers HTTP %d", o.config.TokenURL, status)
}
