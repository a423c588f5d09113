package jira

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// ConsentApp is an OAuth 2.0 app by which users let the gateway act for them in Jira:
// of Atlassian's developer console ("OAuth 2.0 (3LO)"), or an incoming application link
// of Data Center.
type ConsentApp struct {
	// Cloud is set for Jira Cloud.
	Cloud                  bool
	ClientID, ClientSecret string
	Scopes                 []string
	// AuthURL is where users consent, TokenURL issues tokens and RevokeURL ends them.
	AuthURL, TokenURL, RevokeURL string
	// APIURL lists, for Cloud, the sites that a token is for.
	APIURL string
	// RedirectURL is where Jira sends users back to.
	RedirectURL string
	Transport   http.RoundTripper
}

// DefaultAuthURL is the base URL of Atlassian's authorization server for Cloud.
const DefaultAuthURL = "https://auth.atlassian.com"

// ConsentTokens are what a user's consent yields.
type ConsentTokens struct {
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token"`
	Expiry  time.Time `json:"expiry"`
}

// GrantRefusedError reports that Jira no longer accepts a refresh token or never
// accepted a code: the user must consent again.
type GrantRefusedError struct {
	URL    string
	Status int
	Code   string
}

func (e GrantRefusedError) Error() string {
	return fmt.Sprintf("%s refuses the grant (HTTP %d %s)", e.URL, e.Status, e.Code)
}

// cloudEndpoints and dataCenterEndpoints set the URLs of a product:
//   - https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/. Cloud's
//     revocation URL is only in the metadata that auth.atlassian.com publishes.
//   - https://confluence.atlassian.com/adminjiraserver/jira-oauth-2-0-provider-api-1115659070.html.
//     Data Center's revocation URL is in its metadata (RFC 8414) as well.
func (a *ConsentApp) cloudEndpoints(authURL string) {
	a.AuthURL, a.TokenURL, a.RevokeURL = authURL+"/authorize", authURL+"/oauth/token", authURL+"/oauth/revoke"
}

func (a *ConsentApp) dataCenterEndpoints(jiraURL string) {
	base := strings.TrimSuffix(jiraURL, "/") + "/rest/oauth2/latest"
	a.AuthURL, a.TokenURL, a.RevokeURL = base+"/authorize", base+"/token", base+"/revoke"
}

// SetEndpoints sets the URLs of the app for the Jira at jiraURL. authURL is the base URL
// of Cloud's authorization server; it is not used for Data Center.
func (a *ConsentApp) SetEndpoints(jiraURL, authURL string) {
	if a.Cloud {
		a.cloudEndpoints(strings.TrimSuffix(authURL, "/"))
	} else {
		a.dataCenterEndpoints(jiraURL)
	}
}

func (a *ConsentApp) config() *oauth2.Config {
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret, Scopes: a.Scopes, RedirectURL: a.RedirectURL,
		Endpoint: oauth2.Endpoint{AuthURL: a.AuthURL, TokenURL: a.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// ConsentURL returns the URL at which a user consents. verifier is the secret of PKCE
// (RFC 7636), which Exchange needs.
func (a *ConsentApp) ConsentURL(state, verifier string) string {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if a.Cloud {
		options = append(options, oauth2.SetAuthURLParam("audience", "api.atlassian.com"), oauth2.SetAuthURLParam("prompt", "consent"))
	}
	return a.config().AuthCodeURL(state, options...)
}

// Exchange returns the tokens for a code with which Jira sent a user back.
func (a *ConsentApp) Exchange(ctx context.Context, code, verifier string) (ConsentTokens, error) {
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	t, err := a.config().Exchange(a.with(ctx), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return ConsentTokens{}, a.explain(err)
	}
	if t.RefreshToken == "" {
		return ConsentTokens{}, fmt.Errorf("%s issued no refresh token: does the app have the scope offline_access?", a.TokenURL)
	}
	return tokensOf(t), nil
}

// Refresh returns new tokens for a refresh token, which Jira replaces with each use:
// Cloud accepts the old one for ten more minutes, in case that the answer is lost, and
// Data Center does not.
func (a *ConsentApp) Refresh(ctx context.Context, refreshToken string) (ConsentTokens, error) {
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	var t *oauth2.Token
	var err error
	if a.Cloud {
		t, err = a.config().TokenSource(a.with(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
	} else {
		// Data Center requires the redirect URL here too, which TokenSource does not send.
		t, err = a.config().Exchange(a.with(ctx), "", oauth2.SetAuthURLParam("grant_type", "refresh_token"), oauth2.SetAuthURLParam("refresh_token", refreshToken))
	}
	if err != nil {
		return ConsentTokens{}, a.explain(err)
	}
	tokens := tokensOf(t)
	if tokens.Refresh == "" {
		tokens.Refresh = refreshToken
	}
	return tokens, nil
}

// Revoke ends a grant by its refresh token (RFC 7009).
func (a *ConsentApp) Revoke(ctx context.Context, refreshToken string) error {
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}, "client_id": {a.ClientID}, "client_secret": {a.ClientSecret}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.RevokeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := a.client().Do(request)
	if err != nil {
		return fmt.Errorf("revoking the grant: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("revoking the grant: %s returned HTTP %d", a.RevokeURL, response.StatusCode)
	}
	return nil
}

// CheckSite returns an error unless an access token is for the Cloud site at site.
// transport reaches that site.
func (a *ConsentApp) CheckSite(ctx context.Context, transport http.RoundTripper, site, accessToken string) error {
	want, err := tenantInfo(ctx, transport, site)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	address := a.APIURL + "/oauth/token/accessible-resources"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+accessToken)
	request.Header.Set("Accept", "application/json")
	response, err := a.client().Do(request)
	if err != nil {
		return fmt.Errorf("asking for the sites that were granted: %w", err)
	}
	defer response.Body.Close()
	var sites []struct {
		ID string `json:"id"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&sites)
	if response.StatusCode != http.StatusOK || err != nil {
		return fmt.Errorf("asking for the sites that were granted: %s returned HTTP %d", address, response.StatusCode)
	}
	for _, granted := range sites {
		if granted.ID == want {
			return nil
		}
	}
	return OtherSiteError{site}
}

// OtherSiteError reports that a user has consented for other sites than Site.
type OtherSiteError struct{ Site string }

func (e OtherSiteError) Error() string { return "the consent is not for " + e.Site }

// with makes the oauth2 package use the app's client.
func (a *ConsentApp) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, a.client())
}

func (a *ConsentApp) client() *http.Client {
	return &http.Client{
		Transport: a.Transport, Timeout: oauthTimeout,
		// Secrets go to the configured URLs and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func tokensOf(t *oauth2.Token) ConsentTokens {
	if t.Expiry.IsZero() {
		t.Expiry = time.Now().Add(defaultLifetime)
	}
	return ConsentTokens{t.AccessToken, t.RefreshToken, t.Expiry.UTC().Truncate(time.Second)}
}

// grantCodes are the error codes that mean that the grant has ended (RFC 6749, section
// 5.2). Cloud also says unauthorized_client for a refresh token that was used before.
var grantCodes = []string{"invalid_grant", "unauthorized_client"}

// explain returns the error of a request for tokens, without anything that was sent.
func (a *ConsentApp) explain(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fmt.Errorf("asking for tokens: %w", err)
	}
	code, status := answer.ErrorCode, answer.Response.StatusCode
	if !oauthErrorCode.MatchString(code) {
		code = "" // the rest of the response could repeat what was sent
	}
	refused := status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case refused && slices.Contains(grantCodes, code):
		return GrantRefusedError{a.TokenURL, status, code}
	case refused:
		return fmt.Errorf("%s refuses the gateway's OAuth app (HTTP %d %s): check client_id, client_secret and the app's redirect URL", a.TokenURL, status, code)
	}
	return fmt.Errorf("asking for tokens: %s returned HTTP %d", a.TokenURL, status)
}
