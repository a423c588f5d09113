package fakejira

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// cloudID identifies the Cloud site in /_edge/tenant_info and /ex/jira/{cloudId}.
const cloudID = "6d1c5a0e-9f2b-4c3a-8e57-0b1f4d2a7c11"

// tenantInfo returns the site's cloudId. It needs no credentials.
func tenantInfo(c *call) (reply, error) {
	return ok(map[string]any{"cloudId": cloudID})
}

// oauthTokenPost exchanges a service account's client credentials, sent as JSON
// or as a form, for an access token.
func oauthTokenPost(c *call) error {
	if err := c.readBody(); err != nil {
		return err
	}
	var grant struct {
		Type   string `json:"grant_type"`
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if strings.Contains(c.r.Header.Get("Content-Type"), "json") {
		if err := c.decode(&grant); err != nil {
			return err
		}
	} else {
		form, err := url.ParseQuery(string(c.body))
		if err != nil {
			return fail(http.StatusBadRequest, "invalid_request")
		}
		grant.Type, grant.ID, grant.Secret = form.Get("grant_type"), form.Get("client_id"), form.Get("client_secret")
	}
	refuse := func(status int, code, description string) error {
		writeJSON(c.w, status, map[string]any{"error": code, "error_description": description})
		return nil
	}
	if grant.Type != "client_credentials" {
		return refuse(http.StatusForbidden, "unauthorized_client", "Grant type is not allowed for the client.")
	}
	s := c.server
	for _, client := range s.options.OAuthClients {
		if client.ID != grant.ID || !same(client.Secret, grant.Secret) {
			continue
		}
		const lifetime = time.Hour
		s.mu.Lock()
		account := Account{User: client.User, Scoped: true}
		p := &principal{account: account, user: s.site.ensureUser(account)}
		s.mu.Unlock()
		token := "fake-" + randomHex(24)
		s.access.Lock()
		s.oauth[token] = oauthToken{who: p, expires: time.Now().Add(lifetime)}
		s.access.Unlock()
		c.w.Header().Set("Cache-Control", "no-store")
		writeJSON(c.w, http.StatusOK, map[string]any{
			"access_token": token, "token_type": "Bearer",
			"expires_in": int(lifetime.Seconds()), "scope": "read:jira-work write:jira-work read:jira-user",
		})
		return nil
	}
	return refuse(http.StatusUnauthorized, "access_denied", "Unauthorized")
}
