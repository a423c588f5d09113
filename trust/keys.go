package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// refreshAfter is the age at which keys are fetched again in the background, so
	// that keys which the issuer has withdrawn are forgotten.
	refreshAfter = time.Hour
	// refreshInterval is how often keys are fetched at most: anybody can send a JWT
	// that names an unknown key.
	refreshInterval = 10 * time.Second
	// maxTried is how many keys are tried for a JWT that names none.
	maxTried = 20
	// minRSABits is the minimum size of an RSA key (RFC 7518, section 3.3).
	minRSABits = 2048
)

// Keys are the public keys of an issuer. They are fetched when they are first needed,
// and kept in memory. Keys are safe for concurrent use.
type Keys struct {
	source  Source
	fetch   func(context.Context) ([]jose.JSONWebKey, error)
	changed func(err error)
	now     func() time.Time
	ctx     context.Context // until Close
	end     context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	known     []jose.JSONWebKey
	fetchedAt time.Time // when known was fetched
	triedAt   time.Time // when the last attempt began
	err       error     // of the last attempt
	attempt   chan struct{}
}

// NewKeys returns the keys of a source. It does not fetch them. changed is called with
// an error when they cannot be fetched, and with nil when they can be again.
func NewKeys(source Source, changed func(err error)) *Keys {
	ctx, end := context.WithCancel(context.Background()) // until Close
	return &Keys{source: source, fetch: source.fetch, changed: changed, now: time.Now, ctx: ctx, end: end}
}

// Close ends fetching. No method may be called after Close.
func (k *Keys) Close() {
	k.end()
	k.running.Wait()
}

// verify verifies a JWT's signature and returns what is signed.
func (k *Keys) verify(ctx context.Context, p *parsedJWT) ([]byte, error) {
	known, fetchedAt := k.trusted()
	payload, named := try(known, p)
	if payload != nil {
		if k.now().Sub(fetchedAt) > refreshAfter {
			k.mu.Lock()
			k.begin()
			k.mu.Unlock()
		}
		return payload, nil
	}
	// An issuer can also use the name of an old key for a new one.
	err := k.refresh(ctx, fetchedAt)
	if err == nil {
		known, _ = k.trusted()
		if payload, named = try(known, p); payload != nil {
			return payload, nil
		}
	}
	switch {
	case named && len(known) > 0:
		return nil, refuse(notGenuine, "the signature of the JWT is wrong: it was not made with the issuer's key %q and the algorithm %s", shown(p.keyID), p.algorithm)
	case err != nil:
		return nil, err
	}
	return nil, refuse(notGenuine, "the JWT names the key %q, which %s does not have", shown(p.keyID), k.source.Issuer)
}

const notGenuine = "The JWT is not signed by its issuer."

// trusted returns the keys that are known and can be trusted, and when keys were last
// fetched.
func (k *Keys) trusted() ([]jose.JSONWebKey, time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.fetchedAt) > k.source.Keep {
		return nil, k.fetchedAt
	}
	return k.known, k.fetchedAt
}

// try verifies a JWT with the keys that it may be signed with. named reports whether
// there are any.
func try(keys []jose.JSONWebKey, p *parsedJWT) (payload []byte, named bool) {
	tried := 0
	for i := range keys {
		if p.keyID != "" && keys[i].KeyID != p.keyID || !suits(&keys[i], p.algorithm) {
			continue
		}
		named = true
		if tried++; tried > maxTried {
			break
		}
		if payload, err := p.signed.Verify(keys[i].Key); err == nil {
			return payload, true
		}
	}
	return nil, named
}

// refresh makes sure that the keys are newer than those of seen: it fetches them, or
// waits for somebody else who does. If the keys of seen were fetched only a moment ago, it
// returns an UnavailableError.
func (k *Keys) refresh(ctx context.Context, seen time.Time) error {
	k.mu.Lock()
	if !k.fetchedAt.Equal(seen) && k.err == nil {
		k.mu.Unlock()
		return nil
	}
	attempt := k.begin()
	if attempt == nil {
		defer k.mu.Unlock()
		wait := k.triedAt.Add(refreshInterval).Sub(k.now())
		if k.err != nil {
			return &UnavailableError{Issuer: k.source.Issuer, RetryAfter: wait, Err: k.err}
		}
		return &UnavailableError{Issuer: k.source.Issuer, RetryAfter: wait, UnknownKey: true, Err: errors.New("the JWT names an unknown key, and the keys were fetched only a moment ago")}
	}
	k.mu.Unlock()
	select {
	case <-attempt:
	case <-ctx.Done():
		return &UnavailableError{Issuer: k.source.Issuer, RetryAfter: refreshInterval, Err: context.Cause(ctx)}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return &UnavailableError{Issuer: k.source.Issuer, RetryAfter: refreshInterval, Err: k.err}
	}
	return nil
}

// begin begins to fetch the keys unless that is already being done, and returns a
// channel that is closed afterwards. It returns nil if it is too early. The caller must
// hold mu.
func (k *Keys) begin() chan struct{} {
	if k.attempt != nil {
		return k.attempt
	}
	now := k.now()
	if now.Sub(k.triedAt) < refreshInterval || k.ctx.Err() != nil {
		return nil
	}
	attempt := make(chan struct{})
	k.triedAt, k.attempt = now, attempt
	k.running.Go(func() {
		ctx, cancel := context.WithTimeout(k.ctx, fetchTimeout)
		defer cancel()
		keys, err := k.fetch(ctx)
		k.mu.Lock()
		changed := (err != nil) != (k.err != nil)
		k.err, k.attempt = err, nil
		if err == nil || errors.Is(err, errNoKeys) {
			k.known, k.fetchedAt = keys, now
		}
		k.mu.Unlock()
		close(attempt)
		if changed && k.ctx.Err() == nil {
			k.changed(err)
		}
	})
	return attempt
}

// errNoKeys means that an issuer has a key set, but no key in it that can be used. It has
// withdrawn those that are known.
var errNoKeys = fmt.Errorf("expected public RSA keys of at least %d bits, or ECDSA or Ed25519 keys, for signatures", minRSABits)

// parseKeys returns those keys of a JSON Web Key Set that can be used to verify JWTs. It
// skips those of other kinds (RFC 7517, section 5). If that leaves none, it returns
// errNoKeys.
func parseKeys(data []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil || set.Keys == nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys: expected at most %d", len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && key.Valid() && usable(&key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of the %d keys can be used: %w", len(set.Keys), errNoKeys)
	}
	return keys, nil
}

// usable reports whether a key is a public one for the signatures of JWTs.
func usable(key *jose.JSONWebKey) bool {
	switch key.Use {
	case "", "sig", "jwt-svid":
	default:
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// suits reports whether a key can be used with an algorithm (RFC 7518, section 3.1).
func suits(key *jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(string(algorithm), "RS") || strings.HasPrefix(string(algorithm), "PS")
	case *ecdsa.PublicKey:
		return curves[algorithm] == public.Curve.Params().BitSize
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA
	}
	return false
}

// curves are the sizes of the curves of the algorithms.
var curves = map[jose.SignatureAlgorithm]int{jose.ES256: 256, jose.ES384: 384, jose.ES512: 521}
