package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// shelf holds the stored accounts of one kind of document, as this node knows them.
type shelf struct {
	set      *Set
	mirror   *storage.Mirror
	unfollow func()
	current  atomic.Pointer[shelved]
}

// shelved are the stored accounts by the ID of their document, and owners' own accounts
// also by owner and Jira.
type shelved struct {
	byID map[string]*stored
	own  map[ownKey]*stored
}

// stored is a stored account as this node knows it.
type stored struct {
	ref      Ref
	document storage.MirroredDocument
	// record is zero if it cannot be decoded.
	record record
	// account is nil if the account is unreadable; then err says why.
	account *jira.Account
	err     error
	// consent is the account's credential if it is a consent.
	consent *consent
}

func (s *Set) newShelf(kind string) *shelf {
	made := &shelf{set: s, mirror: s.options.Mirror(kind)}
	made.unfollow = made.mirror.Subscribe(made.update)
	return made
}

// known returns the stored accounts as last read.
func (f *shelf) known() shelved {
	if known := f.current.Load(); known != nil {
		return *known
	}
	return shelved{}
}

// ready returns the stored accounts. It reads them if they have never been read, since
// another app may serve requests before the store has been opened.
func (f *shelf) ready(ctx context.Context) (shelved, error) {
	if known := f.current.Load(); known != nil {
		return *known, nil
	}
	if err := f.mirror.Ready(ctx); err != nil {
		return shelved{}, fmt.Errorf("reading the stored accounts: %w", err)
	}
	return f.known(), nil
}

// update takes over the documents of the store.
func (f *shelf) update(documents storage.Mirrored) {
	old, now := f.known(), shelved{make(map[string]*stored, len(documents)), make(map[ownKey]*stored)}
	for id, document := range documents {
		// An account that is unchanged keeps its health.
		account, ok := old.byID[id]
		if !ok || !account.of(document) {
			account = f.set.open(document, account)
		}
		now.byID[id] = account
		if account.ref.isOwn() && account.ref.document() == document.DocumentName {
			now.own[account.ref.key()] = account
		}
	}
	f.current.Store(&now)
	for id, account := range now.byID {
		if before := old.byID[id]; before != account && !account.continues(before) {
			f.set.announce(account)
		}
	}
}

// of reports whether a stored account is of this version of a document.
func (a *stored) of(document storage.MirroredDocument) bool {
	return a.document.Err == nil && document.Err == nil &&
		a.document.Version == document.Version && bytes.Equal(a.document.Data, document.Data)
}

// continues reports whether an account is a consent that was refreshed.
func (a *stored) continues(before *stored) bool {
	return before != nil && a.consent != nil && a.consent == before.consent
}

// open decrypts a document. old is the account as it was before, or nil.
func (s *Set) open(document storage.MirroredDocument, old *stored) *stored {
	opened := &stored{document: document}
	secret, err := s.secret(document, &opened.record)
	opened.ref = Ref{Name: document.ID}
	if document.Kind == OwnDocumentKind {
		opened.ref = Own(opened.record.Owner, opened.record.Jira)
	}
	if err != nil {
		opened.err = UnreadableError{opened.ref, err}
		return opened
	}
	credential := opened.record.credential(secret)
	if opened.record.Kind == KindConsent {
		if opened.consent, err = s.openConsent(opened, old, secret); err != nil {
			opened.err = UnreadableError{opened.ref, err}
			return opened
		}
		if opened.continues(old) { // it keeps its health
			opened.account = old.account
			return opened
		}
		credential = opened.consent
	}
	opened.account = opened.record.account(opened.ref.label(), credential, func(account *jira.Account, site string, refused error) {
		s.changed(opened.ref, account, site, refused)
	})
	return opened
}

// secret decodes a document into r and returns its decrypted secret.
func (s *Set) secret(document storage.MirroredDocument, r *record) (string, error) {
	if document.Err != nil {
		return "", errors.New("its document is damaged in the store: remove the account, and add it again")
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
func (s *Set) announce(account *stored) {
	log := s.options.Logger.With(zap.String("account", token.Printable(account.ref.label(), maxUser)))
	switch {
	case s.hides(account.ref):
		log.Warn("the store keeps an account with the name of a configured one, which takes precedence: remove one of them")
	case account.err != nil:
		log.Error("a stored account is unreadable, so requests with its tokens are refused", zap.Error(account.err))
	case account.record.expiring(s.options.Now()):
		log.Warn("the credential of a stored account expires soon or has expired: replace it with `caddy jira-token account replace`",
			zap.Time("expires_at", account.record.ExpiresAt))
	}
}

// changed passes on that Jira refuses a stored account, or accepts it again. A
// credential that has been replaced may be refused in a request that is still in
// flight; that says nothing about the account.
func (s *Set) changed(ref Ref, account *jira.Account, site string, refused error) {
	if known, ok := s.shelfOf(ref).known().byID[ref.document().ID]; ok && known.account == account {
		s.options.Changed(account, site, refused)
	}
}
