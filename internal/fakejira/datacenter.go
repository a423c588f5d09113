package fakejira

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// requestNumber counts requests for X-AREQUESTID.
var requestNumber atomic.Int64

// dressAnswer sets the headers that the product sends with every response.
func (s *Server) dressAnswer(w http.ResponseWriter) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache, no-store, no-transform")
	h.Set("Vary", "Accept-Encoding")
	if s.options.Dress == DataCenter {
		now := time.Now()
		h.Set("X-AREQUESTID", fmt.Sprintf("%dx%dx1", now.Hour()*60+now.Minute(), requestNumber.Add(1)))
		h.Set("X-ANODEID", "node1")
		h.Set("X-AUSERNAME", "anonymous")
		return
	}
	h.Set("Atl-Request-Id", randomHex(16))
	h.Set("Atl-Traceid", randomHex(16))
	h.Set("Server", "AtlassianEdge")
}

// openSession sets a session cookie, as Data Center does after every login,
// whether the credentials came in a header or in the query.
func (s *Server) openSession(c *call, p *principal) {
	if s.options.Dress != DataCenter {
		// Cloud sets cookies too, but they do not identify the caller.
		http.SetCookie(c.w, &http.Cookie{Name: "atlassian.xsrf.token", Value: randomHex(20) + "_lin", Path: "/", Secure: true})
		return
	}
	id := s.sessions.start(p)
	path := s.options.ContextPath
	if path == "" {
		path = "/"
	}
	http.SetCookie(c.w, &http.Cookie{Name: sessionCookie, Value: id, Path: path, HttpOnly: true})
	http.SetCookie(c.w, &http.Cookie{Name: "atlassian.xsrf.token", Value: "B2QP-" + randomHex(16) + "_lin", Path: path})
	c.w.Header().Set("X-ASESSIONID", sessionDigest(id))
}

// sessionDigest returns the value of X-ASESSIONID for a session.
func sessionDigest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:4])
}

// writeRateLimit sets the rate-limit headers, and answers 429 when over.
func (s *Server) writeRateLimit(c *call, limit *RateLimit, remaining int, over bool) {
	or := func(value, otherwise int) string {
		if value == 0 {
			value = otherwise
		}
		return strconv.Itoa(value)
	}
	h := c.w.Header()
	h.Set("X-RateLimit-Limit", or(limit.Limit, 50))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-FillRate", or(limit.FillRate, 1))
	h.Set("X-RateLimit-Interval-Seconds", "10")
	if !over {
		return
	}
	h.Set("Retry-After", or(limit.RetryAfter, 5))
	if s.options.Dress == Cloud {
		reason := limit.Reason
		if reason == "" {
			reason = "jira-burst-based"
		}
		h.Set("RateLimit-Reason", reason)
		h.Set("X-RateLimit-Reset", time.Now().Add(10*time.Second).UTC().Format("2006-01-02T15:04Z"))
	}
	s.sendError(c, fail(http.StatusTooManyRequests, "Rate limit exceeded."))
}

// sessionGet describes the session's user (GET /rest/auth/1/session).
func sessionGet(c *call) (reply, error) {
	return ok(map[string]any{
		"self":      c.api() + "/user?username=" + c.who.account.User,
		"name":      c.who.account.User,
		"loginInfo": map[string]any{"failedLoginCount": 0, "loginCount": 1},
	})
}

// sessionPost logs in with a JSON body (POST /rest/auth/1/session). It is a
// streaming operation because a failed login has a response of its own.
func sessionPost(c *call) error {
	if err := c.readBody(); err != nil {
		return err
	}
	var login struct{ Username, Password string }
	if err := c.decode(&login); err != nil {
		return err
	}
	p := c.server.basicAccount(login.Username, login.Password)
	if p == nil {
		c.w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
		return fail(http.StatusUnauthorized, "Login failed")
	}
	c.server.admit(c, p)
	id := c.server.sessions.start(p)
	http.SetCookie(c.w, &http.Cookie{Name: sessionCookie, Value: id, Path: "/", HttpOnly: true})
	writeJSON(c.w, http.StatusOK, map[string]any{
		"session":   map[string]any{"name": sessionCookie, "value": id},
		"loginInfo": map[string]any{"failedLoginCount": 0, "loginCount": 1},
	})
	return nil
}

// sessionDelete logs out.
func sessionDelete(c *call) (reply, error) {
	if p, id := c.server.sessions.find(c.r); p != nil {
		c.server.sessions.end(id)
	}
	return done()
}
