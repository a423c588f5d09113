// Package proof checks the audit trail's proof of itself: signed checkpoints, proofs
// that an event is in the trail, and whole exports. It needs neither a gateway nor a
// store, and trusts nobody but the keys that it is given.
//
// The trail is a transparency log: its events, as they are stored, are the leaves of
// a Merkle tree as in RFC 6962. A checkpoint is a signed note (c2sp.org/signed-note)
// with the size and the root of the tree (c2sp.org/tlog-checkpoint).
package proof

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxSize is the largest size of a tree that is accepted: so many events that none of
// the arithmetic on them can overflow.
const maxSize = 1 << 40

// Checkpoint is the head of a tree: how many events it has, and the hash that commits
// to all of them.
type Checkpoint struct {
	// Origin identifies the trail.
	Origin string
	// Size is the number of events.
	Size int64
	// Root is the Merkle tree hash.
	Root tlog.Hash
	// Removal is set if the events were removed because of their age.
	Removal *Removal
	// Loss is set if the trail had lost events, of which these are left.
	Loss *Loss
}

// text returns the text of the checkpoint's note.
func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n" + c.Removal.line() + c.Loss.line()
}

// Sign returns the checkpoint as a note signed with a key.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text()}, signer)
}

// parseCheckpoint parses the text of a checkpoint's note. It ignores extension lines that
// it does not know.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return Checkpoint{}, errors.New("not a checkpoint: expected a name, a size and a hash, each on a line of its own")
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || c.Size > maxSize || strconv.FormatInt(c.Size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("not a checkpoint: invalid size %.30q", lines[1])
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil || c.Root.String() != lines[2] {
		return Checkpoint{}, fmt.Errorf("not a checkpoint: invalid hash %.60q", lines[2])
	}
	if slices.Contains(lines[:len(lines)-1], "") {
		return Checkpoint{}, errors.New("not a checkpoint: it has an empty line")
	}
	if c.Removal, err = parseRemoval(lines[3:]); err != nil {
		return Checkpoint{}, err
	}
	if c.Loss, err = parseLoss(lines[3:]); err != nil {
		return Checkpoint{}, err
	}
	return c, nil
}

// Keys are the public keys with which checkpoints may be signed.
type Keys []note.Verifier

// ParseKeys parses verifier keys of signed notes, such as
// example.com/trail+2b4c5a1f+AZ….
func ParseKeys(texts []string) (Keys, error) {
	var keys Keys
	for _, text := range texts {
		key, err := note.NewVerifier(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("invalid verifier key %.100q: expected one such as NAME+HASH+KEY, as printed by `caddy jira-token audit key`", text)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Signed is a checkpoint whose signature has been verified.
type Signed struct {
	Checkpoint
	// Note is the signed note.
	Note []byte
	// Key is the name and the hash of the key that signed it.
	Key string
}

// Errors of Open.
var (
	// ErrUnknownKey means that the checkpoint is signed with none of the keys.
	ErrUnknownKey = errors.New("it is signed with an unknown key")
	// ErrForged means that the signature is not by the key that it names.
	ErrForged = errors.New("its signature is invalid")
)

// Open parses a signed checkpoint and verifies its signature. The errors ErrUnknownKey
// and ErrForged come with the checkpoint if that can be read.
func Open(data []byte, keys Keys) (Signed, error) {
	opened, err := note.Open(data, note.VerifierList(keys...))
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		opened = unverified.Note
		by := opened.UnverifiedSigs[0]
		err = fmt.Errorf("%w, %.100s+%08x", ErrUnknownKey, by.Name, by.Hash)
	}
	if invalid, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return Signed{Note: data}, fmt.Errorf("%w: it is not by %.100s+%08x", ErrForged, invalid.Name, invalid.Hash)
	}
	if opened == nil {
		return Signed{}, fmt.Errorf("not a signed checkpoint: %w", err)
	}
	checkpoint, parseError := parseCheckpoint(opened.Text)
	if parseError != nil {
		return Signed{}, parseError
	}
	signed := Signed{Checkpoint: checkpoint, Note: data}
	if err == nil {
		signed.Key = fmt.Sprintf("%s+%08x", opened.Sigs[0].Name, opened.Sigs[0].Hash)
	}
	return signed, err
}
