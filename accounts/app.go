package accounts

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// OAuthApp is an OAuth 2.0 app with which owners of tokens consent, in a browser, that
// the gateway acts for them in one Jira: see docs/accounts.md, "Connect by OAuth".
type OAuthApp struct {
	// The app's client id. Supports placeholders.
	ClientID string `json:"client_id"`

	// The app's client secret. Supports placeholders such as `{env.JIRA_OAUTH_SECRET}`.
	ClientSecret string `json:"client_secret"`

	// What owners consent to. For Cloud, the scopes that the app has in Atlassian's
	// developer console; `read:jira-user` and `offline_access` are always added. Default:
	// `read:jira-work` and `write:jira-work`. For Data Center, one of `READ`, `WRITE` and
	// `ADMIN`. Default: `WRITE`
	Scopes []string `json:"scopes,omitempty"`

	// `cloud` or `data-center`. Default: `cloud` for hosts below atlassian.net, otherwise
	// `data-center`
	Product string `json:"product,omitempty"`

	// The base URL of Cloud's authorization server.
	// Default: `https://auth.atlassian.com`
	AuthURL string `json:"auth_url,omitempty"`

	// The URL under which Cloud's API is called by cloud id.
	// Default: `https://api.atlassian.com`
	APIURL string `json:"api_url,omitempty"`
}

// The values of OAuthApp.Product.
const (
	productCloud      = "cloud"
	productDataCenter = "data-center"
)

// UnmarshalCaddyfile sets up the app from the block of the option oauth, with d just
// after the URL. Syntax:
//
//	{
//		client_id     <id>
//		client_secret <secret>
//		scopes        <scopes...>
//		product       cloud|data-center
//		auth_url      <url>
//		api_url       <url>
//	}
func (o *OAuthApp) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return option.Block{
		option.Text("client_id", &o.ClientID),
		option.Text("client_secret", &o.ClientSecret),
		option.Texts("scopes", &o.Scopes),
		option.Choice("product", &o.Product, productCloud, productDataCenter),
		option.Text("auth_url", &o.AuthURL),
		option.Text("api_url", &o.APIURL),
	}.Read(d, "oauth")
}

// Provision returns the app for the Jira with this base URL. callback is where Jira
// sends users back to. Unknown or empty placeholders are errors.
func (o *OAuthApp) Provision(jiraURL, callback string) (*jira.ConsentApp, error) {
	if o == nil {
		return nil, errors.New("missing client_id and client_secret")
	}
	if err := checkURL("Jira", jiraURL); err != nil {
		return nil, err
	}
	id, secret, err := resolvePair("client_id", o.ClientID, "client_secret", o.ClientSecret)
	if err != nil {
		return nil, err
	}
	if o.Product == "" {
		o.Product = productOf(jiraURL)
	}
	if err := option.OneOf("product", o.Product, productCloud, productDataCenter); err != nil {
		return nil, err
	}
	app := &jira.ConsentApp{
		Cloud: o.Product == productCloud, ClientID: id, ClientSecret: secret,
		RedirectURL: callback, Transport: http.DefaultTransport,
	}
	if app.Scopes, err = o.scopes(app.Cloud); err != nil {
		return nil, err
	}
	if err := o.setURLs(app, jiraURL); err != nil {
		return nil, err
	}
	return app, nil
}

// productOf guesses the product from the URL of a Jira.
func productOf(jiraURL string) string {
	if u, err := url.Parse(jiraURL); err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), ".atlassian.net") {
		return productCloud
	}
	return productDataCenter
}

func (o *OAuthApp) setURLs(app *jira.ConsentApp, jiraURL string) error {
	if !app.Cloud {
		if o.AuthURL != "" || o.APIURL != "" {
			return errors.New("auth_url and api_url are for product cloud: Data Center has everything at its own URL")
		}
		app.SetEndpoints(jiraURL, "")
		return nil
	}
	if o.AuthURL == "" {
		o.AuthURL = jira.DefaultAuthURL
	}
	if o.APIURL == "" {
		o.APIURL = jira.DefaultAPIURL
	}
	if err := checkURL("auth_url", o.AuthURL); err != nil {
		return err
	}
	if err := checkURL("api_url", o.APIURL); err != nil {
		return err
	}
	app.APIURL = strings.TrimSuffix(o.APIURL, "/")
	app.SetEndpoints(jiraURL, o.AuthURL)
	return nil
}

// cloudRequired are the scopes without which the gateway cannot ask who consented, nor
// keep the consent.
var cloudRequired = []string{"read:jira-user", "offline_access"}

func (o *OAuthApp) scopes(cloud bool) ([]string, error) {
	scopes := slices.Clone(o.Scopes)
	for _, scope := range scopes {
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			return nil, fmt.Errorf("invalid scope %q: expected one such as read:jira-work", scope)
		}
	}
	if !cloud {
		if len(scopes) == 0 {
			scopes = []string{"WRITE"}
		}
		if len(scopes) != 1 || !slices.Contains([]string{"READ", "WRITE", "ADMIN"}, scopes[0]) {
			return nil, fmt.Errorf("invalid scopes %s: Data Center has READ, WRITE and ADMIN, each of which includes those before it: expected one of them", strings.Join(scopes, " "))
		}
		return scopes, nil
	}
	if len(scopes) == 0 {
		scopes = []string{"read:jira-work", "write:jira-work"}
	}
	for _, scope := range cloudRequired {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}
