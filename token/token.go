// Package token defines what a token is: its format, digest, scope, networks and
// states. It imports no other package of the project.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
)

// The parts of a token: jt_ + id + _ + secret + checksum. Secret scanners can
// match jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}.
const (
	prefix         = "jt_"
	idLength       = 10
	secretLength   = 32 // 190 random bits
	checksumLength = 6  // CRC-32 in base 62

	secretStart   = len(prefix) + idLength + 1
	checksumStart = secretStart + secretLength

	// Length is the number of characters of every token.
	Length = checksumStart + checksumLength
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// ErrMalformed is returned by Parse for anything but a well-formed token. It does
// not say what is wrong, since clients get the same answer in every case.
var ErrMalformed = errors.New("not a token")

// Token is a well-formed token, which is a secret. It formats as its id, so that
// logs and errors cannot show more.
type Token struct {
	text string
}

// New returns a token with a new random id and secret.
func New() Token {
	return withID(randomBase62(idLength))
}

// WithID returns a token with an existing id and a new random secret. Rotation
// uses it.
func WithID(id string) (Token, error) {
	if !ValidID(id) {
		return Token{}, fmt.Errorf("invalid token id %q: expected %d characters of 0-9, A-Z, a-z", id, idLength)
	}
	return withID([]byte(id)), nil
}

func withID(id []byte) Token {
	text := prefix + string(id) + "_" + string(randomBase62(secretLength))
	sum := checksum(text)
	return Token{text + string(sum[:])}
}

// Parse parses a token. It returns ErrMalformed for anything else, down to a
// single wrong character, so that garbage costs no lookup.
func Parse(s string) (Token, error) {
	if len(s) != Length || s[:len(prefix)] != prefix || s[secretStart-1] != '_' {
		return Token{}, ErrMalformed
	}
	for i := len(prefix); i < Length; i++ {
		if i != secretStart-1 && !isBase62(s[i]) {
			return Token{}, ErrMalformed
		}
	}
	if sum := checksum(s[:checksumStart]); string(sum[:]) != s[checksumStart:] {
		return Token{}, ErrMalformed
	}
	return Token{s}, nil
}

// ID returns the token's public name. It is a substring of the token: to keep it,
// clone it, or the secret stays in memory too.
func (t Token) ID() string {
	if t.text == "" {
		return "" // the zero Token
	}
	return t.text[len(prefix) : len(prefix)+idLength]
}

// Reveal returns the token itself. It is for the one response that shows a new
// token.
func (t Token) Reveal() string { return t.text }

// String returns the token without its secret.
func (t Token) String() string { return prefix + t.ID() + "_…" }

// GoString keeps %#v from showing the secret.
func (t Token) GoString() string { return t.String() }

// Digest returns what the store keeps instead of the token. A fast hash is
// enough, since nobody can guess a secret of 190 random bits.
func (t Token) Digest() Digest {
	var text [Length]byte // on the stack; []byte(t.text) would be on the heap
	n := copy(text[:], t.text)
	return sha256.Sum256(text[:n])
}

// ValidID reports whether s has the form of a token id.
func ValidID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		if !isBase62(s[i]) {
			return false
		}
	}
	return true
}

// Digest is the SHA-256 hash of a whole token.
type Digest [sha256.Size]byte

// Equal compares two digests in constant time.
func (d Digest) Equal(other Digest) bool {
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// IsZero reports whether d is unset.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText encodes d in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, d[:]), nil
}

// UnmarshalText decodes what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("invalid digest: expected %d hexadecimal characters, got %d", hex.EncodedLen(len(d)), len(text))
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return fmt.Errorf("invalid digest: %w", err)
	}
	return nil
}

func checksum(text string) (sum [checksumLength]byte) {
	// Like crc32.ChecksumIEEE, which would need the text as bytes on the heap.
	n := ^uint32(0)
	for i := range len(text) {
		n = crc32.IEEETable[byte(n)^text[i]] ^ n>>8
	}
	n = ^n
	for i := checksumLength - 1; i >= 0; i-- {
		sum[i] = base62[n%62]
		n /= 62
	}
	return sum
}

func isBase62(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// randomBase62 returns n random characters. It discards bytes from 248 up, so that
// all 62 characters are equally likely.
func randomBase62(n int) []byte {
	out := make([]byte, 0, n)
	draw := make([]byte, n)
	for len(out) < n {
		rand.Read(draw) // never fails, see crypto/rand
		for _, b := range draw {
			if b < 248 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
	}
	return out
}
