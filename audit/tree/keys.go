package tree

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
)

// Keep keeps small values outside the token store. Caddy's storage is one.
type Keep interface {
	// Load returns fs.ErrNotExist if there is no value.
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
}

const (
	// keyPlace is where the generated key is kept.
	keyPlace = "jira_tokens/audit/key"
	// namePrefix is how the name of a trail begins whose key has no name of its own.
	namePrefix = "caddy-jira-tokens/"
)

// Key is a signing key. It signs each trail under the trail's own name, so that
// checkpoints of one trail are never taken for those of another.
type Key struct {
	seed []byte
	// name is the name of a configured key, or empty.
	name string
}

// ParseKey parses a configured signing key, as GenerateKey returns it. Its errors do
// not contain the key.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	signer, err := note.NewSigner(text)
	if err != nil {
		return Key{}, errors.New("invalid signing key: expected one as printed by `caddy jira-token audit key --generate`, which begins with PRIVATE+KEY+")
	}
	// NewSigner has checked the form: PRIVATE+KEY+name+hash+base64.
	encoded, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 5)[4])
	if err != nil {
		return Key{}, errors.New("invalid signing key")
	}
	return Key{seed: encoded[1:], name: signer.Name()}, nil
}

// GenerateKey returns a new signing key, and its verifier key.
func GenerateKey() (signing, verifier string, err error) {
	return note.GenerateKey(rand.Reader, namePrefix+randomName())
}

func randomName() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// nameOfNewTrail returns the name for a trail that the key signs first.
func (k Key) nameOfNewTrail() string {
	if k.name != "" {
		return k.name
	}
	return namePrefix + randomName()
}

// signer returns the signer of a trail's checkpoints.
func (k Key) signer(trail string) (note.Signer, error) {
	public := k.public()
	hash := sha256.Sum256(append([]byte(trail+"\n"), public...))
	text := fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", trail, binary.BigEndian.Uint32(hash[:]),
		base64.StdEncoding.EncodeToString(append([]byte{algorithmEd25519}, k.seed...)))
	return note.NewSigner(text)
}

// algorithmEd25519 precedes an Ed25519 key in the encoding of signed notes.
const algorithmEd25519 = 1

func (k Key) public() []byte {
	public := ed25519.NewKeyFromSeed(k.seed).Public().(ed25519.PublicKey)
	return append([]byte{algorithmEd25519}, public...)
}

// verifierKey returns the key with which others verify a trail's checkpoints.
func (k Key) verifierKey(trail string) (string, error) {
	return note.NewEd25519VerifierKey(trail, k.public()[1:])
}

// keyRing holds the key that signs and those that are trusted besides.
type keyRing struct {
	signing Key
	// former are keys that this gateway has signed with, trusted are others.
	former  []Key
	trusted []string
}

// verifierKeys returns the keys that checkpoints of a trail may be signed with. The
// first one is that of the key that signs.
func (r keyRing) verifierKeys(trail string) (texts []string, keys proof.Keys, err error) {
	for _, k := range append([]Key{r.signing}, r.former...) {
		text, err := k.verifierKey(trail)
		if err != nil {
			return nil, nil, err
		}
		texts = append(texts, text)
	}
	texts = append(texts, r.trusted...)
	keys, err = proof.ParseKeys(texts)
	return texts, keys, err
}

// loadKeys returns the configured key, or else the one that is kept outside the store,
// which it generates once.
func loadKeys(ctx context.Context, configured *Key, trusted []string, keep Keep) (keyRing, error) {
	kept, err := loadKey(ctx, keep)
	switch {
	case errors.Is(err, fs.ErrNotExist) && configured == nil:
		if kept, err = generateKey(ctx, keep); err != nil {
			return keyRing{}, fmt.Errorf("keeping a new signing key in Caddy's storage: %w", err)
		}
	case errors.Is(err, fs.ErrNotExist):
		return keyRing{signing: *configured, trusted: trusted}, nil
	case err != nil:
		return keyRing{}, fmt.Errorf("loading the signing key from Caddy's storage: %w", err)
	}
	if configured == nil {
		return keyRing{signing: kept, trusted: trusted}, nil
	}
	return keyRing{signing: *configured, former: []Key{kept}, trusted: trusted}, nil
}

func loadKey(ctx context.Context, keep Keep) (Key, error) {
	text, err := keep.Load(ctx, keyPlace)
	if err != nil {
		return Key{}, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("%s is damaged: restore it, or delete it to have a new key generated", keyPlace)
	}
	return Key{seed: seed}, nil
}

// generateKey generates a key and keeps it, unless another node has just done so.
func generateKey(ctx context.Context, keep Keep) (k Key, err error) {
	if err := keep.Lock(ctx, keyPlace); err != nil {
		return Key{}, err
	}
	defer func() { err = errors.Join(err, keep.Unlock(context.WithoutCancel(ctx), keyPlace)) }()
	if k, err = loadKey(ctx, keep); !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	err = keep.Store(ctx, keyPlace, []byte(base64.StdEncoding.EncodeToString(seed)+"\n"))
	return Key{seed: seed}, err
}
