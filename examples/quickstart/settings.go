package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// settings are the settings from the environment.
type settings struct {
	// jira is the URL of the Jira that requests are forwarded to.
	jira string
	// standIn is set if that is the stand-in.
	standIn bool
	// user is the user of Basic authentication; empty for a bearer token.
	user string
	// secret is the password, API token or personal access token.
	secret string
	// encryptionKey encrypts the accounts that the store keeps.
	encryptionKey string
	// personPassword is with what alice signs in to the page, and personHash is its hash. They
	// are empty in front of a real Jira.
	personPassword, personHash string
	// redis is the URL of the store; empty for a file.
	redis string
}

// readSettings reads the environment. Its errors do not contain the secret.
func readSettings(getenv func(string) string) (*settings, error) {
	s := &settings{redis: getenv("REDIS")}
	if s.redis != "" && !plainURL(s.redis, "redis", "rediss", "unix") {
		return nil, errors.New("REDIS: expected a URL such as redis://127.0.0.1:6379/0, rediss://… or unix://…")
	}
	if getenv("JIRA") == "" {
		if getenv("ACCOUNT") != "" {
			return nil, errors.New("ACCOUNT needs JIRA: set both, for example JIRA=https://acme.atlassian.net ACCOUNT=basic:me@example.com")
		}
		s.standIn, s.user, s.secret = true, fakejira.DefaultEmail, fakejira.DefaultSecret
		return s, nil
	}
	var err error
	if s.jira, err = parseJira(getenv("JIRA")); err != nil {
		return nil, err
	}
	if s.user, err = parseAccount(getenv("ACCOUNT")); err != nil {
		return nil, err
	}
	if s.secret = getenv("JIRA_SECRET"); s.secret == "" {
		return nil, errors.New("JIRA_SECRET is not set: set it to the account's secret without displaying it: read -rs JIRA_SECRET && export JIRA_SECRET")
	}
	return s, nil
}

// plainURL reports whether text is a URL that is safe to put into a Caddyfile.
func plainURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && strings.Contains(text, "://") &&
		!strings.ContainsAny(text, " \t\r\n\"'`<>{}")
}

// parseJira validates the URL of a Jira, which goes into a Caddyfile.
func parseJira(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !plainURL(text, "http", "https") || u.Hostname() == "":
		return "", errors.New("JIRA: expected a URL such as https://acme.atlassian.net or https://jira.example.com/jira")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("JIRA: expected the URL of %s without user, query or fragment; credentials go into ACCOUNT and JIRA_SECRET", u.Host)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// parseAccount returns the user in ACCOUNT, which is empty for a bearer token.
func parseAccount(text string) (user string, err error) {
	const want = "expected basic:me@example.com or bearer, with the secret in JIRA_SECRET"
	scheme, user, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return "", errors.New("ACCOUNT is not set: " + want)
	case text == "bearer":
		return "", nil
	case scheme == "bearer":
		return "", errors.New("ACCOUNT: bearer takes no value: " + want)
	case scheme != "basic":
		return "", errors.New("ACCOUNT: " + want) // do not echo the value: it may be a secret
	case user == "":
		return "", errors.New("ACCOUNT: basic needs a user: " + want)
	case strings.Contains(user, ":"):
		return "", errors.New("ACCOUNT: a user must not contain a colon: " + want)
	}
	return user, nil
}

// standIn is the stand-in for Jira, which runs in this process, or nothing.
type standIn struct{ server *fakejira.Server }

// standInPeople are the people who have an account in the stand-in, so that they can connect
// it on the page.
var standInPeople = []fakejira.Account{{User: manager, Email: manager, Secret: "secret-of-demo"}, {User: alice, Secret: "secret-of-alice"}}

// startStandIn starts the stand-in for Jira unless there is a real Jira.
func (s *settings) startStandIn(out io.Writer) (standIn, error) {
	if !s.standIn {
		return standIn{}, nil
	}
	address, err := choosePort(out, "the stand-in for Jira", standInPort)
	if err != nil {
		return standIn{}, err
	}
	// Recent issues, as the lines that the page gives ask for those of the last 30 days.
	server := fakejira.New(fakejira.Options{Began: time.Now().AddDate(0, 0, -7), Accounts: append([]fakejira.Account{
		{User: s.user, Secret: s.secret},
	}, standInPeople...)})
	if s.jira, err = server.StartAt(address); err != nil {
		return standIn{}, fmt.Errorf("starting the stand-in for Jira: %w", err)
	}
	return standIn{server}, nil
}

func (s standIn) stop() {
	if s.server != nil {
		_ = s.server.Close() // the process is about to exit
	}
}
