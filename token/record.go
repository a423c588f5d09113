package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Maximum lengths, in characters.
const (
	MaxOwnerLength = 254 // the longest e-mail address that RFC 5321 allows
	MaxNameLength  = 100

	maxAccountLength = 254
)

// MaxVersion is the highest version of a record: Redis scripts count in doubles,
// which are exact only up to this number.
const MaxVersion = 1 << 53

// Record is what the store keeps about a token: everything but the token itself.
// Records are shared between requests and must not be modified.
type Record struct {
	ID       string   `json:"id"`
	Owner    string   `json:"owner"`
	Name     string   `json:"name"`
	Scope    Scope    `json:"scope"`
	Networks Networks `json:"networks,omitzero"`
	// Kind is what kind of owner the token is for. Purpose says what it is for, and
	// Responsible names the owner inside the organization who answers for it: both
	// are required for external people.
	Kind        Kind   `json:"kind,omitempty"`
	Purpose     string `json:"purpose,omitempty"`
	Responsible string `json:"responsible,omitempty"`
	// Account is the name of the Jira account used upstream, such as "default".
	Account string `json:"account"`
	Status  Status `json:"status"`
	// StatusReason is why the status is what it is, as far as somebody said so.
	StatusReason string `json:"status_reason,omitempty"`
	// Unapproved means that a disabled token was changed in a way that somebody must
	// approve: it is pending once it is enabled.
	Unapproved bool `json:"unapproved,omitempty"`
	// Exempt is the reason why the rules of the policy do not apply to the token,
	// or empty if they do.
	Exempt string `json:"exempt,omitempty"`
	// Confine is what the token may see; zero: whatever its account sees.
	Confine Confinement `json:"confine,omitzero"`
	// Limit is the token's own rate limit. Zero means the gateway's default.
	Limit Limit `json:"limit,omitzero"`
	// LimitWrites is the token's own limit on requests that change something in Jira.
	// Zero means the gateway's default.
	LimitWrites Limit `json:"limit_writes,omitzero"`
	// MaxConcurrent is the maximum number of requests in flight. Zero means the
	// gateway's default.
	MaxConcurrent Concurrency `json:"max_concurrent,omitempty"`
	// HoldWrites means that requests which change something in Jira wait until somebody
	// has approved them.
	HoldWrites bool `json:"hold_writes,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	RotatedAt time.Time `json:"rotated_at,omitzero"`
	// NotBefore is when the token starts to work. Zero means at once.
	NotBefore time.Time `json:"not_before,omitzero"`
	// ExpiresAt is when it stops working. Zero means never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// ExpirySetAt is when ExpiresAt was last changed, if that was after CreatedAt.
	ExpirySetAt time.Time `json:"expiry_set_at,omitzero"`

	// Issuer is the issuer of the JWT that the token was exchanged for; empty if it was
	// created in another way. VanishesAt is when the record of such a token is deleted,
	// some time after the token has expired.
	Issuer     string    `json:"issuer,omitempty"`
	VanishesAt time.Time `json:"vanishes_at,omitzero"`

	// Digest is the digest of the current token.
	Digest Digest `json:"digest"`
	// PreviousDigest is the digest of the token that the last rotation replaced.
	// That token works until PreviousUntil, and is still recognized afterwards.
	PreviousDigest Digest    `json:"previous_digest,omitzero"`
	PreviousUntil  time.Time `json:"previous_until,omitzero"`

	// Handover is the last link with which the token was handed over; nil if there was
	// none.
	Handover *Handover `json:"handover,omitempty"`

	// Version counts the changes, from 1. A change names the version it is based
	// on, so that two admins cannot silently overwrite each other's changes.
	Version uint64 `json:"version"`
}

// Status is what an administrator made of a token. State also takes the time
// into account.
type Status string

// The statuses. Revocation is permanent.
const (
	StatusActive   Status = "active"
	StatusPending  Status = "pending" // until somebody approves or rejects it
	StatusDisabled Status = "disabled"
	StatusRevoked  Status = "revoked"
)

// State is the state of a token at a given time, as users and clients see it.
type State string

// The states.
const (
	StateActive      State = "active"
	StateNotYetValid State = "not_yet_valid"
	StateExpired     State = "expired"
	StateDisabled    State = "disabled"
	StateRevoked     State = "revoked"
	StatePending     State = "pending"

	// StateSuspended is the state of a token that would be active, but that breaks
	// the policy or whose owner is suspended. Record.State does not know it: it
	// depends on more than the record.
	StateSuspended State = "suspended"

	// StateDamaged is the state of a token whose stored record cannot be used: see
	// Record.Check. It can only be deleted.
	StateDamaged State = "damaged"
)

// States returns all states.
func States() []State {
	return []State{StateActive, StatePending, StateSuspended, StateNotYetValid, StateExpired, StateDisabled, StateRevoked, StateDamaged}
}

// ParseState parses the name of a state.
func ParseState(s string) (State, error) {
	for _, state := range States() {
		if s == string(state) {
			return state, nil
		}
	}
	return "", fmt.Errorf("invalid state %q: expected active, pending, suspended, not_yet_valid, expired, disabled, revoked or damaged", s)
}

// State returns the record's state at now.
func (r *Record) State(now time.Time) State {
	return StateAt(r.Status, r.NotBefore, r.ExpiresAt, now)
}

// StateAt returns the state that follows at now from a status and a period of
// validity. A zero time means no bound.
func StateAt(status Status, notBefore, expiresAt, now time.Time) State {
	switch {
	case status == StatusRevoked:
		return StateRevoked
	case status == StatusDisabled:
		return StateDisabled
	case status != StatusActive && status != StatusPending:
		return StateRevoked // written by a later version: fail closed
	case !expiresAt.IsZero() && !now.Before(expiresAt):
		return StateExpired
	case status == StatusPending:
		return StatePending
	case now.Before(notBefore):
		return StateNotYetValid
	}
	return StateActive
}

// Matches reports whether digest is that of the current token, or of the previous
// one while that still works. It always compares both, to take the same time.
func (r *Record) Matches(digest Digest, now time.Time) bool {
	current := r.Digest.Equal(digest)
	previous := r.PreviousDigest.Equal(digest) && !r.PreviousDigest.IsZero() && now.Before(r.PreviousUntil)
	return current || previous
}

// Replaced reports whether digest is that of the token that the last rotation
// replaced. Whoever presents that token is not guessing.
func (r *Record) Replaced(digest Digest) bool {
	return r.PreviousDigest.Equal(digest) && !r.PreviousDigest.IsZero()
}

// RotatedWithOverlap reports whether the last rotation let the old token work
// for a while longer.
func (r *Record) RotatedWithOverlap() bool { return r.PreviousUntil.After(r.RotatedAt) }

// OwnedBy reports whether name is the owner of the token, ignoring case.
func (r *Record) OwnedBy(name string) bool { return strings.EqualFold(r.Owner, name) }

// CheckOwner returns an error if owner cannot be the name of an owner.
func CheckOwner(owner string) error {
	if err := CheckText("owner", owner, MaxOwnerLength); err != nil {
		return err
	}
	switch {
	case strings.Contains(owner, ":"):
		return fmt.Errorf("invalid owner %q: it must not contain a colon, which ends the user name in Basic authentication", owner)
	case owner == ".", owner == "..":
		return fmt.Errorf("invalid owner %q: paths such as owners/%s cannot name it", owner, owner)
	}
	return nil
}

// CheckName returns an error if name cannot be the name of a token.
func CheckName(name string) error { return CheckText("name", name, MaxNameLength) }

// CheckText returns an error unless s is printable text of 1 to maxLength characters,
// without spaces around it. what describes it in the error.
func CheckText(what, s string, maxLength int) error {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return fmt.Errorf("invalid %s: not valid UTF-8", what)
	case n < 1 || n > maxLength:
		return fmt.Errorf("invalid %s: expected 1 to %d characters, got %d", what, maxLength, n)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("invalid %s %q: it must not begin or end with a space", what, s)
	}
	for _, c := range s {
		// This rejects more than control characters: changes of text direction,
		// zero-width characters and line separators can make one name look like
		// another (Unicode TR 36).
		if !unicode.IsPrint(c) {
			return fmt.Errorf("invalid %s %q: %U is not printable", what, s, c)
		}
	}
	return nil
}

// Check returns an error if the record is invalid. An expiry in the past is fine:
// imported records may have expired.
func (r *Record) Check() error {
	if !ValidID(r.ID) {
		return fmt.Errorf("invalid id %q: expected %d characters of 0-9, A-Z, a-z", r.ID, idLength)
	}
	if err := CheckOwner(r.Owner); err != nil {
		return err
	}
	if err := CheckName(r.Name); err != nil {
		return err
	}
	if err := CheckText("account", r.Account, maxAccountLength); err != nil {
		return err
	}
	if err := r.checkPeople(); err != nil {
		return err
	}
	if err := r.checkIssuer(); err != nil {
		return err
	}
	if err := r.Confine.Check(); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if err := r.Limit.check(); err != nil {
		return err
	}
	if err := r.LimitWrites.check(); err != nil {
		return fmt.Errorf("limit_writes: %w", err)
	}
	if err := r.MaxConcurrent.check(); err != nil {
		return fmt.Errorf("max_concurrent: %w", err)
	}
	if err := r.Handover.check(); err != nil {
		return err
	}
	switch {
	case r.Scope.String() == "":
		return errors.New("missing or invalid scope: expected read, read-all, write or admin")
	case !slices.Contains([]Status{StatusActive, StatusPending, StatusDisabled, StatusRevoked}, r.Status):
		return fmt.Errorf("invalid status %q: expected active, pending, disabled or revoked", r.Status)
	case len(r.Networks.Allow) > MaxNetworks || len(r.Networks.Deny) > MaxNetworks:
		return fmt.Errorf("too many networks: expected at most %d allowed and %d denied", MaxNetworks, MaxNetworks)
	case r.Digest.IsZero():
		return errors.New("missing digest")
	case r.Version == 0 || r.Version > MaxVersion:
		return fmt.Errorf("invalid version %d: expected a number from 1 to %d", r.Version, uint64(MaxVersion))
	case !r.Networks.valid():
		return errors.New("invalid networks: expected CIDR ranges without host bits, and no IPv4-mapped IPv6 ranges")
	case !r.ExpiresAt.IsZero() && !r.ExpiresAt.After(r.NotBefore):
		return fmt.Errorf("expiry %s must be after not-before %s",
			r.ExpiresAt.Format(time.RFC3339), r.NotBefore.Format(time.RFC3339))
	}
	return nil
}
