package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// settings are what the environment asks for.
type settings struct {
	// jira is the URL of the Jira that requests are forwarded to.
	jira string
	// standIn says that it is not a real one.
	standIn bool
	// user of Basic authentication; empty for a bearer token.
	user string
	// secret is the password, API token or personal access token.
	secret string
	// redis is the URL of the store; empty for a file.
	redis string
}

// readSettings reads the environment. A mistake is told without the secret.
func readSettings(getenv func(string) string) (*settings, error) {
	s := &settings{redis: getenv("REDIS")}
	if s.redis != "" && !plainURL(s.redis, "redis", "rediss", "unix") {
		return nil, errors.New("REDIS: want a URL such as redis://127.0.0.1:6379/0, rediss://… or unix://…")
	}
	if getenv("JIRA") == "" {
		if getenv("ACCOUNT") != "" {
			return nil, errors.New("ACCOUNT without JIRA: want both, such as JIRA=https://acme.atlassian.net ACCOUNT=basic:me@example.com")
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
		return nil, errors.New("JIRA_SECRET is not set: put the account's secret there, without showing it: read -rs JIRA_SECRET && export JIRA_SECRET")
	}
	return s, nil
}

// plainURL tells whether text is a URL that can be put into a Caddyfile.
func plainURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && strings.Contains(text, "://") &&
		!strings.ContainsAny(text, " \t\r\n\"'`<>{}")
}

// parseJira checks the URL of a Jira, which goes into a Caddyfile.
func parseJira(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !plainURL(text, "http", "https") || u.Hostname() == "":
		return "", errors.New("JIRA: want a URL such as https://acme.atlassian.net or https://jira.example.com/jira")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("JIRA: want the URL of %s without user, query and fragment; the account is ACCOUNT's", u.Host)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// parseAccount returns the user of ACCOUNT; none for a bearer token.
func parseAccount(text string) (user string, err error) {
	const want = "want basic:me@example.com or bearer, and the secret in the environment's JIRA_SECRET"
	scheme, user, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return "", errors.New("ACCOUNT is not set: " + want)
	case text == "bearer":
		return "", nil
	case scheme == "bearer":
		return "", errors.New("ACCOUNT: bearer takes nothing more: " + want)
	case scheme != "basic":
		return "", errors.New("ACCOUNT: " + want) // not shown: it could be a secret
	case user == "":
		return "", errors.New("ACCOUNT: basic lacks its user: " + want)
	case strings.Contains(user, ":"):
		return "", errors.New("ACCOUNT: a user has no colon: " + want)
	}
	return user, nil
}

// standIn is a Jira that runs in this process, or nothing.
type standIn struct{ server *fakejira.Server }

// startStandIn starts the stand-in for Jira, if one is wanted.
func (s *settings) startStandIn(out io.Writer) (standIn, error) {
	if !s.standIn {
		return standIn{}, nil
	}
	address, err := choosePort(out, "the stand-in for Jira", standInPort)
	if err != nil {
		return standIn{}, err
	}
	server := fakejira.New(fakejira.Options{})
	if s.jira, err = server.StartAt(address); err != nil {
		return standIn{}, fmt.Errorf("starting the stand-in for Jira: %w", err)
	}
	return standIn{server}, nil
}

func (s standIn) stop() {
	if s.server != nil {
		_ = s.server.Close() // the process ends
	}
}
