package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Sealer encrypts the key that signs cookies. accounts.Keys implements it.
type Sealer interface {
	// Configured reports whether there is an encryption key.
	Configured() bool
	// Seal encrypts text, which Open decrypts with the same bound data only.
	Seal(text, bound []byte) (json.RawMessage, error)
	Open(sealed json.RawMessage, bound []byte) ([]byte, error)
	// IsCurrent reports whether the key that Seal uses has encrypted this.
	IsCurrent(sealed json.RawMessage) bool
}

// keyName is the name of the document with the key that signs cookies.
var keyName = storage.DocumentName{Kind: keyKind, ID: "current"}

// signingKey is its JSON.
type signingKey struct {
	// Key is the key if there was no encryption key when it was made, and Sealed the
	// encrypted key otherwise.
	Key    []byte          `json:"key,omitempty"`
	Sealed json.RawMessage `json:"sealed,omitempty"`
}

// The actions of the audit trail.
const (
	actionKeyCreate  = "session_key_create"
	actionKeyReplace = "session_key_replace"
)

// keyLength is the length of a key in bytes.
const keyLength = 32

// ErrKey means that this node cannot use the key that signs cookies, so that nobody is signed in
// here, or can sign in.
var ErrKey = errors.New("the key for the sessions of the token manager cannot be used")

// attempts is the maximum number of attempts to make a key, after conflicts.
const attempts = 5

// key returns the key that signs cookies. It makes one if there is none that can be
// believed.
func (s *Sessions) key(ctx context.Context) ([]byte, error) {
	if err := s.keys.Ready(ctx); err != nil {
		return nil, err
	}
	for range attempts {
		known, _ := s.keys.Documents()
		document := known[keyName.ID]
		key, err := readKey(document, s.sealer)
		if key != nil || err != nil {
			return key, err
		}
		err = replaceKey(ctx, s.store, s.sealer, document, storage.Actor{Kind: storage.ActorSystem}, s.now())
		if err != nil && !errors.Is(err, storage.ErrConflict) { // a conflict: another node has made one
			return nil, err
		}
		if err := s.keys.Refresh(ctx, keyName.ID); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: it keeps changing, so check whether all gateways with this store have the same encryption_key", ErrKey)
}

// readKey returns the key in a document, or nil if there is none that can be believed. If
// an encryption key is configured, one that is not encrypted cannot: whoever can write to
// the store may have chosen it.
func readKey(document storage.MirroredDocument, sealer Sealer) ([]byte, error) {
	var stored signingKey
	if document.Err != nil || json.Unmarshal(document.Data, &stored) != nil {
		return nil, nil //nolint:nilerr // there is none, or it is damaged
	}
	if stored.Sealed == nil {
		if sealer.Configured() || len(stored.Key) < keyLength {
			return nil, nil
		}
		return stored.Key, nil
	}
	if !sealer.Configured() {
		return nil, fmt.Errorf("%w: it is encrypted in the store, but no encryption_key is configured: all gateways with a store need the same one", ErrKey)
	}
	key, err := sealer.Open(stored.Sealed, []byte(keyName.String()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w; all gateways with a store need the same one; to make a new one, so that people sign in again, run caddy jira-token account reencrypt", ErrKey, err)
	}
	return key, nil
}

// replaceKey makes a new key in place of the one in a document, if there is one.
func replaceKey(ctx context.Context, store storage.Documents, sealer Sealer, document storage.MirroredDocument, actor storage.Actor, now time.Time) error {
	made := signingKey{Key: make([]byte, keyLength)}
	_, _ = rand.Read(made.Key) // never fails
	if sealer.Configured() {
		sealed, err := sealer.Seal(made.Key, []byte(keyName.String()))
		if err != nil {
			return fmt.Errorf("encrypting the key for sessions: %w", err)
		}
		made = signingKey{Sealed: sealed}
	}
	data, err := json.Marshal(made)
	if err != nil {
		return err
	}
	damaged := errors.Is(document.Err, storage.ErrDamaged)
	action := actionKeyCreate
	if document.Version > 0 || damaged {
		action = actionKeyReplace
	}
	err = store.ApplyDocument(ctx, storage.DocumentChange{
		DocumentName: keyName, Version: document.Version, Damaged: damaged, Data: data,
		Event: storage.Event{At: now.UTC(), Action: action, Actor: actor},
	})
	if err != nil {
		return fmt.Errorf("making a key for sessions: %w", err)
	}
	return nil
}

// Rekey replaces the key that signs cookies, unless the first encryption key has encrypted
// it or there is none. People then sign in again. It reports whether it did that.
func Rekey(ctx context.Context, store storage.Documents, sealer Sealer, actor storage.Actor) (bool, error) {
	for range attempts {
		found, err := store.Document(ctx, keyName)
		if errors.Is(err, storage.ErrNotFound) {
			return false, nil
		}
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return false, err
		}
		var stored signingKey
		if err == nil && json.Unmarshal(found.Data, &stored) == nil && stored.Sealed != nil && sealer.IsCurrent(stored.Sealed) {
			return false, nil
		}
		err = replaceKey(ctx, store, sealer, storage.MirroredDocument{Document: found, Err: err}, actor, time.Now())
		if !errors.Is(err, storage.ErrConflict) {
			return err == nil, err
		}
	}
	return false, fmt.Errorf("making a key for sessions: %w", storage.ErrConflict)
}
