// Package session keeps people signed in to the token manager: with a signed cookie that
// every node can read, because the key is in the store, encrypted if there is an
// encryption key.
package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// CookieName is the name of the cookie.
const CookieName = "jira_tokens_session"

// The lengths of a session.
const (
	// idle is how long a session lasts without a request. It is renewed once half of
	// that has passed.
	idle = time.Hour
	// longest is how long a session lasts at most. Then the person must sign in again.
	longest = 12 * time.Hour
)

// The kinds of documents in the store.
const (
	keyKind   = "session_key"
	endedKind = "ended_session"
)

// ErrOver means that a request has a cookie, but not that of a session that still lasts: the
// session has ended, or the cookie is forged, damaged or of another store.
var ErrOver = errors.New("the session has ended, or its cookie is not recognized")

// The actions of the audit trail that end a session before its time.
const (
	// ActionSignOut means that the person has signed out.
	ActionSignOut = "sign_out"
	// ActionEnd means that the person has left, or that the token is no longer one to sign
	// in with.
	ActionEnd = "session_end"
)

// Session is what is known about somebody who has signed in.
type Session struct {
	// ID identifies the session. It is not secret.
	ID string `json:"jti"`
	// Person is the name of the person, as owners of tokens are named.
	Person string `json:"sub"`
	// Via names the identity that vouched for the person.
	Via string `json:"via"`
	// TokenID is the ID of the token that the person signed in with, if it was one, and
	// LooksOnly means that the person must not change anything.
	TokenID   string `json:"tok,omitempty"`
	LooksOnly bool   `json:"look,omitempty"`
	// Began is when the person signed in, precise enough to tell whether something happened
	// before or after.
	Began time.Time `json:"began"`
	// Renewed is when the cookie was made, and Ends when it becomes invalid.
	Renewed *jwt.NumericDate `json:"iat"`
	Ends    *jwt.NumericDate `json:"exp"`
}

// Sessions begins, reads and ends sessions. It is safe for concurrent use.
type Sessions struct {
	store       storage.Documents
	keys, ended *storage.Mirror
	sealer      Sealer
	now         func() time.Time
}

// New returns the sessions of a store. sealer encrypts the key there.
func New(store storage.Documents, mirror func(kind string) *storage.Mirror, sealer Sealer) *Sessions {
	return &Sessions{store: store, keys: mirror(keyKind), ended: mirror(endedKind), sealer: sealer, now: time.Now}
}

// Scope is where a cookie is valid.
type Scope struct {
	// Path is the path under which the manager is mounted. Jira, behind the same host,
	// does not get the cookie.
	Path string
	// Secure means that browsers use HTTPS.
	Secure bool
}

// Begin signs a person in. The session is new, whatever cookie the browser had.
func (s *Sessions) Begin(ctx context.Context, w http.ResponseWriter, scope Scope, begun Session) error {
	begun.ID, begun.Began = rand.Text(), s.now().UTC()
	return s.write(ctx, w, scope, begun)
}

// Read returns the session of a request's cookie. It is nil without a cookie, and ErrOver says
// that there is one that is good for nothing. Read renews the cookie now and then.
func (s *Sessions) Read(ctx context.Context, w http.ResponseWriter, r *http.Request, scope Scope) (*Session, error) {
	var over error
	for _, text := range cookiesOf(r) {
		found, err := s.verify(ctx, text)
		if err != nil {
			return nil, err
		}
		if found == nil {
			over = ErrOver
			continue
		}
		if s.now().Sub(found.Renewed.Time()) > idle/2 {
			if err := s.write(ctx, w, scope, *found); err != nil {
				return nil, err
			}
		}
		return found, nil
	}
	return nil, over
}

// Named returns the sessions that a request's cookies name, also those that have ended or are
// not for this manager.
func (s *Sessions) Named(ctx context.Context, r *http.Request) (named []*Session, err error) {
	for _, text := range cookiesOf(r) {
		found, err := s.decode(ctx, text)
		if err != nil {
			return nil, err
		}
		if found != nil {
			named = append(named, found)
		}
	}
	return named, nil
}

// cookiesOf returns the session cookies of a request: browsers send several if managers are
// mounted inside each other.
func cookiesOf(r *http.Request) (texts []string) {
	for _, cookie := range r.CookiesNamed(CookieName) {
		if cookie.Value != "" {
			texts = append(texts, cookie.Value)
		}
	}
	return texts
}

// Clear removes the cookie from the browser.
func (s *Sessions) Clear(w http.ResponseWriter, scope Scope) {
	http.SetCookie(w, cookie(scope, CookieName, "", -1))
}

// End ends a session for good, on every node. action says why: ActionSignOut or ActionEnd.
func (s *Sessions) End(ctx context.Context, ending *Session, action string, actor storage.Actor) error {
	until := ending.Began.Add(longest)
	if !s.now().Before(until) {
		return nil // it has ended by itself
	}
	data, err := json.Marshal(endedSession{until})
	if err != nil {
		return err
	}
	err = s.store.ApplyDocument(ctx, storage.DocumentChange{
		DocumentName: storage.DocumentName{Kind: endedKind, ID: ending.ID}, Data: data,
		Event: storage.Event{At: s.now().UTC(), Action: action, Owner: ending.Person, Actor: actor},
	})
	if err != nil && !errors.Is(err, storage.ErrConflict) { // a conflict: it has ended already
		return fmt.Errorf("ending the session of %s: %w", ending.Person, err)
	}
	_ = s.ended.Refresh(ctx, ending.ID) // otherwise this node learns of it like the others
	return nil
}

type endedSession struct {
	// Until is when the session would have ended by itself.
	Until time.Time `json:"until"`
}

func (s *Sessions) write(ctx context.Context, w http.ResponseWriter, scope Scope, session Session) error {
	now := s.now()
	ends := now.Add(idle)
	if last := session.Began.Add(longest); last.Before(ends) {
		ends = last
	}
	session.Renewed, session.Ends = jwt.NewNumericDate(now), jwt.NewNumericDate(ends)
	signed, err := s.sign(ctx, session)
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(scope, CookieName, signed, int(ends.Sub(now)/time.Second)))
	return nil
}

// cookie returns a cookie. It is not Secure only if browsers use plain HTTP, as on loopback.
func cookie(scope Scope, name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // see above
		Name: name, Value: value, Path: scope.Path, MaxAge: maxAge,
		HttpOnly: true, Secure: scope.Secure, SameSite: http.SameSiteLaxMode,
	}
}

// decode returns the session in a cookie, or nil if this is none.
func (s *Sessions) decode(ctx context.Context, text string) (*Session, error) {
	var session Session
	if ok, err := s.claims(ctx, text, &session); err != nil || !ok {
		return nil, err
	}
	if session.ID == "" || session.Person == "" || session.Began.IsZero() || session.Renewed == nil || session.Ends == nil {
		return nil, nil
	}
	return &session, nil
}

// verify returns the session in a cookie, or nil if this is none that still lasts.
func (s *Sessions) verify(ctx context.Context, text string) (*Session, error) {
	session, err := s.decode(ctx, text)
	if err != nil || session == nil || !s.now().Before(session.Ends.Time()) {
		return nil, err
	}
	if err := s.ended.Ready(ctx); err != nil {
		return nil, err
	}
	ended, _ := s.ended.Documents()
	if _, ok := ended[session.ID]; ok {
		return nil, nil
	}
	return session, nil
}

// Sweep removes what is known about sessions that would have ended by themselves.
func (s *Sessions) Sweep(ctx context.Context) error {
	known, _ := s.ended.Documents()
	for id, document := range known {
		var ended endedSession
		if document.Err == nil && json.Unmarshal(document.Data, &ended) == nil && s.now().Before(ended.Until) {
			continue
		}
		err := s.store.ApplyDocument(ctx, storage.DocumentChange{
			DocumentName: document.DocumentName, Version: document.Version,
			Event: storage.Event{At: s.now().UTC(), Action: "session_forget", Actor: storage.Actor{Kind: storage.ActorSystem}},
		})
		if err != nil && !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("forgetting the session %s: %w", id, err)
		}
	}
	return nil
}
