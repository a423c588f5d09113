package jiratokens

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// unmarshalOAuth reads the option oauth.
func (a *App) unmarshalOAuth(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("oauth: expected Jira's base URL and a block, such as oauth https://acme.atlassian.net { … }")
	}
	jiraURL := d.Val()
	if err := checkOAuthURL(jiraURL); err != nil {
		return d.WrapErr(err)
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

// checkOAuthURL returns an error unless text can be Jira's base URL. It does not show what
// may be a secret.
func checkOAuthURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return errors.New("oauth: expected Jira's base URL, such as https://acme.atlassian.net")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("oauth: Jira's base URL with the host %q must have no user, query or fragment", u.Host)
	}
	return nil
}

// consentApps returns the apps with which owners consent, by the URL of their Jira.
func (a *App) consentApps() (map[string]*jira.ConsentApp, error) {
	apps := make(map[string]*jira.ConsentApp, len(a.OAuth))
	for url, config := range a.OAuth {
		if err := checkOAuthURL(url); err != nil {
			return nil, err
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

// jiraURLs lists the Jiras that gateways forward to.
func (a *App) jiraURLs() (urls []string) {
	for _, upstream := range a.jiras {
		if !slices.ContainsFunc(urls, func(url string) bool { return jira.SameURL(url, upstream.URL) }) {
			urls = append(urls, upstream.URL)
		}
	}
	return urls
}

// reachJira returns the Jira with this base URL, as a gateway reaches it.
func (a *App) reachJira(url string) (accounts.Jira, bool) {
	for _, upstream := range a.jiras {
		if jira.SameURL(upstream.URL, url) {
			return accounts.Jira{URL: upstream.URL, Transport: replacing{upstream.Transport}}, true
		}
	}
	return accounts.Jira{}, false
}

// jiraOf returns the Jira with this base URL, or, if that is empty, the only one. Its
// errors are for owners.
func (a *App) jiraOf(url string) (accounts.Jira, error) {
	urls := a.jiraURLs()
	if url == "" && len(urls) == 1 {
		url = urls[0]
	}
	if at, ok := a.reachJira(url); ok {
		return at, nil
	}
	if len(urls) == 0 {
		return accounts.Jira{}, accounts.Error{Text: "this gateway forwards to no Jira", Kind: token.ErrConflict}
	}
	return accounts.Jira{}, token.InvalidError{Field: "jira", Err: errors.New("expected the base URL of one of the gateway's Jiras: " + strings.Join(urls, " or "))}
}

// Interface guard
var _ http.RoundTripper = replacing{}
