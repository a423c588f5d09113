package jira

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Identity is who an account is, and at which Jira.
type Identity struct {
	User    string
	Version string
	// Deployment is what Jira calls itself: Cloud, Server or Data Center.
	Deployment string
}

// identifyTimeout bounds the wait for Jira.
const identifyTimeout = 20 * time.Second

// Identify asks the Jira at site who the account is. It returns a RefusedError if
// Jira does not accept the account.
func Identify(ctx context.Context, transport http.RoundTripper, site string, account *Account) (Identity, error) {
	user, err := Myself(ctx, transport, site, account)
	if err != nil {
		return Identity{}, err
	}
	identity := Identity{User: user}
	base, err := account.BaseURL(ctx, transport, site)
	if err != nil {
		return identity, err
	}
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	var server struct {
		Version        string `json:"version"`
		DeploymentType string `json:"deploymentType"`
	}
	if ask(ctx, transport, base, "/rest/api/2/serverInfo", account, &server) == nil {
		identity.Version, identity.Deployment = server.Version, server.DeploymentType
	}
	return identity, nil
}

// Myself asks the Jira at site for the account's user. It returns a RefusedError
// if Jira does not accept the account.
func Myself(ctx context.Context, transport http.RoundTripper, site string, account *Account) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	base, err := account.BaseURL(ctx, transport, site)
	if err != nil {
		return "", err
	}
	var user struct {
		DisplayName  string `json:"displayName"`
		Name         string `json:"name"`
		EmailAddress string `json:"emailAddress"`
		AccountID    string `json:"accountId"`
	}
	// Jira never answers this anonymously.
	if err := ask(ctx, transport, base, "/rest/api/2/myself", account, &user); err != nil {
		return "", err
	}
	for _, name := range []string{user.EmailAddress, user.Name, user.DisplayName, user.AccountID} {
		if name != "" {
			return name, nil
		}
	}
	return "", errors.New("the response does not name a user: is this Jira?")
}

// nowhere is the Home of questions that must not be redirected.
func nowhere(*url.URL) (path string, isHome, reachable bool) { return "", false, false }

// ask gets JSON from Jira as the account, from a path relative to base.
func ask(ctx context.Context, transport http.RoundTripper, base, path string, account *Account, answer any) error {
	authorization, err := account.Authorization(ctx)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("Jira cannot be reached: %w", err)
	}
	defer response.Body.Close()
	if err := Refusal(response); err != nil {
		return err
	}
	if err := CheckAnswer(response, Question{Path: path, URL: request.URL, Home: nowhere}); err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden:
		// A firewall in front of Jira answers with a page of its own.
		return RefusedError{Why: "Jira forbids the account (HTTP 403): may it use the API?", Page: IsPage(response, path)}
	default:
		return fmt.Errorf("Jira returned HTTP %d: is the URL right?", response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(answer); err != nil {
		return errors.New("the response is not Jira's: is the URL right?")
	}
	return nil
}
