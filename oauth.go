package jiratokens

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

const exampleJira = "https://acme.atlassian.net"

// unmarshalOAuth reads the option oauth.
func (a *App) unmarshalOAuth(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("oauth: expected Jira's base URL and a block, such as oauth https://acme.atlassian.net { … }")
	}
	jiraURL := d.Val()
	if err := checkBaseURL(jiraURL, exampleJira); err != nil {
		return d.WrapErr(fmt.Errorf("oauth: Jira's base URL: %w", err))
	}
	for known := range a.OAuth {
		if jira.SameURL(known, jiraURL) {
			return d.Errf("there is more than one oauth %s", jiraURL)
		}
	}
	app := new(accounts.OAuthApp)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return err
	}
	if a.OAuth == nil {
		a.OAuth = make(map[string]*accounts.OAuthApp)
	}
	a.OAuth[jiraURL] = app
	return nil
}

// consentApps returns the apps with which owners consent, by the URL of their Jira.
func (a *App) consentApps() (map[string]*jira.ConsentApp, error) {
	apps := make(map[string]*jira.ConsentApp, len(a.OAuth))
	for url, config := range a.OAuth {
		if err := checkBaseURL(url, exampleJira); err != nil {
			return nil, fmt.Errorf("oauth: Jira's base URL: %w", err)
		}
		switch {
		case a.PublicURL == "":
			return nil, fmt.Errorf("oauth %s: it needs public_url, to which Jira sends users back: add `public_url https://…` to jira_tokens", url)
		case len(a.EncryptionKeys) == 0:
			return nil, fmt.Errorf("oauth %s: it needs an encryption_key for what owners consent to: add `encryption_key {env.JIRA_TOKENS_KEY}` to jira_tokens", url)
		}
		for other := range apps {
			if jira.SameURL(other, url) {
				return nil, fmt.Errorf("oauth %s: there is more than one for this Jira", url)
			}
		}
		app, err := config.Provision(url, strings.TrimSuffix(a.PublicURL, "/")+accounts.CallbackPath)
		if err != nil {
			return nil, fmt.Errorf("oauth %s: %w", url, err)
		}
		apps[url] = app
	}
	return apps, nil
}

// checkConsentJiras returns an error if there is an OAuth app for a Jira that no gateway
// forwards to.
func (a *App) checkConsentJiras() error {
	for url := range a.OAuth {
		if _, ok := a.reachJira(url); !ok && len(a.jiras) > 0 {
			return fmt.Errorf("oauth %s: no gateway of the configuration forwards to it: expected %s", url, strings.Join(a.jiraURLs(), " or "))
		}
	}
	return nil
}
