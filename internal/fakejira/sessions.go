package fakejira

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
)

// sessionCookie is the name of Data Center's session cookie.
const sessionCookie = "JSESSIONID"

// sessions maps Data Center's session cookies to accounts.
type sessions struct {
	mu    sync.Mutex
	users map[string]*principal
}

// start opens a session and returns the value of its cookie.
func (s *sessions) start(p *principal) string {
	id := strings.ToUpper(randomHex(16))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == nil {
		s.users = map[string]*principal{}
	}
	if len(s.users) > 100_000 {
		// A load test that ignores cookies opens a session per request.
		clear(s.users)
	}
	s.users[id] = p
	return id
}

// find returns the account of the request's session, or nil, and the cookie's
// value.
func (s *sessions) find(r *http.Request) (*principal, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cookie := range r.CookiesNamed(sessionCookie) {
		if p := s.users[cookie.Value]; p != nil {
			return p, cookie.Value
		}
	}
	return nil, ""
}

// end closes a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, id)
}

// randomHex returns 2n random hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
