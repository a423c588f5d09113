package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Set holds the accounts of a configuration: those that it configures, and those that
// the store keeps. A configured account hides a stored one with the same name. It is
// safe for concurrent use.
type Set struct {
	configured map[string]*jira.Account
	options    SetOptions
	unfollow   func()
	// stored maps names to stored accounts.
	stored atomic.Pointer[map[string]*stored]
}

// SetOptions are what a Set needs apart from the configured accounts.
type SetOptions struct {
	// Store keeps the stored accounts, and Mirror has them in memory.
	Store  storage.Documents
	Mirror *storage.Mirror
	// Keys decrypt stored accounts.
	Keys Keys
	// Changed is called with the refusal when Jira refuses an account, and with nil
	// when Jira accepts it again.
	Changed func(account *jira.Account, site string, refused error)
	Logger  *zap.Logger
	// Now returns the time.
	Now func() time.Time
}

// DocumentKind is the kind of the documents that a Set's mirror must have.
const DocumentKind = documentKind

// stored is a stored account as this node knows it.
type stored struct {
	document storage.MirroredDocument
	// record is zero if it cannot be decoded.
	record record
	// account is nil if the account is unreadable; then err says why.
	account *jira.Account
	err     error
}

// UnreadableError reports a stored account whose credential cannot be used.
type UnreadableError struct {
	Name string
	Why  error
}

func (e UnreadableError) Error() string {
	return fmt.Sprintf("account %q is unreadable: %s", e.Name, e.Why)
}

func (e UnreadableError) Unwrap() error { return e.Why }

// NewSet returns a set. It does not read the store, but follows it: call Close when
// done.
func NewSet(configured map[string]*jira.Account, options SetOptions) *Set {
	s := &Set{configured: configured, options: options}
	s.unfollow = options.Mirror.Subscribe(s.update)
	return s
}

// Close stops following the store.
func (s *Set) Close() { s.unfollow() }

// Find returns the account with this name. The error is jira.ErrUnknownAccount,
// an
// UnreadableError, or one that wraps token.ErrUnavailable if the store has not been
// read yet and is away.
func (s *Set) Find(ctx context.Context, name string) (*jira.Account, error) {
	if account, ok := s.configured[name]; ok {
		return account, nil
	}
	known := s.stored.Load()
	if known == nil {
		// Another app may serve requests before the store has been opened.
		if err := s.options.Mirror.Ready(ctx); err != nil {
			return nil, fmt.Errorf("reading the stored accounts: %w", err)
		}
		known = s.stored.Load()
	}
	if found, ok := (*known)[name]; ok {
		return found.account, found.err
	}
	return nil, jira.ErrUnknownAccount
}

// Configured reports whether the configuration has the account.
func (s *Set) Configured(name string) bool {
	_, ok := s.configured[name]
	return ok
}

// KeepsAccounts reports whether the store can keep accounts: whether there is a key to
// encrypt them with.
func (s *Set) KeepsAccounts() bool { return s.options.Keys.configured() }

// Names returns the names of all accounts, in order.
func (s *Set) Names() []string {
	names := maps.Clone(s.current())
	if names == nil {
		names = make(map[string]*stored)
	}
	for name := range s.configured {
		names[name] = nil
	}
	return slices.Sorted(maps.Keys(names))
}

// Ready reads the stored accounts if they have never been read, and returns the names
// of all accounts.
func (s *Set) Ready(ctx context.Context) ([]string, error) {
	err := s.options.Mirror.Ready(ctx)
	return s.Names(), err
}

// current returns the stored accounts as last read.
func (s *Set) current() map[string]*stored {
	if known := s.stored.Load(); known != nil {
		return *known
	}
	return nil
}

// update takes over the documents of the store.
func (s *Set) update(documents storage.Mirrored) {
	old, now := s.current(), make(map[string]*stored, len(documents))
	for name, document := range documents {
		// An account that is unchanged keeps its health.
		if known, ok := old[name]; ok && known.of(document) {
			now[name] = known
			continue
		}
		now[name] = s.open(document)
	}
	s.stored.Store(&now)
	for name, account := range now {
		if old[name] != account {
			s.announce(name, account)
		}
	}
}

// of reports whether a stored account is of this version of a document.
func (a *stored) of(document storage.MirroredDocument) bool {
	return a.document.Err == nil && document.Err == nil &&
		a.document.Version == document.Version && bytes.Equal(a.document.Data, document.Data)
}

// open decrypts a document.
func (s *Set) open(document storage.MirroredDocument) *stored {
	opened := &stored{document: document}
	secret, err := s.secret(document, &opened.record)
	if err != nil {
		opened.err = UnreadableError{document.ID, err}
		return opened
	}
	opened.account = opened.record.account(document.ID, secret, s.changed)
	return opened
}

// secret decodes a document into r and returns its decrypted secret.
func (s *Set) secret(document storage.MirroredDocument, r *record) (string, error) {
	if document.Err != nil {
		return "", errors.New("its document is damaged in the store: delete it there, and add the account again")
	}
	decoded, err := decodeRecord(document.Data)
	if err != nil {
		return "", err
	}
	*r = decoded
	bound, err := r.bound(document.DocumentName)
	if err != nil {
		return "", err
	}
	return s.options.Keys.open(r.Sealed, bound)
}

// announce logs what an administrator should know about an account that is new or has
// changed.
func (s *Set) announce(name string, account *stored) {
	log := s.options.Logger.With(zap.String("account", token.Printable(name, maxName)))
	now := s.options.Now()
	switch {
	case s.Configured(name):
		log.Warn("the store keeps an account with the name of a configured one, which takes precedence: remove one of them")
	case account.err != nil:
		log.Error("a stored account is unreadable, so requests with its tokens are refused", zap.Error(account.err))
	case account.record.expiring(now):
		log.Warn("the credential of a stored account expires soon or has expired: replace it with `caddy jira-token account replace`",
			zap.Time("expires_at", account.record.ExpiresAt))
	}
}

// changed passes on that Jira refuses a stored account, or accepts it again. A
// credential that has been replaced may be refused in a request that is still in
// flight; that says nothing about the account.
func (s *Set) changed(account *jira.Account, site string, refused error) {
	if known, ok := s.current()[account.Name()]; ok && known.account == account {
		s.options.Changed(account, site, refused)
	}
}
