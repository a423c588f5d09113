package fakejira

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// OAuthApp is an app to which users can consent: Cloud's OAuth 2.0 (3LO), or Data
// Center's incoming application link.
type OAuthApp struct {
	ID, Secret string
	// RedirectURL is the only one that the app may use.
	RedirectURL string
}

// Consent is what happens when a browser opens the page on which users consent. The
// stand-in does not ask anybody.
type Consent struct {
	// User consents. If empty, the consent is denied.
	User string
	// OtherSite makes the user consent for another Cloud site.
	OtherSite bool
	// Lifetime is that of access tokens. Default: an hour
	Lifetime time.Duration
	// ReuseInterval is how long Cloud accepts a refresh token after its use. Default:
	// never, although the real one does so for ten minutes.
	ReuseInterval time.Duration
}

// Refreshes counts requests with refresh tokens.
type Refreshes struct {
	// Done were answered with new tokens, Refused with an error; Reused are those of
	// either kind whose token had been used before.
	Done, Refused, Reused int
	// Revoked counts the grants that were revoked.
	Revoked int
}

// provider is the part of the stand-in that issues tokens to apps.
type provider struct {
	consent Consent
	codes   map[string]*grantedCode
	refresh map[string]*refreshToken
	counts  Refreshes
}

// grantedCode is a code that has not been exchanged yet.
type grantedCode struct {
	app       OAuthApp
	challenge string
	grant     *grantOf
}

// grantOf is what a user has consented to.
type grantOf struct {
	app       OAuthApp
	who       *principal
	otherSite bool
	ended     bool
}

// refreshToken is a refresh token, which is used once.
type refreshToken struct {
	grant  *grantOf
	access string
	usedAt time.Time
}

// SetConsent sets what happens when a user is asked to consent.
func (s *Server) SetConsent(consent Consent) {
	s.access.Lock()
	defer s.access.Unlock()
	s.provider.consent = consent
}

// Refreshes returns how often refresh tokens were used.
func (s *Server) Refreshes() Refreshes {
	s.access.Lock()
	defer s.access.Unlock()
	return s.provider.counts
}

// EndConsents ends all consents, as users and administrators can.
func (s *Server) EndConsents() {
	s.access.Lock()
	defer s.access.Unlock()
	for _, token := range s.provider.refresh {
		s.endGrant(token.grant)
	}
}

// endGrant ends a consent and its access tokens. The caller holds access.
func (s *Server) endGrant(g *grantOf) {
	g.ended = true
	for _, token := range s.provider.refresh {
		if token.grant == g {
			delete(s.oauth, token.access)
		}
	}
}

// provide serves the provider's endpoints, and reports whether the request was for them.
func (s *Server) provide(c *call, segments []string) bool {
	path := strings.Join(segments, "/")
	if s.options.Dress == DataCenter {
		var ok bool
		if path, ok = strings.CutPrefix(path, "rest/oauth2/latest/"); !ok {
			return false
		}
	}
	switch c.r.Method + " " + path {
	case "GET authorize":
		s.authorize(c)
	case "POST oauth/token", "POST token":
		return s.tokenEndpoint(c)
	case "POST oauth/revoke", "POST revoke":
		s.revokeEndpoint(c)
	case "GET oauth/token/accessible-resources":
		s.accessibleResources(c)
	default:
		return false
	}
	return true
}

func (s *Server) appOf(id string) (OAuthApp, bool) {
	for _, app := range s.options.OAuthApps {
		if app.ID == id {
			return app, true
		}
	}
	return OAuthApp{}, false
}

// authorize is the page on which users consent.
func (s *Server) authorize(c *call) {
	query := c.r.URL.Query()
	app, known := s.appOf(query.Get("client_id"))
	cloud := s.options.Dress == Cloud
	valid := known && query.Get("redirect_uri") == app.RedirectURL && query.Get("response_type") == "code" && query.Get("scope") != "" && query.Get("state") != "" &&
		query.Get("code_challenge_method") == "S256" && query.Get("code_challenge") != ""
	if cloud {
		valid = valid && query.Get("audience") == "api.atlassian.com" && query.Get("prompt") == "consent" && strings.Contains(query.Get("scope"), "offline_access")
	} else {
		valid = valid && strings.Contains(" READ WRITE ADMIN ", " "+query.Get("scope")+" ")
	}
	if !valid {
		writePage(c.w, http.StatusBadRequest, "Something went wrong: "+c.r.URL.RawQuery)
		return
	}
	s.access.Lock()
	consent := s.provider.consent
	s.access.Unlock()
	back := url.Values{"state": {query.Get("state")}}
	if consent.User == "" {
		back.Set("error", "access_denied")
		back.Set("error_description", "User did not authorize the request")
	} else {
		account := Account{User: consent.User, Scoped: cloud}
		s.mu.Lock()
		who := &principal{account: account, user: s.site.ensureUser(account)}
		s.mu.Unlock()
		code := "code-" + randomHex(24)
		s.access.Lock()
		if s.provider.codes == nil {
			s.provider.codes, s.provider.refresh = make(map[string]*grantedCode), make(map[string]*refreshToken)
		}
		s.provider.codes[code] = &grantedCode{app, query.Get("code_challenge"), &grantOf{app: app, who: who, otherSite: consent.OtherSite}}
		s.access.Unlock()
		back.Set("code", code)
	}
	http.Redirect(c.w, c.r, app.RedirectURL+"?"+back.Encode(), http.StatusFound)
}

// form reads a form from the body, and leaves the body as it is.
func (c *call) form() url.Values {
	body, _ := io.ReadAll(io.LimitReader(c.r.Body, maxBody))
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	return form
}

func refuseOAuth(c *call, status int, code, description string) {
	writeJSON(c.w, status, map[string]any{"error": code, "error_description": description})
}

// client returns the app that a request authenticates as.
func (s *Server) client(c *call, form url.Values) (OAuthApp, bool) {
	app, known := s.appOf(form.Get("client_id"))
	if !known || !same(app.Secret, form.Get("client_secret")) {
		refuseOAuth(c, http.StatusUnauthorized, map[Dress]string{Cloud: "access_denied", DataCenter: "invalid_client"}[s.options.Dress], "Unauthorized")
		return app, false
	}
	return app, true
}

// tokenEndpoint issues tokens for codes and refresh tokens. It reports whether the
// request is for that.
func (s *Server) tokenEndpoint(c *call) bool {
	form := c.form()
	kind := form.Get("grant_type")
	if kind != "authorization_code" && kind != "refresh_token" {
		return false
	}
	app, ok := s.client(c, form)
	if !ok {
		return true
	}
	if (kind == "authorization_code" || s.options.Dress == DataCenter) && form.Get("redirect_uri") != app.RedirectURL {
		refuseOAuth(c, http.StatusBadRequest, "invalid_request", "redirect_uri")
		return true
	}
	s.access.Lock()
	defer s.access.Unlock()
	if kind == "authorization_code" {
		s.exchange(c, app, form)
	} else {
		s.rotate(c, app, form)
	}
	return true
}

// exchange issues tokens for a code.
func (s *Server) exchange(c *call, app OAuthApp, form url.Values) {
	granted := s.provider.codes[form.Get("code")]
	delete(s.provider.codes, form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if granted == nil || granted.app != app || granted.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		refuseOAuth(c, s.grantStatus(), "invalid_grant", "Invalid authorization code")
		return
	}
	s.issue(c, granted.grant)
}

// grantStatus is the status for a grant that is refused.
func (s *Server) grantStatus() int {
	if s.options.Dress == Cloud {
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// rotate issues tokens for a refresh token, which Cloud accepts again only within the
// reuse interval: after that, it ends the whole grant. Data Center has no such interval,
// and ends the old access token at once.
func (s *Server) rotate(c *call, app OAuthApp, form url.Values) {
	old, cloud := s.provider.refresh[form.Get("refresh_token")], s.options.Dress == Cloud
	valid := old != nil && old.grant.app == app && !old.grant.ended
	if old != nil && !old.usedAt.IsZero() {
		s.provider.counts.Reused++
		if !cloud {
			valid = false
		} else if time.Since(old.usedAt) > s.provider.consent.ReuseInterval {
			s.endGrant(old.grant)
			valid = false
		}
	}
	if !valid {
		s.provider.counts.Refused++
		refuseOAuth(c, s.grantStatus(), "invalid_grant", "Unknown or invalid refresh token.")
		return
	}
	s.provider.counts.Done++
	old.usedAt = time.Now()
	if !cloud {
		delete(s.oauth, old.access)
	}
	s.issue(c, old.grant)
}

// issue sends new tokens.
func (s *Server) issue(c *call, grant *grantOf) {
	lifetime := s.provider.consent.Lifetime
	if lifetime == 0 {
		lifetime = time.Hour
	}
	access, refresh := "at-"+randomHex(24), "rt-"+randomHex(24)
	s.oauth[access] = oauthToken{who: grant.who, expires: time.Now().Add(lifetime)}
	s.provider.refresh[refresh] = &refreshToken{grant: grant, access: access}
	c.w.Header().Set("Cache-Control", "no-store")
	writeJSON(c.w, http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": int(lifetime.Seconds()), "scope": "x",
	})
}

// revokeEndpoint ends a grant: on Cloud, all that the user has given to the app.
func (s *Server) revokeEndpoint(c *call) {
	form := c.form()
	app, ok := s.client(c, form)
	if !ok {
		return
	}
	s.access.Lock()
	defer s.access.Unlock()
	if token := s.provider.refresh[form.Get("token")]; token != nil && token.grant.app == app {
		s.provider.counts.Revoked++
		for _, other := range s.provider.refresh {
			if other.grant == token.grant || s.options.Dress == Cloud && other.grant.who.user == token.grant.who.user && other.grant.app == app {
				s.endGrant(other.grant)
			}
		}
	}
	c.w.WriteHeader(http.StatusOK)
}

// accessibleResources lists the Cloud sites that an access token is for.
func (s *Server) accessibleResources(c *call) {
	access, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	s.access.Lock()
	defer s.access.Unlock()
	known, ok := s.oauth[access]
	if !ok || time.Now().After(known.expires) {
		writeJSON(c.w, http.StatusUnauthorized, map[string]any{"code": 401, "message": "Unauthorized"})
		return
	}
	id := cloudID
	for _, token := range s.provider.refresh {
		if token.access == access && token.grant.otherSite {
			id = "11111111-2222-3333-4444-555555555555"
		}
	}
	writeJSON(c.w, http.StatusOK, []map[string]any{{"id": id, "url": c.origin(), "name": "site", "scopes": []string{"read:jira-work"}}})
}
