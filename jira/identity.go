package jira

import (
	"context"
	"errors"
	"net/http"
)

// Identity is who an account is, and at which Jira.
type Identity struct {
	User    string
	Version string
	// Deployment is what Jira calls itself: Cloud, Server or Data Center.
	Deployment string
}

// Identify asks the Jira at site who the account is. It returns a RefusedError if
// Jira does not accept the account.
func Identify(ctx context.Context, transport http.RoundTripper, site string, account *Account) (Identity, error) {
	user, err := Myself(ctx, transport, site, account)
	if err != nil {
		return Identity{}, err
	}
	identity := Identity{User: user}
	var server struct {
		Version        string `json:"version"`
		DeploymentType string `json:"deploymentType"`
	}
	if (Asker{transport, site, account}).get(ctx, "/rest/api/2/serverInfo", &server) == nil {
		identity.Version, identity.Deployment = server.Version, server.DeploymentType
	}
	return identity, nil
}

// Myself asks the Jira at site for the account's user. It returns a RefusedError
// if Jira does not accept the account.
func Myself(ctx context.Context, transport http.RoundTripper, site string, account *Account) (string, error) {
	var user struct {
		DisplayName  string `json:"displayName"`
		Name         string `json:"name"`
		EmailAddress string `json:"emailAddress"`
		AccountID    string `json:"accountId"`
	}
	// Jira never answers this anonymously.
	if err := (Asker{transport, site, account}).get(ctx, "/rest/api/2/myself", &user); err != nil {
		return "", err
	}
	for _, name := range []string{user.EmailAddress, user.Name, user.DisplayName, user.AccountID} {
		if name != "" {
			return name, nil
		}
	}
	return "", errors.New("the response does not name a user: is this Jira?")
}
