package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(new(OIDC))
}

// OIDC signs people in with an OpenID Connect provider, such as Okta, Entra ID, Keycloak
// or Google, by the authorization code flow with PKCE.
type OIDC struct {
	// The provider's issuer URL, such as https://acme.okta.com. Its configuration is read
	// when the first person signs in. Required.
	Issuer string `json:"issuer,omitempty"`

	// What the provider is called on the page. Default: the issuer's host
	Name string `json:"name,omitempty"`

	// The client ID and secret of this manager at the provider. Support placeholders.
	// The ID is required; public clients have no secret.
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`

	// The scopes to ask for, in addition to openid. Default: profile and email
	Scopes []string `json:"scopes,omitempty"`

	// The claim with the person's name, as owners of tokens are named. For `email`, the
	// provider must say that the address is verified. Default: `email`
	UserClaim string `json:"user_claim,omitempty"`

	// The claim with the groups that the person is in, such as `groups`: an array of
	// strings. The option groups_from sign_in of jira_tokens must say that they give
	// rights. Default: groups are not read
	GroupsClaim string `json:"groups_claim,omitempty"`

	mu       sync.Mutex
	provider *oidc.Provider
	client   *http.Client
}

// providerTimeout bounds one request to a provider.
const providerTimeout = 10 * time.Second

// CaddyModule returns the Caddy module information.
func (*OIDC) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".oidc", New: func() caddy.Module { return new(OIDC) }}
}

// Provision sets up the identity. It does not ask the provider.
func (o *OIDC) Provision(caddy.Context) error {
	replacer := caddy.NewReplacer()
	for name, text := range map[string]*string{"issuer": &o.Issuer, "client_id": &o.ClientID, "client_secret": &o.ClientSecret} {
		replaced, err := replacer.ReplaceOrErr(*text, true, true)
		if err != nil {
			return fmt.Errorf("identity oidc: %s: %w", name, err)
		}
		*text = replaced
	}
	if o.UserClaim == "" {
		o.UserClaim = "email"
	}
	if o.Scopes == nil {
		o.Scopes = []string{"profile", "email"}
	}
	o.client = &http.Client{Timeout: providerTimeout}
	return nil
}

// Validate checks the configuration.
func (o *OIDC) Validate() error {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Scheme != "https" && issuer.Scheme != "http" || issuer.Host == "" {
		return fmt.Errorf("identity oidc: issuer %q: expected a URL such as https://acme.okta.com", o.Issuer)
	}
	if o.ClientID == "" {
		return fmt.Errorf("identity oidc %s: missing client_id", o.Issuer)
	}
	return nil
}

// Title implements Redirector.
func (o *OIDC) Title() string {
	if o.Name != "" {
		return o.Name
	}
	if issuer, err := url.Parse(o.Issuer); err == nil {
		return issuer.Host
	}
	return o.Issuer
}

// discovered returns the provider. It is asked for its configuration until it has
// answered once.
func (o *OIDC) discovered(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	// The provider keeps the context, for its keys.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.client), o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("identity oidc: asking %s for its configuration: %w", o.Issuer, err)
	}
	o.provider = provider
	return provider, nil
}

func (o *OIDC) config(provider *oidc.Provider, callback string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: callback, Scopes: append([]string{oidc.ScopeOpenID}, o.Scopes...),
	}
}

// Begin implements Redirector.
func (o *OIDC) Begin(ctx context.Context, callback string) (string, Flow, error) {
	provider, err := o.discovered(ctx)
	if err != nil {
		return "", Flow{}, err
	}
	flow := Flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	to := o.config(provider, callback).AuthCodeURL(flow.State, oidc.Nonce(flow.Nonce), oauth2.S256ChallengeOption(flow.Verifier))
	return to, flow, nil
}

// Finish implements Redirector.
func (o *OIDC) Finish(ctx context.Context, callback string, query url.Values, flow Flow) (*Person, error) {
	if flow.State == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(flow.State)) != 1 {
		return nil, errOtherAttempt
	}
	if code := query.Get("error"); code != "" {
		return nil, DeniedError{Why: o.Title() + " did not sign you in: " + token.Printable(code, 100) + "."}
	}
	provider, err := o.discovered(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, o.client)
	tokens, err := o.config(provider, callback).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		return nil, fmt.Errorf("identity oidc: exchanging the code at %s: %w", o.Issuer, withoutBody(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: o.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("identity oidc: the ID token of %s: %w", o.Issuer, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(flow.Nonce)) != 1 {
		return nil, fmt.Errorf("identity oidc: the ID token of %s has another nonce", o.Issuer)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("identity oidc: the claims of %s: %w", o.Issuer, err)
	}
	if party, _ := claims["azp"].(string); (claims["azp"] != nil || len(id.Audience) > 1) && party != o.ClientID {
		// https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation, 3 to 5
		return nil, fmt.Errorf("identity oidc: the ID token of %s was issued to another client, or does not say to which of several (azp)", o.Issuer)
	}
	if err := o.ask(ctx, provider, tokens, id.Subject, claims); err != nil {
		return nil, err
	}
	return o.person(claims)
}

// ask adds what the provider says about the user when it is asked, if a claim is missing: some
// providers only say it then. The endpoint is optional, and without it the claim stays missing.
func (o *OIDC) ask(ctx context.Context, provider *oidc.Provider, tokens *oauth2.Token, subject string, claims map[string]any) error {
	missing := claims[o.UserClaim] == nil || o.GroupsClaim != "" && claims[o.GroupsClaim] == nil
	if !missing || provider.UserInfoEndpoint() == "" {
		return nil
	}
	answered := new(lastStatus)
	info, err := provider.UserInfo(oidc.ClientContext(ctx, &http.Client{Timeout: providerTimeout, Transport: answered}), oauth2.StaticTokenSource(tokens))
	switch answered.code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return nil // it tells this client nothing, now or later
	}
	if err != nil {
		return fmt.Errorf("identity oidc: asking %s about the user: %w", o.Issuer, withoutBody(err))
	}
	if info.Subject != subject {
		return fmt.Errorf("identity oidc: %s speaks of another user than in the ID token", o.Issuer)
	}
	if err := info.Claims(&claims); err != nil {
		return fmt.Errorf("identity oidc: the claims of %s: %w", o.Issuer, err)
	}
	return nil
}

// lastStatus is a transport that keeps the status of the last answer, which the error of
// UserInfo only has in its text.
type lastStatus struct{ code int }

func (s *lastStatus) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		s.code = response.StatusCode
	}
	return response, err
}

// withoutBody removes the answer of a provider from an error: it may have anything in it.
func withoutBody(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("HTTP %d: %s", refused.Response.StatusCode, token.Printable(refused.ErrorCode, 100))
	}
	return err
}

// person returns whom claims are about.
func (o *OIDC) person(claims map[string]any) (*Person, error) {
	name, _ := claims[o.UserClaim].(string)
	if err := token.CheckOwner(name); err != nil {
		return nil, DeniedError{Why: o.Title() + " says nothing usable about who you are: the claim " + o.UserClaim + " is missing, or is not a name."}
	}
	if o.UserClaim == "email" && !isTrue(claims["email_verified"]) {
		return nil, DeniedError{Why: o.Title() + " does not say that the address " + name + " is verified, so it could be somebody else's."}
	}
	subject, _ := claims["sub"].(string)
	return &Person{Name: name, Subject: subject, Groups: o.groups(claims)}, nil
}

// groups returns the groups in claims: an array of strings, or one.
func (o *OIDC) groups(claims map[string]any) (groups []string) {
	if o.GroupsClaim == "" {
		return nil
	}
	switch claim := claims[o.GroupsClaim].(type) {
	case string:
		groups = append(groups, claim)
	case []any:
		for _, item := range claim {
			if group, ok := item.(string); ok {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// TellsGroups implements Grouper.
func (o *OIDC) TellsGroups() bool { return o.GroupsClaim != "" }

// Provider implements Provider.
func (o *OIDC) Provider() string { return o.Issuer }

// UnmarshalCaddyfile reads `oidc <issuer> { … }`.
func (o *OIDC) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // oidc
	if !d.Args(&o.Issuer) {
		return d.Err("identity oidc: missing the issuer's URL, such as https://acme.okta.com")
	}
	o.Issuer = strings.TrimSpace(o.Issuer)
	return option.Block{
		option.Text("name", &o.Name),
		option.Text("client_id", &o.ClientID),
		option.Text("client_secret", &o.ClientSecret),
		option.Texts("scopes", &o.Scopes),
		option.Text("user_claim", &o.UserClaim),
		option.Text("groups_claim", &o.GroupsClaim),
	}.Read(d, "identity oidc")
}

// Interface guards
var (
	_ Identity          = (*OIDC)(nil)
	_ Redirector        = (*OIDC)(nil)
	_ Grouper           = (*OIDC)(nil)
	_ Provider          = (*OIDC)(nil)
	_ caddy.Provisioner = (*OIDC)(nil)
	_ caddy.Validator   = (*OIDC)(nil)
)
