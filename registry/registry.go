// Package registry creates, finds, changes and deletes tokens. The admin API and the
// handler reach the store only through it. Every change is stored together with its audit
// event.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Registry creates, finds, changes and deletes tokens. It is safe for concurrent use.
type Registry struct {
	store    storage.Store
	finder   storage.Finder // nil if the store is none
	cache    *storage.Cache
	uses     *storage.UseLog
	owners   *Directory
	accounts func() []string
	now      func() time.Time
	source   Source // nil if there is none
	// pending is called with each token that begins to wait for approval; nil if nobody wants
	// to know.
	pending func(*token.Record)

	// creating is held while an owner's tokens are counted and another is created.
	// Gateways that share a store each have their own: two that create a token at
	// the same moment can exceed the limit by one.
	creating sync.Mutex
}

// New returns a registry for a store, the cache in front of it and the log of uses.
// The directory knows what owners may have; if it is nil, there is no policy. Tokens
// can name only the accounts that accounts returns, which can change.
func New(store storage.Store, cache *storage.Cache, uses *storage.UseLog, owners *Directory, accounts func() []string) *Registry {
	if owners == nil {
		owners = NewDirectory(new(policy.Policy), nil)
	}
	finder, _ := store.(storage.Finder)
	return &Registry{store: store, finder: finder, cache: cache, uses: uses, owners: owners, accounts: accounts, now: time.Now}
}

// Standing returns what the policy says about a token now, from memory.
func (r *Registry) Standing(record *token.Record) policy.Standing { return r.owners.Standing(record) }

// Lookup returns the record of t, whatever its state, if the secret is right. For an
// unknown id and for a wrong secret it returns storage.ErrNotFound after the same work.
// For the token that the last rotation replaced, it returns the record and
// token.ErrRotated.
func (r *Registry) Lookup(ctx context.Context, t token.Token) (*token.Record, error) {
	digest := t.Digest()
	record, err := r.cache.Get(ctx, t.ID())
	if err != nil {
		noRecord.Matches(digest, r.now())
		return nil, err
	}
	switch {
	case record.Matches(digest, r.now()):
		return record, nil
	case record.Replaced(digest):
		return record, token.ErrRotated
	}
	return nil, storage.ErrNotFound
}

// Known reports, without asking the store, whether the cache holds the record of this
// exact token, or a record with its id that must be read again.
func (r *Registry) Known(t token.Token) bool {
	record, ok := r.cache.Peek(t.ID())
	return ok && (record == nil || record.Matches(t.Digest(), r.now()))
}

// noRecord is what an unknown token is compared with.
var noRecord token.Record

// Show returns the current record with this id from the store, or a
// storage.DamagedError.
func (r *Registry) Show(ctx context.Context, id string) (*token.Record, error) {
	if !token.ValidID(id) {
		// Do not echo invalid IDs: the caller may have pasted a whole token.
		return nil, fmt.Errorf("%w: expected an id, which is the 10 characters after jt_ in the token", storage.ErrNotFound)
	}
	record, err := r.store.Get(ctx, id)
	switch {
	case errors.Is(err, storage.ErrDamaged):
		return nil, err // names the token
	case err != nil:
		return nil, fmt.Errorf("token %s: %w", id, err)
	}
	return record, nil
}

// Used records that the token with this id was used just now.
func (r *Registry) Used(id string, address netip.Addr, userAgent string) {
	r.uses.Note(id, address, userAgent)
}

// Count counts a request with the token with this id that ended just now.
func (r *Registry) Count(id string, denied bool, bytes uint64) { r.uses.Count(id, denied, bytes) }

// Activity returns how much a token was used on each of the last days, oldest first.
func (r *Registry) Activity(ctx context.Context, id string, days int) ([]Activity, error) {
	return r.uses.Activity(ctx, id, days)
}

// Events returns a page of the audit trail.
func (r *Registry) Events(ctx context.Context, query storage.EventQuery) (storage.EventPage, error) {
	page, err := r.store.Events(ctx, query)
	if err != nil {
		return storage.EventPage{}, fmt.Errorf("reading the audit trail: %w", err)
	}
	return page, nil
}

// Reachable returns nil if the store answers.
func (r *Registry) Reachable(ctx context.Context) error {
	_, err := r.store.List(ctx, storage.Query{Now: r.now(), Limit: 1})
	return err
}

// apply commits a change with its event.
func (r *Registry) apply(ctx context.Context, actor storage.Actor, action string, old, new *token.Record) error {
	if new != nil {
		// Do not write a record that would be considered damaged.
		if err := new.Check(); err != nil {
			return fmt.Errorf("token %s: %s: %w", new.ID, action, invalid("token", err))
		}
	}
	if err := r.commit(ctx, storage.Change{Old: old, New: new, Event: r.event(actor, action, old, new)}); err != nil {
		return err
	}
	r.expect(old, new)
	if r.pending != nil && action != ActionImport && waits(new) && !waits(old) {
		r.pending(new)
	}
	return nil
}

// waits reports whether a token waits for approval. It does not if it is nil.
func waits(record *token.Record) bool {
	return record != nil && record.Status == token.StatusPending
}

// OnPending sets what is called with each token that begins to wait for approval here, except
// for those that are imported. It must be called before the registry is used, and must not
// block.
func (r *Registry) OnPending(pending func(*token.Record)) { r.pending = pending }

// commit makes a change in the store and updates this node's cache.
func (r *Registry) commit(ctx context.Context, change storage.Change) error {
	if err := r.store.Apply(ctx, change); err != nil {
		// The change may have been made even though there was no answer, so do not
		// trust the cached record.
		r.cache.Changed(change.ID())
		return fmt.Errorf("token %s: %s: %w", change.ID(), change.Event.Action, err)
	}
	r.cache.Stored(change.ID(), change.New)
	return nil
}

// checkAccount returns an error if there is no such account.
func (r *Registry) checkAccount(name string) error {
	accounts := r.accounts()
	switch {
	case slices.Contains(accounts, name):
		return nil
	case len(accounts) == 0:
		return invalid("account", errors.New("no account is configured: add `account default { … }` to jira_tokens, or add one to the store with `caddy jira-token account add`"))
	}
	const most = 20
	list := strings.Join(accounts[:min(len(accounts), most)], ", ")
	if len(accounts) > most {
		list += fmt.Sprintf(" or %d others", len(accounts)-most)
	}
	return invalid("account", fmt.Errorf("there is no account %q: expected one of %s", name, list))
}

// TokensOf returns the number of tokens that use an account and have not been revoked:
// those of an owner, or all if owner is empty.
func (r *Registry) TokensOf(ctx context.Context, account, owner string) (n int, err error) {
	err = r.eachRecord(ctx, storage.Query{Account: account, Owner: owner}, func(record *token.Record) error {
		if record.Status != token.StatusRevoked {
			n++
		}
		return nil
	}, func(storage.DamagedError) {})
	return n, err
}

// InvalidError reports invalid input.
type InvalidError = token.InvalidError

func invalid(field string, err error) error {
	if err == nil {
		return nil
	}
	return InvalidError{Field: field, Err: err}
}

// StateError reports a change that the token's state does not allow.
type StateError struct {
	ID    string
	State token.State
	Hint  string
}

func (e StateError) Error() string {
	return fmt.Sprintf("token %s is %s: %s", e.ID, strings.ReplaceAll(string(e.State), "_", " "), e.Hint)
}
