package jiratokens

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/manager"
)

// unmarshalPublicURL reads the option public_url.
func (a *App) unmarshalPublicURL(d *caddyfile.Dispenser) error {
	if err := option.Args(d, "a URL such as https://jira.example.com", &a.PublicURL); err != nil {
		return err
	}
	if err := a.checkPublicURL(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// checkBaseURL returns an error unless text can be the base URL of a site. It shows only
// the host of text, since it may contain a secret.
func checkBaseURL(text, example string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf("expected a URL such as %s", example)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("the URL with the host %q must have no user, query or fragment", u.Host)
	}
	return nil
}

// checkPublicURL returns an error unless public_url is empty or can be the base of URLs
// that users open.
func (a *App) checkPublicURL() error {
	if a.PublicURL == "" {
		return nil
	}
	if err := checkBaseURL(a.PublicURL, "https://jira.example.com"); err != nil {
		return fmt.Errorf("public_url: %w", err)
	}
	return nil
}

// findTokenManager finds out where the token manager is, and warns if nobody can get to it.
func (a *App) findTokenManager() {
	for _, problem := range manager.Misplaced(a.ctx) {
		a.logger.Warn(problem)
	}
	address := manager.Address(a.ctx, a.PublicAddress())
	a.tokenManager.Store(&address)
}

// TokenManager returns the address of the token manager; empty if it is not known.
func (a *App) TokenManager() string {
	if address := a.tokenManager.Load(); address != nil {
		return *address
	}
	return ""
}

// PublicAddress returns the address under which users reach the gateway, without a slash
// at the end; empty if it is not configured.
func (a *App) PublicAddress() string { return strings.TrimSuffix(a.PublicURL, "/") }
