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

// DefaultTokenURL is where Atlassian issues access tokens.
const DefaultTokenURL = "https://auth.atlassian.com/oauth/token"

// refreshEarly is how long before its expiry an access token is replaced: it must
// still be valid when the request that carries it arrives.
const refreshEarly = 2 * time.Minute

// defaultLifetime is assumed for access tokens that come without a lifetime.
const defaultLifetime = 5 * time.Minute

// oauthErrorCode matches anything that looks like an error code (RFC 6749,
// section 5.2).
var oauthErrorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// oauthTimeout bounds one fetch of an access token.
const oauthTimeout = 10 * time.Second

// OAuth returns the credential of a service account's OAuth 2.0 client (RFC 6749,
// section 4.4). Access tokens are fetched when needed, kept in memory, and
// replaced before they expire: one request fetches, while the others continue
// with the old token.
func OAuth(clientID, clientSecret, tokenURL string, transport http.RoundTripper) Credential {
	return &oauth{
		config: clientcredentials.Config{
			ClientID: clientID, ClientSecret: clientSecret, TokenURL: tokenURL,
			AuthStyle: oauth2.AuthStyleInParams,
		},
		client: &http.Client{
			Transport: transport, Timeout: oauthTimeout,
			// The client secret goes to this URL and nowhere else.
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
	// next is when the next token may be fetched, wait is the current delay after
	// a failure, and failed is why the last fetch failed.
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

// Forget drops the access token, unless it was fetched so recently that it cannot
// be the one that Jira refused. It reports whether it dropped the token.
func (o *oauth) Forget() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Now().Before(o.next) {
		return false
	}
	o.current.Store(nil)
	return true
}

// fetchInterval is the minimum time between two fetches. It doubles with every
// failure, up to longestWait.
const (
	fetchInterval = 5 * time.Second
	longestWait   = 2 * time.Minute
)

// fetch gets a token, or returns the error of the last fetch if that was too
// recent.
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

// fetchNow gets a token for all waiting and future requests, so the end of the
// first one's context does not cancel it.
func (o *oauth) fetchNow() (*oauth2.Token, error) {
	t, err := o.config.Token(context.WithValue(context.Background(), oauth2.HTTPClient, o.client))
	if err == nil {
		if t.Expiry.IsZero() {
			t.Expiry = time.Now().Add(defaultLifetime)
		}
		o.current.Store(t)
		return t, nil
	}
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return nil, fmt.Errorf("fetching an access token: %w", err)
	}
	// The rest of the response could repeat what was sent.
	code := answer.ErrorCode
	if !oauthErrorCode.MatchString(code) {
		code = ""
	}
	status := answer.Response.StatusCode
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return nil, RefusedError{Why: fmt.Sprintf("%s refuses the OAuth client (HTTP %d %s)", o.config.TokenURL, status, code)}
	}
	return nil, fmt.Errorf("fetching an access token: %s returned HTTP %d", o.config.TokenURL, status)
}
