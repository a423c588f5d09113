package jira

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// DefaultTokenURL is where Atlassian gives out access tokens.
const DefaultTokenURL = "https://auth.atlassian.com/oauth/token"

// refreshEarly is how long before its end an access token is replaced: it must
// still be valid when a request that it was added to arrives.
const refreshEarly = 2 * time.Minute

// OAuth is the credential of a service account's OAuth 2.0 client (RFC 6749,
// section 4.4). Access tokens are fetched when needed, kept in memory, and
// replaced before they end, by one request at a time.
func OAuth(clientID, clientSecret, tokenURL string, transport http.RoundTripper) Credential {
	config := clientcredentials.Config{
		ClientID: clientID, ClientSecret: clientSecret, TokenURL: tokenURL,
		AuthStyle: oauth2.AuthStyleInParams,
	}
	// Tokens are fetched for all requests to come, not for the one that asks
	// first: its context does not end the fetch.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient,
		&http.Client{Transport: transport, Timeout: 10 * time.Second})
	return &oauth{oauth2.ReuseTokenSourceWithExpiry(nil, config.TokenSource(ctx), refreshEarly), tokenURL}
}

type oauth struct {
	tokens   oauth2.TokenSource
	tokenURL string
}

func (o *oauth) Authorization(context.Context) (string, error) {
	t, err := o.tokens.Token()
	if err == nil {
		return "Bearer " + t.AccessToken, nil
	}
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response.StatusCode < http.StatusInternalServerError {
		// The answer's body could repeat what was sent.
		return "", RefusedError{fmt.Sprintf("%s refuses the OAuth client (HTTP %d %s)", o.tokenURL, answer.Response.StatusCode, answer.ErrorCode)}
	}
	return "", fmt.Errorf("no access token from %s", o.tokenURL)
}
