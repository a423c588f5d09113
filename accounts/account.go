// Package accounts holds the Jira credentials that requests are forwarded with:
// how they are configured, and whether Jira accepts them.
package accounts

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Account is a Jira credential: one of basic, bearer and oauth.
type Account struct {
	// User and secret: an e-mail address and an API token for Jira Cloud.
	Basic *Basic `json:"basic,omitempty"`

	// A personal access token of Jira Data Center, or another bearer token.
	// Takes placeholders such as `{env.JIRA_PAT}` or `{file./run/secrets/pat}`.
	Bearer string `json:"bearer,omitempty"`

	// The OAuth 2.0 client of a service account of Jira Cloud. Access tokens
	// are fetched when needed and replaced before they end. The API is called
	// by cloud id.
	OAuth *OAuth `json:"oauth,omitempty"`

	// Calls Jira Cloud's API by cloud id, at api.atlassian.com, as scoped
	// tokens and service accounts must.
	Cloud *Cloud `json:"cloud,omitempty"`

	// How long the account rests after Jira refused it, before Jira is asked
	// again. Default: `30s`
	ProbeInterval caddy.Duration `json:"probe_interval,omitempty"`

	// How many requests may be under way with the account at once, of all its
	// tokens together, on this Caddy. More get 429 `rate_limited`. `off`: any
	// number. Default: any number
	MaxConcurrent token.Concurrency `json:"max_concurrent,omitempty"`
}

// Basic is a user with a secret. Both take placeholders.
type Basic struct {
	// The user: for Jira Cloud the e-mail address of the account.
	User string `json:"user"`
	// The secret: for Jira Cloud an API token, otherwise the password.
	Secret string `json:"secret"`
}

// OAuth is an OAuth 2.0 client for the client credentials grant.
type OAuth struct {
	// The client's id. Takes placeholders.
	ClientID string `json:"client_id"`
	// The client's secret. Takes placeholders.
	ClientSecret string `json:"client_secret"`
	// Where access tokens are given out.
	// Default: `https://auth.atlassian.com/oauth/token`
	TokenURL string `json:"token_url,omitempty"`
}

// Cloud is a site of Jira Cloud. Its cloud id is asked of the site.
type Cloud struct {
	// The site, such as acme.atlassian.net. Default: the one that the gateway
	// is in front of.
	Site string `json:"site,omitempty"`
	// Where the API is called by cloud id. Default: `https://api.atlassian.com`
	APIURL string `json:"api_url,omitempty"`
}

// Provision returns the account that a configures. A placeholder that is unknown
// or empty is an error. changed is told when Jira refuses the account (with the
// refusal) and when it accepts the account again (with nil).
func (a *Account) Provision(name string, changed func(account *jira.Account, site string, refused error)) (*jira.Account, error) {
	if a == nil {
		return nil, errNoCredential
	}
	credential, err := a.credential()
	if err != nil {
		return nil, err
	}
	if a.ProbeInterval == 0 {
		a.ProbeInterval = caddy.Duration(30 * time.Second)
	}
	if a.ProbeInterval < 0 {
		return nil, fmt.Errorf("probe_interval %s: want more than 0", time.Duration(a.ProbeInterval))
	}
	cloud, err := a.cloudSite()
	if err != nil {
		return nil, err
	}
	return jira.NewAccount(name, credential, jira.AccountOptions{
		Cloud: cloud, ProbeInterval: time.Duration(a.ProbeInterval), Changed: changed,
	}), nil
}

var errNoCredential = errors.New("wants one of basic <user> <secret>, bearer <secret> and oauth <client_id> <client_secret>")

func (a *Account) credential() (jira.Credential, error) {
	given := 0
	for _, is := range []bool{a.Basic != nil, a.Bearer != "", a.OAuth != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, errNoCredential
	case a.Basic != nil:
		user, secret, err := resolvePair("user", a.Basic.User, "secret", a.Basic.Secret)
		return jira.Basic(user, secret), err
	case a.OAuth != nil:
		return a.OAuth.credential()
	}
	secret, err := resolve("bearer", a.Bearer)
	return jira.Bearer(secret), err
}

func (o *OAuth) credential() (jira.Credential, error) {
	id, secret, err := resolvePair("client_id", o.ClientID, "client_secret", o.ClientSecret)
	if err != nil {
		return nil, err
	}
	tokenURL := jira.DefaultTokenURL
	if o.TokenURL != "" {
		tokenURL = o.TokenURL
	}
	if err := checkURL("token_url", tokenURL); err != nil {
		return nil, err
	}
	return jira.OAuth(id, secret, tokenURL, http.DefaultTransport), nil
}

func (a *Account) cloudSite() (*jira.Cloud, error) {
	if a.Cloud == nil {
		if a.OAuth == nil {
			return nil, nil
		}
		a.Cloud = new(Cloud)
	}
	cloud := &jira.Cloud{Site: a.Cloud.Site, APIURL: strings.TrimSuffix(a.Cloud.APIURL, "/")}
	if cloud.Site != "" && !strings.Contains(cloud.Site, "://") {
		cloud.Site = "https://" + cloud.Site
	}
	if cloud.APIURL == "" {
		cloud.APIURL = jira.DefaultAPIURL
	}
	if cloud.Site != "" {
		if err := checkURL("cloud", cloud.Site); err != nil {
			return nil, err
		}
	}
	return cloud, checkURL("api_url", cloud.APIURL)
}

func checkURL(what, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return fmt.Errorf("%s %q: want a URL such as https://api.atlassian.com", what, s)
	}
	return nil
}

func resolvePair(whatA, a, whatB, b string) (string, string, error) {
	a, err := resolve(whatA, a)
	if err != nil {
		return "", "", err
	}
	b, err = resolve(whatB, b)
	return a, b, err
}

// resolve replaces the placeholders of a credential. One that is unknown or
// empty stops the load. A secret is in no error.
func resolve(what, value string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		// The error names the placeholder; in a secret with braces that would
		// be a part of it.
		if source, name, ok := onePlaceholder(value); ok {
			return "", fmt.Errorf("%s: the %s %s is not there, or empty", what, source, name)
		}
		return "", fmt.Errorf("%s: has a placeholder that is unknown or empty; a brace that begins none is written \\{", what)
	}
	if resolved == "" {
		return "", fmt.Errorf("%s: is empty", what)
	}
	for _, c := range []byte(resolved) {
		if c < ' ' || c == 0x7f {
			return "", fmt.Errorf("%s: has a line break or another control character", what)
		}
	}
	return resolved, nil
}

// onePlaceholder takes a value apart that is nothing but {env.NAME} or
// {file.PATH}: then its name is no part of a secret.
func onePlaceholder(value string) (source, name string, ok bool) {
	inner, found := strings.CutPrefix(value, "{")
	if !found {
		return "", "", false
	}
	if inner, found = strings.CutSuffix(inner, "}"); !found || strings.ContainsAny(inner, "{}") {
		return "", "", false
	}
	if name, ok = strings.CutPrefix(inner, "env."); ok {
		return "environment variable", name, true
	}
	name, ok = strings.CutPrefix(inner, "file.")
	return "file", name, ok
}
