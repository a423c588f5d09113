package jira

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Identity is who an account is, and at which Jira.
type Identity struct {
	// User is what to call the account's user.
	User string
	// ids are the account ID, email address, name and key of the user.
	ids     []string
	Version string
	// Deployment is what Jira calls itself: Cloud, Server or Data Center.
	Deployment string
}

// Is reports whether name is the account ID, the email address, the user name or the key
// of the user, ignoring case. The display name does not count: it can be anything.
func (i Identity) Is(name string) bool {
	return name != "" && slices.ContainsFunc(i.ids, func(id string) bool { return strings.EqualFold(id, name) })
}

// Identify asks the Jira at site who the account is. It returns a RefusedError if
// Jira does not accept the account.
func Identify(ctx context.Context, transport http.RoundTripper, site string, account *Account) (Identity, error) {
	identity, err := myself(ctx, transport, site, account)
	if err != nil {
		return Identity{}, err
	}
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
	identity, err := myself(ctx, transport, site, account)
	return identity.User, err
}

func myself(ctx context.Context, transport http.RoundTripper, site string, account *Account) (Identity, error) {
	var user struct {
		DisplayName  string `json:"displayName"`
		Name         string `json:"name"`
		Key          string `json:"key"`
		EmailAddress string `json:"emailAddress"`
		AccountID    string `json:"accountId"`
	}
	// Jira never answers this anonymously.
	if err := (Asker{transport, site, account}).get(ctx, "/rest/api/2/myself", &user); err != nil {
		return Identity{}, err
	}
	called := cmp.Or(user.EmailAddress, user.Name, user.DisplayName, user.AccountID)
	if called == "" {
		return Identity{}, errors.New("the response does not name a user: is this Jira?")
	}
	return Identity{User: called, ids: []string{user.AccountID, user.EmailAddress, user.Name, user.Key}}, nil
}
