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

// principal is an account together with the Jira user it stands for.
type principal struct {
	account Account
	user    *user
}

// oauthToken is an access token that /oauth/token gave out.
type oauthToken struct {
	who     *principal
	expires time.Time
}

// SetAccounts replaces the accepted credentials, as when somebody revokes a
// token while the gateway runs. Sessions of accounts that are gone end.
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
	clear(s.failures)
	s.sessions.mu.Lock()
	s.sessions.users = nil
	s.sessions.mu.Unlock()
}

// basicAccount finds the account of a user and a secret.
func (s *Server) basicAccount(user, secret string) *principal {
	s.access.Lock()
	defer s.access.Unlock()
	for _, p := range s.accounts {
		if p.account.Secret != "" && strings.EqualFold(p.account.User, user) && same(p.account.Secret, secret) {
			delete(s.failures, strings.ToLower(user))
			return p
		}
	}
	s.failures[strings.ToLower(user)]++
	return nil
}

// bearerAccount finds the account of a token; scoped is set for an access
// token of an OAuth client.
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

// captcha tells whether Jira wants a CAPTCHA from a user.
func (s *Server) captcha(user string, faults Faults) bool {
	if faults.Captcha {
		return true
	}
	s.access.Lock()
	defer s.access.Unlock()
	return faults.CaptchaAfter > 0 && s.failures[strings.ToLower(user)] >= faults.CaptchaAfter
}

// same compares secrets as they should be compared.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// authenticate finds out who asks. It returns false when it has answered.
func (s *Server) authenticate(c *call, faults Faults) bool {
	if s.options.Dress == DataCenter {
		// The trap this stand-in is there to show: a session that the cookie
		// names is taken before the Authorization header is looked at.
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
		if s.captcha(user, faults) {
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

// credentials reads what the request presents. A scheme that Jira does not
// know, or a header that it cannot read, is a failed log-in of nobody.
func (s *Server) credentials(c *call) (user, secret, scheme string) {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		if s.options.Dress == DataCenter {
			// Tomcat decodes names before Seraph looks for them, so %6fs_username works.
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

// formCredentials reads os_username from a form body, which a servlet's
// getParameter finds as readily as in the query.
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

// admit notes who asks, in the call, in the record and in the answer.
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

// refuse answers 401. Jira challenges with OAuth, which no client answers;
// only Data Center asked with os_authType=basic challenges with Basic.
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

// rateLimited answers 429 when the bucket is empty.
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

// checkXSRF refuses an unsafe request that looks as if a browser had been
// tricked into it: one that says it comes from another site, or that a browser
// sends without saying where it comes from. X-Atlassian-Token does not help,
// because it was the way round this check that Jira closed.
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

// ownSite tells whether a URL leads to this Jira, by the name it was called
// or by its configured base URL.
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
