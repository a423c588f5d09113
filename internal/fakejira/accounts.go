package fakejira

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// principal is an account and its Jira user.
type principal struct {
	account Account
	user    *user
}

// oauthToken is an access token issued by /oauth/token.
type oauthToken struct {
	who     *principal
	expires time.Time
}

// SetAccounts replaces the accepted accounts, for example to revoke a credential
// while the gateway runs. It ends all sessions.
func (s *Server) SetAccounts(accounts []Account) {
	s.mu.Lock()
	list := make([]*principal, 0, len(accounts))
	for _, account := range accounts {
		list = append(list, &principal{account: account, user: s.site.ensureUser(account)})
	}
	for _, client := range s.options.OAuthClients {
		s.site.ensureUser(Account{User: client.User})
	}
	s.mu.Unlock()

	s.access.Lock()
	defer s.access.Unlock()
	s.accounts = list
	s.sessions.mu.Lock()
	s.sessions.users = nil
	s.sessions.mu.Unlock()
}

// basicAccount finds the account with a user name and secret.
func (s *Server) basicAccount(user, secret string) *principal {
	s.access.Lock()
	defer s.access.Unlock()
	for _, p := range s.accounts {
		if p.account.Secret != "" && strings.EqualFold(p.account.User, user) && same(p.account.Secret, secret) {
			return p
		}
	}
	return nil
}

// bearerAccount finds the account with a bearer token, including access tokens of
// OAuth clients.
func (s *Server) bearerAccount(token string) *principal {
	s.access.Lock()
	defer s.access.Unlock()
	for _, p := range s.accounts {
		if p.account.Bearer != "" && same(p.account.Bearer, token) {
			return p
		}
	}
	if t, found := s.oauth[token]; found && time.Now().Before(t.expires) {
		return t.who
	}
	return nil
}

// same compares secrets in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// authenticate identifies the caller. It returns false if it has sent a response.
func (s *Server) authenticate(c *call, faults Faults) bool {
	if s.options.Dress == DataCenter {
		// This is the trap that the gateway must avoid: a valid session cookie takes
		// precedence over the Authorization header.
		if p, id := s.sessions.find(c.r); p != nil {
			s.admit(c, p)
			c.w.Header().Set("X-ASESSIONID", sessionDigest(id))
			return true
		}
	}
	user, secret, scheme := s.credentials(c)
	switch scheme {
	case "":
		if faults.AnonymousFallback != "" {
			c.w.Header().Set("X-Seraph-LoginReason", faults.AnonymousFallback)
		}
		return true
	case "basic":
		if faults.BasicDisabled {
			s.sendError(c, fail(http.StatusForbidden, "Basic Authentication has been disabled on this instance."))
			return false
		}
		if faults.Captcha {
			c.w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATION_DENIED")
			c.w.Header().Set("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url="+c.base()+"/login.jsp")
			writePage(c.w, http.StatusForbidden, "Forbidden (403)")
			return false
		}
	}
	var p *principal
	switch scheme {
	case "basic":
		p = s.basicAccount(user, secret)
	case "bearer":
		p = s.bearerAccount(secret)
	}
	if p != nil && s.options.Dress == Cloud && p.account.Scoped != c.scoped {
		p = nil
	}
	if p != nil {
		s.admit(c, p)
		s.openSession(c, p)
		return true
	}
	if faults.AnonymousFallback != "" {
		c.w.Header().Set("X-Seraph-LoginReason", faults.AnonymousFallback)
		return true
	}
	c.w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
	s.refuse(c)
	return false
}

// credentials parses the request's credentials. An unknown scheme or a malformed
// header counts as a failed login.
func (s *Server) credentials(c *call) (user, secret, scheme string) {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		if s.options.Dress == DataCenter {
			// Tomcat decodes parameter names before Seraph sees them, so %6fs_username works.
			query := c.r.URL.Query()
			if query.Get("os_username") != "" {
				return query.Get("os_username"), query.Get("os_password"), "basic"
			}
			if user, secret, found := formCredentials(c.r); found {
				return user, secret, "basic"
			}
		}
		return "", "", ""
	}
	word, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(word) {
	case "bearer":
		return "", rest, "bearer"
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(rest)
		if err != nil || !utf8.Valid(decoded) {
			return "", "", "basic"
		}
		user, secret, _ := strings.Cut(string(decoded), ":")
		return user, secret, "basic"
	}
	return "", "", "unknown"
}

// formCredentials reads os_username from a form body, because a servlet's
// getParameter does not distinguish form and query parameters.
func formCredentials(r *http.Request) (user, secret string, found bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "", "", false
	}
	body := make([]byte, recordedBody)
	n := 0
	for n < len(body) {
		k, err := r.Body.Read(body[n:])
		n += k
		if err != nil {
			break
		}
	}
	form, err := url.ParseQuery(string(body[:n]))
	if err != nil || form.Get("os_username") == "" {
		return "", "", false
	}
	return form.Get("os_username"), form.Get("os_password"), true
}

// admit stores the caller in the call, the record and the response headers.
func (s *Server) admit(c *call, p *principal) {
	c.who = p
	s.recorder.update(func() { c.entry.Account = p.account.User })
	if s.options.Dress == DataCenter {
		c.w.Header().Set("X-AUSERNAME", url.PathEscape(p.account.User))
		c.w.Header().Set("X-Seraph-LoginReason", "OK")
	} else {
		c.w.Header().Set("X-AACCOUNTID", url.PathEscape(p.user.accountID))
	}
}

// refuse sends a 401. Jira challenges with OAuth, to which no client responds;
// only Data Center challenges with Basic, on request (os_authType=basic).
func (s *Server) refuse(c *call) {
	challenge := `OAuth realm="` + url.QueryEscape(c.base()) + `"`
	if s.options.Dress == DataCenter && strings.EqualFold(c.query("os_authType"), "basic") {
		challenge = `Basic realm="protected-area"`
	}
	c.w.Header().Set("WWW-Authenticate", challenge)
	if s.options.Dress == DataCenter {
		s.sendError(c, fail(http.StatusUnauthorized, "You are not authenticated. Authentication required to perform this operation."))
		return
	}
	s.sendError(c, fail(http.StatusUnauthorized, "Client must be authenticated to access this resource."))
}

// rateLimited sends a 429 and returns true if the bucket is empty.
func (s *Server) rateLimited(c *call, faults Faults) bool {
	limit := faults.RateLimit
	if limit == nil || c.who == nil {
		return false
	}
	s.access.Lock()
	s.passed++
	over := s.passed > limit.After
	remaining := max(0, limit.After-s.passed)
	s.access.Unlock()
	s.writeRateLimit(c, limit, remaining, over)
	return over
}

// checkXSRF refuses unsafe requests that might be cross-site request forgeries:
// those from another site, and those from browsers that do not name their
// origin. X-Atlassian-Token does not bypass the check; Jira closed that loophole.
func (s *Server) checkXSRF(c *call) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	home := false
	for _, name := range []string{"Origin", "Referer"} {
		for _, value := range c.r.Header.Values(name) {
			if !c.ownSite(value) {
				return fail(http.StatusForbidden, "XSRF check failed")
			}
			home = true
		}
	}
	if !home && strings.Contains(c.r.UserAgent(), "Mozilla/") {
		return fail(http.StatusForbidden, "XSRF check failed")
	}
	return nil
}

// ownSite reports whether a URL is on this Jira, by the host of the request or
// the configured base URL.
func (c *call) ownSite(value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return false
	}
	if u.Host == c.r.Host {
		return true
	}
	base, err := url.Parse(c.base())
	return err == nil && u.Scheme == base.Scheme && u.Host == base.Host
}
