package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"golang.org/x/oauth2"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(new(Atlassian))
}

// Atlassian signs people in with their Atlassian account, as Jira Cloud does: by OAuth 2.0
// (3LO) with the scope read:me. Register an app at
// https://developer.atlassian.com/console/myapps/ with the User Identity API.
type Atlassian struct {
	// The client ID and secret of the app. Support placeholders. Required.
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`

	// What people's names are, as owners of tokens are named: `email`, which Atlassian
	// must have verified, or `account_id`. Default: `email`
	User string `json:"user,omitempty"`

	endpoint oauth2.Endpoint
	meURL    string
	client   *http.Client
}

// The endpoints of Atlassian: see
// https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/ and, about /me,
// https://developer.atlassian.com/cloud/oauth/getting-started/faq/.
const (
	atlassianAuthURL  = "https://auth.atlassian.com/authorize"
	atlassianTokenURL = "https://auth.atlassian.com/oauth/token" //nolint:gosec // it is an address
	atlassianMeURL    = "https://api.atlassian.com/me"
)

// maxMe is the maximum size of what Atlassian says about somebody.
const maxMe = 1 << 20

// CaddyModule returns the Caddy module information.
func (*Atlassian) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".atlassian", New: func() caddy.Module { return new(Atlassian) }}
}

// Provision sets up the identity. It does not ask Atlassian.
func (a *Atlassian) Provision(caddy.Context) error {
	replacer := caddy.NewReplacer()
	for name, text := range map[string]*string{"client_id": &a.ClientID, "client_secret": &a.ClientSecret} {
		replaced, err := replacer.ReplaceOrErr(*text, true, true)
		if err != nil {
			return fmt.Errorf("identity atlassian: %s: %w", name, err)
		}
		*text = replaced
	}
	if a.User == "" {
		a.User = "email"
	}
	a.endpoint = oauth2.Endpoint{AuthURL: atlassianAuthURL, TokenURL: atlassianTokenURL, AuthStyle: oauth2.AuthStyleInParams}
	a.meURL = atlassianMeURL
	a.client = &http.Client{Timeout: providerTimeout}
	return nil
}

// Validate checks the configuration.
func (a *Atlassian) Validate() error {
	switch {
	case a.ClientID == "":
		return errors.New("identity atlassian: missing client_id")
	case a.ClientSecret == "":
		return errors.New("identity atlassian: missing client_secret")
	case a.User != "email" && a.User != "account_id":
		return fmt.Errorf("identity atlassian: user %q: expected email or account_id", a.User)
	}
	return nil
}

// Title implements Redirector.
func (*Atlassian) Title() string { return "Atlassian" }

func (a *Atlassian) config(callback string) *oauth2.Config {
	return &oauth2.Config{ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: a.endpoint, RedirectURL: callback, Scopes: []string{"read:me"}}
}

// Begin implements Redirector. Atlassian does not promise to check PKCE: the state, which
// only this browser knows, and the client's secret are what protects the code.
func (a *Atlassian) Begin(_ context.Context, callback string) (string, Flow, error) {
	flow := Flow{State: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	to := a.config(callback).AuthCodeURL(flow.State, oauth2.S256ChallengeOption(flow.Verifier),
		oauth2.SetAuthURLParam("audience", "api.atlassian.com"), oauth2.SetAuthURLParam("prompt", "consent"))
	return to, flow, nil
}

// Finish implements Redirector.
func (a *Atlassian) Finish(ctx context.Context, callback string, query url.Values, flow Flow) (*Person, error) {
	if flow.State == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(flow.State)) != 1 {
		return nil, errOtherAttempt
	}
	if code := query.Get("error"); code != "" {
		return nil, DeniedError{Why: "Atlassian did not sign you in: " + token.Printable(code, 100) + "."}
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, a.client)
	tokens, err := a.config(callback).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		return nil, fmt.Errorf("identity atlassian: exchanging the code: %w", withoutBody(err))
	}
	me, err := a.me(ctx, tokens)
	if err != nil {
		return nil, fmt.Errorf("identity atlassian: asking who has signed in: %w", err)
	}
	return a.person(me)
}

// me is what Atlassian says about somebody.
type me struct {
	AccountID     string `json:"account_id"`
	AccountType   string `json:"account_type"`
	AccountStatus string `json:"account_status"`
	Email         string `json:"email"`
	EmailVerified any    `json:"email_verified"`
}

func (a *Atlassian) me(ctx context.Context, tokens *oauth2.Token) (said me, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.meURL, nil)
	if err != nil {
		return me{}, err
	}
	tokens.SetAuthHeader(r)
	r.Header.Set("Accept", "application/json")
	response, err := a.client.Do(r)
	if err != nil {
		return me{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return me{}, fmt.Errorf("HTTP %d", response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxMe)).Decode(&said); err != nil {
		return me{}, fmt.Errorf("the answer is not the JSON of a user: %w", err)
	}
	return said, nil
}

// person returns whom Atlassian speaks of.
func (a *Atlassian) person(said me) (*Person, error) {
	if said.AccountStatus != "" && said.AccountStatus != "active" {
		return nil, DeniedError{Why: "Your Atlassian account is not active."}
	}
	name := said.AccountID
	if a.User == "email" {
		if name = said.Email; !isTrue(said.EmailVerified) {
			return nil, DeniedError{Why: "Atlassian does not say that your email address is verified, so it could be somebody else's."}
		}
	}
	if said.AccountID == "" || token.CheckOwner(name) != nil {
		return nil, DeniedError{Why: "Atlassian says nothing usable about who you are."}
	}
	return &Person{Name: name, Subject: said.AccountID}, nil
}

// isTrue reports whether a claim is true. Some providers say "true".
func isTrue(claim any) bool { return claim == true || claim == "true" }

// UnmarshalCaddyfile reads `atlassian { … }`.
func (a *Atlassian) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // atlassian
	return option.Block{
		option.Text("client_id", &a.ClientID),
		option.Text("client_secret", &a.ClientSecret),
		option.Text("user", &a.User),
	}.Read(d, "identity atlassian")
}

// Interface guards
var (
	_ Identity          = (*Atlassian)(nil)
	_ Redirector        = (*Atlassian)(nil)
	_ caddy.Provisioner = (*Atlassian)(nil)
	_ caddy.Validator   = (*Atlassian)(nil)
)
