package accounts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Keys encrypt the secrets of stored accounts with AES-256-GCM: the first key
// encrypts, and all of them decrypt. The zero value has no keys.
type Keys struct{ keys []key }

// key is an encryption key. Its ID, which is not secret, is stored with what the key
// has encrypted.
type key struct {
	id   string
	aead cipher.AEAD
}

// sealed is an encrypted secret.
type sealed struct {
	// Key is the ID of the key.
	Key string `json:"key"`
	// Data is the nonce followed by the ciphertext.
	Data []byte `json:"data"`
}

// keyLength is the length of a key in bytes.
const keyLength = 32

// NewKeys returns keys from their texts, which may contain placeholders. A key is 32
// bytes in base64 or in hexadecimal. Errors never contain a key.
func NewKeys(texts []string) (Keys, error) {
	var keys Keys
	for i, text := range texts {
		resolved, err := resolve("encryption_key", strings.TrimSpace(text))
		if err != nil {
			return Keys{}, err
		}
		decoded, ok := decodeKey(strings.TrimSpace(resolved))
		if !ok {
			return Keys{}, fmt.Errorf("encryption_key: key %d of %d is invalid: expected %d bytes in base64 or hexadecimal, as printed by `openssl rand -base64 32`", i+1, len(texts), keyLength)
		}
		made, err := newKey(decoded)
		if err != nil {
			return Keys{}, fmt.Errorf("encryption_key: %w", err)
		}
		keys.keys = append(keys.keys, made)
	}
	return keys, nil
}

func decodeKey(text string) (decoded []byte, ok bool) {
	var err error
	if len(text) == hex.EncodedLen(keyLength) {
		decoded, err = hex.DecodeString(text)
	} else {
		encoding := base64.RawStdEncoding
		if strings.ContainsAny(text, "-_") {
			encoding = base64.RawURLEncoding
		}
		decoded, err = encoding.DecodeString(strings.TrimRight(text, "="))
	}
	return decoded, err == nil && len(decoded) == keyLength
}

func newKey(secret []byte) (key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	// A hash with a prefix of its own, so that it is of no use elsewhere.
	id := sha256.Sum256(append([]byte("caddy-jira-tokens key id\x00"), secret...))
	return key{hex.EncodeToString(id[:4]), aead}, nil
}

// configured reports whether there is a key.
func (k Keys) configured() bool { return len(k.keys) > 0 }

// current returns the ID of the key that encrypts.
func (k Keys) current() string {
	if !k.configured() {
		return ""
	}
	return k.keys[0].id
}

func (k Keys) ids() []string {
	ids := make([]string, len(k.keys))
	for i, key := range k.keys {
		ids[i] = key.id
	}
	return ids
}

// errNoKey says how to configure a key.
var errNoKey = errors.New("no encryption_key is configured: make a key with `openssl rand -base64 32`, keep it outside the store, and add `encryption_key {env.JIRA_TOKENS_KEY}` to jira_tokens on every node")

// seal encrypts a secret. It can only be opened with the same bound data.
func (k Keys) seal(secret string, bound []byte) (sealed, error) {
	if !k.configured() {
		return sealed{}, errNoKey
	}
	first := k.keys[0]
	return sealed{first.id, first.aead.Seal(nil, nil, []byte(secret), bound)}, nil //nolint:gosec // G407: it adds a random nonce itself
}

// open decrypts a secret. Its errors say what to do.
func (k Keys) open(s sealed, bound []byte) (string, error) {
	switch {
	case !k.configured():
		return "", fmt.Errorf("it was encrypted with the key %q, but no encryption_key is configured: add that key to jira_tokens, or, if it is lost, make another and replace the account's credential", s.Key)
	case !slices.Contains(k.ids(), s.Key):
		return "", fmt.Errorf("it was encrypted with the key %q, but encryption_key has %s: add that key there, after the first one, or replace the account's credential", s.Key, strings.Join(k.ids(), ", "))
	}
	for _, key := range k.keys {
		if key.id != s.Key {
			continue
		}
		if secret, err := key.aead.Open(nil, nil, s.Data, bound); err == nil {
			return string(secret), nil
		}
	}
	return "", errors.New("its encrypted credential was changed in the store, or belongs to another account: replace the account's credential")
}
