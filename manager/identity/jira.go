package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Jira{})
}

// Jira asks Jira Data Center whose session the browser has, so that signing in, single
// sign-on and signing out are Jira's. The browser must use Jira through the gateway (front
// site), so that it sends Jira's cookies here.
type Jira struct {
	// The names of the cookies with which Jira knows a browser. Without any of them, Jira is
	// not asked. Default: `JSESSIONID`, `seraph.rememberme.cookie` and `crowd.token_key`
	Cookies []string `json:"cookies,omitempty"`

	jiras func() []handler.Jira
	seen  *sessionsSeen
}

// sessionCookies are the cookies of Jira's own sessions, of its "Remember me", and of Crowd's
// single sign-on.
var sessionCookies = [...]string{"JSESSIONID", "seraph.rememberme.cookie", "crowd.token_key"}

// rememberSession is how long to rely on what Jira has said about a session: as long as
// somebody who has signed out there can still look at pages here. Before a change, Jira is always
// asked.
const rememberSession = 5 * time.Second

// maxSessionsSeen is how many sessions to remember.
const maxSessionsSeen = 10_000

// askTimeout bounds one question to Jira.
const askTimeout = 10 * time.Second

// CaddyModule returns the Caddy module information.
func (Jira) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".jira", New: func() caddy.Module { return new(Jira) }}
}

// Use implements UsesApp.
func (j *Jira) Use(app App) {
	j.jiras = app.Jiras
	j.seen = &sessionsSeen{byDigest: make(map[[sha256.Size]byte]sessionSeen)}
}

// sessionsSeen remembers whose session a cookie stands for, by the digest of all cookies.
type sessionsSeen struct {
	mu       sync.Mutex
	byDigest map[[sha256.Size]byte]sessionSeen
}

type sessionSeen struct {
	person *Person
	until  time.Time
}

func (s *sessionsSeen) get(digest [sha256.Size]byte, now time.Time) (*Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.byDigest[digest]
	return known.person, ok && now.Before(known.until)
}

// put remembers what Jira has said. That somebody has no session is not remembered: they may
// be signing in.
func (s *sessionsSeen) put(digest [sha256.Size]byte, person *Person, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if person == nil {
		delete(s.byDigest, digest)
		return
	}
	if len(s.byDigest) >= maxSessionsSeen {
		clear(s.byDigest)
	}
	s.byDigest[digest] = sessionSeen{person, now.Add(rememberSession)}
}

// Recognize implements Recognizer.
func (j *Jira) Recognize(r *http.Request) (*Person, error) {
	if !j.mayHaveSession(r) {
		return nil, nil
	}
	cookies := withoutOwn(r)
	digest := sha256.Sum256([]byte(cookies))
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if person, ok := j.seen.get(digest, time.Now()); ok {
			return person, nil
		}
	}
	site, err := j.site()
	if err != nil {
		return nil, err
	}
	person, err := whoseSession(r.Context(), site, cookies)
	if err != nil {
		return nil, err
	}
	j.seen.put(digest, person, time.Now())
	return person, nil
}

// mayHaveSession reports whether a request has a cookie that can be of a session in Jira.
func (j *Jira) mayHaveSession(r *http.Request) bool {
	names := j.Cookies
	if len(names) == 0 {
		names = sessionCookies[:]
	}
	return slices.ContainsFunc(r.Cookies(), func(cookie *http.Cookie) bool {
		return cookie.Value != "" && slices.Contains(names, cookie.Name)
	})
}

// site returns the Jira to ask.
func (j *Jira) site() (handler.Jira, error) {
	jiras := j.jiras()
	if len(jiras) == 0 {
		return handler.Jira{}, AskError{"Jira", "this gateway forwards to none", errors.New("identity jira: the configuration has no gateway, so there is no Jira to ask")}
	}
	for _, other := range jiras[1:] {
		if !jira.SameURL(other.URL, jiras[0].URL) {
			// Somebody in one of them could have the name of somebody else in another.
			return handler.Jira{}, AskError{"Jira", "this gateway forwards to several", fmt.Errorf("identity jira: the gateways forward to several Jiras, %s and %s: use another identity", jiras[0].URL, other.URL)}
		}
	}
	return jiras[0], nil
}

// ownCookies is what the names of the page's own cookies begin with.
const ownCookies = "jira_tokens_"

// withoutOwn returns the cookies of a request without the page's own, which nobody but the
// page may have.
func withoutOwn(r *http.Request) string {
	var others []string
	for _, header := range r.Header["Cookie"] {
		for part := range strings.SplitSeq(header, ";") {
			if part = strings.TrimSpace(part); part != "" && !strings.HasPrefix(part, ownCookies) {
				others = append(others, part)
			}
		}
	}
	return strings.Join(others, "; ")
}

// whoseSession asks Jira who a browser with these cookies is; nil: nobody.
func whoseSession(ctx context.Context, at handler.Jira, cookies string) (*Person, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	failed := func(what string, err error) error {
		return AskError{"Jira", what, fmt.Errorf("identity jira: asking %s whose session this is: %w", at.URL, err)}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL+"/rest/api/2/myself", nil)
	if err != nil {
		return nil, failed("its address is not usable", err)
	}
	r.Header.Set("Cookie", cookies)
	r.Header.Set("Accept", "application/json")
	response, err := at.Transport.RoundTrip(r)
	if err != nil {
		return nil, failed("it does not answer", err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusFound, http.StatusSeeOther:
		return nil, nil
	default:
		status := fmt.Sprintf("HTTP %d", response.StatusCode)
		return nil, failed("it answered with "+status, errors.New(status))
	}
	var user struct {
		Name   string `json:"name"`
		Active *bool  `json:"active"`
	}
	const most = 1 << 20
	if err := json.NewDecoder(io.LimitReader(response.Body, most)).Decode(&user); err != nil {
		return nil, failed("it answered with something else than a user", fmt.Errorf("the answer is not the JSON of a user: %w", err))
	}
	if token.CheckOwner(user.Name) != nil || user.Active != nil && !*user.Active {
		return nil, nil
	}
	return &Person{Name: user.Name}, nil
}

// UnmarshalCaddyfile reads `jira { … }`.
func (j *Jira) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // jira
	if d.NextArg() {
		return d.Err("identity jira: it has no arguments; the names of Jira's cookies go into a block: identity jira { cookies JSESSIONID }")
	}
	return option.Block{option.Texts("cookies", &j.Cookies)}.Read(d, "identity jira")
}

// Interface guards
var (
	_ Identity   = (*Jira)(nil)
	_ Recognizer = (*Jira)(nil)
	_ UsesApp    = (*Jira)(nil)
)
