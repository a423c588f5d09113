package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Reencrypted counts the accounts of a Reencrypt by result.
type Reencrypted struct {
	// Reencrypted accounts are now encrypted with the first key; Unchanged ones
	// already were.
	Reencrypted int `json:"reencrypted"`
	Unchanged   int `json:"unchanged"`
	// Unreadable names the accounts that no key could decrypt.
	Unreadable []string `json:"unreadable"`
	// SessionKey is set if the key that signs the cookies of the token manager was
	// replaced too: people sign in again.
	SessionKey bool `json:"session_key,omitempty"`
}

// Reencrypt encrypts all stored accounts with the first key, and what else Rekey knows.
func (s *Set) Reencrypt(ctx context.Context, actor storage.Actor) (Reencrypted, error) {
	result := Reencrypted{Unreadable: []string{}}
	if !s.KeepsAccounts() {
		return result, Error{errNoKey.Error(), token.ErrConflict}
	}
	if err := s.load(ctx); err != nil {
		return result, err
	}
	for _, account := range s.storedInOrder() {
		moved, err := s.reencrypt(ctx, actor, account)
		switch {
		case errors.Is(err, token.ErrNotFound): // removed in the meantime
		case errors.As(err, new(UnreadableError)):
			result.Unreadable = append(result.Unreadable, account.ref.label())
		case err != nil:
			return result, fmt.Errorf("%w; %d accounts were reencrypted before that", err, result.Reencrypted)
		case moved:
			result.Reencrypted++
		default:
			result.Unchanged++
		}
	}
	var err error
	if s.options.Rekey != nil {
		result.SessionKey, err = s.options.Rekey(ctx, actor)
	}
	return result, err
}

// attempts is the maximum number of attempts at a change, after conflicts.
const attempts = 10

// reencrypt encrypts one account with the first key, and reports whether it was not
// before.
func (s *Set) reencrypt(ctx context.Context, actor storage.Actor, account *stored) (moved bool, err error) {
	id := account.document.DocumentName
	for range attempts {
		document, err := s.options.Store.Document(ctx, id)
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return false, err
		}
		var old record
		secret, err := s.secret(storage.MirroredDocument{Document: document, Err: err}, &old)
		switch {
		case err == nil && account.ref.document() != id:
			err = errors.New("it belongs to another owner")
			fallthrough
		case err != nil:
			return false, UnreadableError{account.ref, err}
		case old.Sealed.Key == s.options.Keys.current():
			return false, nil
		}
		changed := old
		if err = s.seal(&changed, account.ref, secret); err != nil {
			return false, err
		}
		if err = s.apply(ctx, actor, ActionReencrypt, account.ref, document.Version, &old, &changed); !errors.Is(err, storage.ErrConflict) {
			return err == nil, err
		}
	}
	return false, conflict("%s keeps changing: try again", account.ref)
}
