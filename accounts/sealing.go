package accounts

import (
	"encoding/json"
	"errors"
)

// Configured reports whether there is a key.
func (k Keys) Configured() bool { return k.configured() }

// IsCurrent reports whether the first key has encrypted what Seal returned.
func (k Keys) IsCurrent(encrypted json.RawMessage) bool {
	var s sealed
	return k.configured() && json.Unmarshal(encrypted, &s) == nil && s.Key == k.current()
}

// Seal encrypts text that is not an account's secret, such as a request that waits for
// approval. Open needs the same bound data.
func (k Keys) Seal(text, bound []byte) (json.RawMessage, error) {
	encrypted, err := k.seal(string(text), apart(bound))
	if err != nil {
		return nil, err
	}
	return json.Marshal(encrypted)
}

// Open decrypts what Seal returned, with any of the keys.
func (k Keys) Open(encrypted json.RawMessage, bound []byte) ([]byte, error) {
	var s sealed
	if json.Unmarshal(encrypted, &s) != nil {
		return nil, errUnsealable
	}
	text, err := k.open(s, apart(bound))
	if err != nil {
		return nil, errUnsealable
	}
	return []byte(text), nil
}

var errUnsealable = errors.New("no encryption_key decrypts it: it was encrypted with a key that is no longer configured, or changed in the store")

// apart keeps what is bound from being that of an account, so that the one is never
// taken for the other.
func apart(bound []byte) []byte { return append([]byte("sealed\x00"), bound...) }
