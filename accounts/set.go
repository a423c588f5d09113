package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	// named are the stored accounts with a name, own those of owners.
	named, own *shelf
	// node identifies this set among those that refresh consents, which take the times
	// lease and settle.
	node          string
	lease, settle time.Duration
	// tries limits how often owners try credentials.
	tries tries
}

// SetOptions are what a Set needs apart from the configured accounts.
type SetOptions struct {
	// Store keeps the stored accounts.
	Store Store
	// Mirror returns the mirror of the documents of a kind.
	Mirror func(kind string) *storage.Mirror
	// Keys decrypt stored accounts.
	Keys Keys
	// Rekey replaces the key that signs cookies, unless the first key has encrypted it,
	// and reports whether it did. It may be nil.
	Rekey func(ctx context.Context, actor storage.Actor) (bool, error)
	// Apps are the OAuth apps with which owners consent, by the base URL of their Jira.
	Apps map[string]*jira.ConsentApp
	// Jira returns the Jira with this base URL, as a gateway reaches it.
	Jira func(url string) (Jira, bool)
	// PublicURL is the gateway's address as its users know it, without a slash at the
	// end; empty if it is not configured.
	PublicURL string
	// Go runs a function in the background. Its context ends when the store is closed.
	Go func(func(ctx context.Context)) bool
	// Changed is called with the refusal when Jira refuses an account, and with nil
	// when Jira accepts it again.
	Changed func(account *jira.Account, site string, refused error)
	Logger  *zap.Logger
	// Now returns the time.
	Now func() time.Time
}

// Store is what a Set needs of a store.
type Store interface {
	storage.Documents
	AddEvents(ctx context.Context, events ...storage.Event) error
}

// UnreadableError reports a stored account whose credential cannot be used.
type UnreadableError struct {
	Account Ref
	Why     error
}

func (e UnreadableError) Error() string {
	return fmt.Sprintf("%s is unreadable: %s", e.Account, e.Why)
}

func (e UnreadableError) Unwrap() error { return e.Why }

// Keys returns the keys with which the set decrypts accounts.
func (s *Set) Keys() Keys { return s.options.Keys }

// NewSet returns a set. It does not read the store, but follows it: call Close when
// done.
func NewSet(configured map[string]*jira.Account, options SetOptions) *Set {
	s := &Set{configured: configured, options: options, node: rand.Text(), lease: leaseTime, settle: settleTime}
	s.named, s.own = s.newShelf(DocumentKind), s.newShelf(OwnDocumentKind)
	return s
}

// Close stops following the store.
func (s *Set) Close() {
	s.named.unfollow()
	s.own.unfollow()
}

// Find returns the account with this name. The error is jira.ErrUnknownAccount, an
// UnreadableError, or one that wraps token.ErrUnavailable if the store has not been
// read yet and is away.
func (s *Set) Find(ctx context.Context, name string) (*jira.Account, error) {
	if account, ok := s.configured[name]; ok {
		return account, nil
	}
	known, err := s.named.ready(ctx)
	if err != nil {
		return nil, err
	}
	if found, ok := known.byID[name]; ok {
		return found.account, found.err
	}
	return nil, jira.ErrUnknownAccount
}

// FindOwn returns an owner's own account at the Jira with this base URL. The errors are
// those of Find.
func (s *Set) FindOwn(ctx context.Context, owner, url string) (*jira.Account, error) {
	known, err := s.own.ready(ctx)
	if err != nil {
		return nil, err
	}
	if found, ok := known.own[Own(owner, url).key()]; ok {
		return found.account, found.err
	}
	return nil, errNoOwnAccount
}

// errNoOwnAccount reports that an owner has no own account. It is a value because
// requests that get it must not cost more than others.
var errNoOwnAccount error = Error{"the owner has no own account at this Jira: add it with `caddy jira-token account add --owner`", jira.ErrUnknownAccount}

// Configured reports whether the configuration has the account.
func (s *Set) Configured(name string) bool {
	_, ok := s.configured[name]
	return ok
}

// hides reports whether a configured account takes precedence over a stored one.
func (s *Set) hides(ref Ref) bool { return !ref.isOwn() && s.Configured(ref.Name) }

// KeepsAccounts reports whether the store can keep accounts: whether there is a key to
// encrypt them with.
func (s *Set) KeepsAccounts() bool { return s.options.Keys.configured() }

// Names returns the names of all accounts but owners' own ones, in order.
func (s *Set) Names() []string {
	names := slices.Collect(maps.Keys(s.configured))
	for name := range s.named.known().byID {
		if !s.Configured(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TokenAccounts returns what tokens can have as their account: the names of all
// accounts, and token.OwnAccount if the store can keep owners' own ones.
func (s *Set) TokenAccounts() []string {
	names := s.Names()
	if s.KeepsAccounts() && !slices.Contains(names, token.OwnAccount) {
		names = append(names, token.OwnAccount)
	}
	return names
}

// Ready reads the stored accounts if they have never been read, and returns the names
// of all accounts.
func (s *Set) Ready(ctx context.Context) ([]string, error) {
	_, err := s.named.ready(ctx)
	_, errOwn := s.own.ready(ctx)
	return s.Names(), errors.Join(err, errOwn)
}

// load reads all stored accounts.
func (s *Set) load(ctx context.Context) error {
	return errors.Join(s.named.mirror.Load(ctx), s.own.mirror.Load(ctx))
}

func (s *Set) shelfOf(ref Ref) *shelf {
	if ref.isOwn() {
		return s.own
	}
	return s.named
}
