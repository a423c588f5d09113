// Package accounts holds the Jira accounts that requests are forwarded with: those of the
// configuration, and those that the store keeps, encrypted. It also checks whether Jira
// accepts them.
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

// Account is a Jira account. It has exactly one credential: basic, bearer or oauth.
type Account struct {
	// The user and the secret. For Jira Cloud, they are an e-mail address and an API
	// token.
	Basic *Basic `json:"basic,omitempty"`

	// A personal access token for Jira Data Center, or another bearer token. Supports
	// placeholders such as `{env.JIRA_PAT}` or `{file./run/secrets/pat}`.
	Bearer string `json:"bearer,omitempty"`

	// The OAuth 2.0 client of a Jira Cloud service account. Access tokens are fetched
	// when needed and replaced before they expire. The API is called by cloud id, as
	// with `cloud`.
	OAuth *OAuth `json:"oauth,omitempty"`

	// Calls Jira Cloud's API by cloud id at api.atlassian.com, as scoped API tokens and
	// service accounts require.
	Cloud *Cloud `json:"cloud,omitempty"`

	// How long to wait after Jira has refused the account before asking Jira again.
	// Default: `30s`
	ProbeInterval caddy.Duration `json:"probe_interval,omitempty"`

	// The maximum number of requests in flight with this account, for all of its tokens
	// together, on this Caddy. Further requests get 429 `rate_limited`. `off` means no
	// limit. Default: no limit
	MaxConcurrent token.Concurrency `json:"max_concurrent,omitempty"`
}

// Basic is a user and a secret. Both support placeholders.
type Basic struct {
	// The user. For Jira Cloud, it is the account's e-mail address.
	User string `json:"user"`
	// The secret. For Jira Cloud, it is an API token; for Data Center, the password.
	Secret string `json:"secret"`
}

// OAuth is an OAuth 2.0 client for the client credentials grant.
type OAuth struct {
	// The client's id. Supports placeholders.
	ClientID string `json:"client_id"`
	// The client's secret. Supports placeholders.
	ClientSecret string `json:"client_secret"`
	// The URL that issues access tokens.
	// Default: `https://auth.atlassian.com/oauth/token`
	TokenURL string `json:"token_url,omitempty"`
}

// Cloud is a Jira Cloud site, which the gateway asks for its cloud id.
type Cloud struct {
	// The site, such as acme.atlassian.net. Default: the site that the gateway forwards
	// to.
	Site string `json:"site,omitempty"`
	// The URL under which the API is called by cloud id.
	// Default: `https://api.atlassian.com`
	APIURL string `json:"api_url,omitempty"`
}

// Provision returns the account that a configures. An unknown or empty placeholder is
// an error. changed is called with the refusal when Jira refuses the account, and with
// nil when Jira accepts it again.
func (a *Account) Provision(name string, changed func(account *jira.Account, site string, refused error)) (*jira.Account, error) {
	if a == nil {
		return nil, errNoCredential
	}
	credential, err := a.credential()
	if err != nil {
		return nil, err
	}
	if a.ProbeInterval == 0 {
		a.ProbeInterval = caddy.Duration(defaultProbeInterval)
	}
	if a.ProbeInterval < 0 {
		return nil, fmt.Errorf("invalid probe_interval %s: expected a duration above 0", time.Duration(a.ProbeInterval))
	}
	cloud, err := a.cloudSite()
	if err != nil {
		return nil, err
	}
	return jira.NewAccount(name, credential, jira.AccountOptions{
		Cloud: cloud, ProbeInterval: time.Duration(a.ProbeInterval), Changed: changed,
	}), nil
}

// defaultProbeInterval is how long to wait after Jira has refused an account before
// asking again.
const defaultProbeInterval = 30 * time.Second

var errNoCredential = errors.New("expected exactly one credential: basic <user> <secret>, bearer <secret> or oauth <client_id> <client_secret>")

func (a *Account) credential() (jira.Credential, error) {
	given := 0
	for _, isGiven := range []bool{a.Basic != nil, a.Bearer != "", a.OAuth != nil} {
		if isGiven {
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
		return fmt.Errorf("invalid %s %q: expected a URL such as https://api.atlassian.com", what, s)
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

// resolve replaces the placeholders in a part of a credential. It fails if one is
// unknown or empty. Its errors never contain the secret.
func resolve(what, value string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		// Do not return err: it names the placeholder, which may be part of a secret
		// that contains braces.
		if source, name, ok := onePlaceholder(value); ok {
			return "", fmt.Errorf("%s: the %s %s does not exist or is empty", what, source, name)
		}
		return "", fmt.Errorf("%s: unknown or empty placeholder; to write a literal brace, use \\{", what)
	}
	return resolved, checkPlain(what, resolved)
}

// checkPlain returns an error if a part of a credential is empty or cannot be sent in a
// header. It never contains the value.
func checkPlain(what, value string) error {
	if value == "" {
		return fmt.Errorf("%s must not be empty", what)
	}
	for _, c := range []byte(value) {
		if c < ' ' || c == 0x7f {
			return fmt.Errorf("%s must not contain a line break or another control character", what)
		}
	}
	return nil
}

// onePlaceholder parses a value that consists only of {env.NAME} or {file.PATH}. The
// name in such a value is not part of a secret.
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
