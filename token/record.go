package token

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Maximum lengths, in characters.
const (
	MaxOwnerLength = 254 // an e-mail address's longest, RFC 5321
	MaxNameLength  = 100

	// maxAccountLength bounds the name of a Jira account.
	maxAccountLength = 254
)

// MaxVersion is the highest version of a record. Redis scripts count in doubles,
// which are exact up to here.
const MaxVersion = 1 << 53

// Record is what the store keeps of a token: everything but the token.
// Records are shared between requests and must not be changed in place.
type Record struct {
	ID       string   `json:"id"`
	Owner    string   `json:"owner"`
	Name     string   `json:"name"`
	Scope    Scope    `json:"scope"`
	Networks Networks `json:"networks,omitzero"`
	// Account names the Jira credential used upstream; "default" is one.
	Account string `json:"account"`
	Status  Status `json:"status"`
	// Confine is what the token may see; zero: whatever its account sees.
	Confine Confinement `json:"confine,omitzero"`
	// Limit is the token's own rate limit. Zero means the gateway's default.
	Limit Limit `json:"limit,omitzero"`
	// MaxConcurrent is how many requests may be in flight at once. Zero means the
	// gateway's default.
	MaxConcurrent Concurrency `json:"max_concurrent,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	RotatedAt time.Time `json:"rotated_at,omitzero"`
	// NotBefore is when the token begins working; zero: at once.
	NotBefore time.Time `json:"not_before,omitzero"`
	// ExpiresAt is when it stops working; zero: never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`

	// Digest is of the token in force.
	Digest Digest `json:"digest"`
	// PreviousDigest is of the token before the last rotation; it works
	// until PreviousUntil, and is still recognized after that.
	PreviousDigest Digest    `json:"previous_digest,omitzero"`
	PreviousUntil  time.Time `json:"previous_until,omitzero"`

	// Version counts the changes, from 1. A change names the version it is based
	// on, so that two admins cannot silently overwrite each other's changes.
	Version uint64 `json:"version"`
}

// Status is what was decided about a token, as opposed to what time makes of
// it: see State.
type Status string

// The statuses. Revoked is for ever.
const (
	StatusActive   Status = "active"
	StatusDisabled Status = "disabled"
	StatusRevoked  Status = "revoked"
)

// State is what a token is at a moment, as people and clients see it.
type State string

// The states.
const (
	StateActive      State = "active"
	StateNotYetValid State = "not_yet_valid"
	StateExpired     State = "expired"
	StateDisabled    State = "disabled"
	StateRevoked     State = "revoked"

	// StateDamaged is the state of a token whose record the store holds but that
	// cannot be used: see Record.Check. Nothing but deleting it is possible.
	StateDamaged State = "damaged"
)

// States lists all states, for messages and checks.
func States() []State {
	return []State{StateActive, StateNotYetValid, StateExpired, StateDisabled, StateRevoked, StateDamaged}
}

// ParseState reads the name of a state.
func ParseState(s string) (State, error) {
	for _, state := range States() {
		if s == string(state) {
			return state, nil
		}
	}
	return "", fmt.Errorf("state %q: want active, not_yet_valid, expired, disabled, revoked or damaged", s)
}

// State returns the record's state at now.
func (r *Record) State(now time.Time) State {
	return StateAt(r.Status, r.NotBefore, r.ExpiresAt, now)
}

// StateAt returns the state that status and validity make at now. A zero time
// sets no bound.
func StateAt(status Status, notBefore, expiresAt, now time.Time) State {
	switch {
	case status == StatusRevoked:
		return StateRevoked
	case status == StatusDisabled:
		return StateDisabled
	case status != StatusActive:
		return StateRevoked // a status of a later version: fail closed
	case !expiresAt.IsZero() && !now.Before(expiresAt):
		return StateExpired
	case now.Before(notBefore):
		return StateNotYetValid
	}
	return StateActive
}

// Matches reports whether digest is that of the current token, or of the previous
// one while that still works. It always compares both.
func (r *Record) Matches(digest Digest, now time.Time) bool {
	current := r.Digest.Equal(digest)
	previous := r.PreviousDigest.Equal(digest) && !r.PreviousDigest.IsZero() && now.Before(r.PreviousUntil)
	return current || previous
}

// Replaced reports whether digest is of the token that the last rotation
// replaced. Whoever holds that token guesses nothing.
func (r *Record) Replaced(digest Digest) bool {
	return r.PreviousDigest.Equal(digest) && !r.PreviousDigest.IsZero()
}

// RotatedWithOverlap reports whether the token before the last rotation went on
// working for a while.
func (r *Record) RotatedWithOverlap() bool { return r.PreviousUntil.After(r.RotatedAt) }

// OwnedBy reports whether name is the record's owner, ignoring case.
func (r *Record) OwnedBy(name string) bool { return strings.EqualFold(r.Owner, name) }

// CheckOwner returns what is wrong with an owner's name, if anything.
func CheckOwner(owner string) error {
	if err := checkText("owner", owner, MaxOwnerLength); err != nil {
		return err
	}
	if strings.Contains(owner, ":") {
		return fmt.Errorf("owner %q: a colon ends the user name of Basic authentication and cannot be part of it", owner)
	}
	return nil
}

// CheckName returns what is wrong with a token's name, if anything.
func CheckName(name string) error { return checkText("name", name, MaxNameLength) }

func checkText(what, s string, longest int) error {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: is no valid UTF-8", what)
	case n < 1 || n > longest:
		return fmt.Errorf("%s: want 1 to %d characters, got %d", what, longest, n)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%s %q: must not begin or end with a space", what, s)
	}
	for _, c := range s {
		// Not only control characters: text direction, zero-width characters and
		// line separators make one name look like another (Unicode TR 36).
		if !unicode.IsPrint(c) {
			return fmt.Errorf("%s %q: must not contain %U, which is not printable", what, s, c)
		}
	}
	return nil
}

// Check returns what is wrong with the record, if anything. Expiry in the past
// is no fault here: an imported record may be expired.
func (r *Record) Check() error {
	if !ValidID(r.ID) {
		return fmt.Errorf("id %q: want %d characters of 0-9, A-Z, a-z", r.ID, idLength)
	}
	if err := CheckOwner(r.Owner); err != nil {
		return err
	}
	if err := CheckName(r.Name); err != nil {
		return err
	}
	if err := checkText("account", r.Account, maxAccountLength); err != nil {
		return err
	}
	if err := r.Confine.Check(); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if err := r.Limit.check(); err != nil {
		return err
	}
	if err := r.MaxConcurrent.check(); err != nil {
		return fmt.Errorf("max_concurrent: %w", err)
	}
	switch {
	case r.Scope.String() == "":
		return errors.New("scope: must be read, read-all, write or admin")
	case r.Status != StatusActive && r.Status != StatusDisabled && r.Status != StatusRevoked:
		return fmt.Errorf("status %q: want active, disabled or revoked", r.Status)
	case len(r.Networks.Allow) > MaxNetworks || len(r.Networks.Deny) > MaxNetworks:
		return fmt.Errorf("networks: want at most %d allowed and %d denied ones", MaxNetworks, MaxNetworks)
	case r.Digest.IsZero():
		return errors.New("digest: must not be empty")
	case r.Version == 0 || r.Version > MaxVersion:
		return fmt.Errorf("version %d: want a number from 1 to %d", r.Version, uint64(MaxVersion))
	case !r.Networks.valid():
		return errors.New("networks: want CIDR ranges without host bits, IPv4 ones as such")
	case !r.ExpiresAt.IsZero() && !r.ExpiresAt.After(r.NotBefore):
		return fmt.Errorf("expiry %s: must be after not-before %s",
			r.ExpiresAt.Format(time.RFC3339), r.NotBefore.Format(time.RFC3339))
	}
	return nil
}
