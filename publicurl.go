package jiratokens

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// unmarshalPublicURL reads the option public_url.
func (a *App) unmarshalPublicURL(d *caddyfile.Dispenser) error {
	if err := option.Args(d, "a URL such as https://jira.example.com", &a.PublicURL); err != nil {
		return err
	}
	if err := checkPublicURL(a.PublicURL); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// checkPublicURL returns an error if text is neither empty nor the base of a URL that
// users can open.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf("public_url: expected a URL such as https://jira.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("public_url of host %q: must have no user, query or fragment", u.Host)
	}
	return nil
}

// PublicAddress returns the address under which users reach the gateway, without a slash
// at the end; empty if it is not configured.
func (a *App) PublicAddress() string { return strings.TrimSuffix(a.PublicURL, "/") }
