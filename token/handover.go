package token

import (
	"crypto/sha256"
	"errors"
	"time"
)

// Handover is a link that shows a token once, to whoever opens it. The store keeps only
// its digest. The secret that it shows does not exist before it is opened, so nothing in
// the store could be used in its place.
type Handover struct {
	// Digest is the digest of the link.
	Digest Digest `json:"digest"`
	// By says who made the link, for whoever opens it; empty if that is unknown.
	By string `json:"by,omitempty"`
	// First is set if nobody has the token before the link is opened. Otherwise opening
	// it rotates the token.
	First bool `json:"first,omitempty"`
	// OverlapSeconds is how long the secret before still works once the link was opened.
	OverlapSeconds int64 `json:"overlap_seconds,omitempty"`
	// ExpiresAt is when the link can no longer be opened.
	ExpiresAt time.Time `json:"expires_at"`
	// OpenedAt is when it was opened; zero until then.
	OpenedAt time.Time `json:"opened_at,omitzero"`
	// Alarms counts how often somebody tried to open it after that or after ExpiresAt,
	// up to MaxHandoverAlarms.
	Alarms int `json:"alarms,omitempty"`
}

// MaxHandoverAlarms is the number of alarms that one link can cause.
const MaxHandoverAlarms = 10

// maxHandoverBy is the maximum length of Handover.By, in characters.
const maxHandoverBy = 100

// Waiting reports whether the link can still be opened, as far as the link itself is
// concerned. A nil Handover is not waiting.
func (h *Handover) Waiting(now time.Time) bool {
	return h != nil && h.OpenedAt.IsZero() && now.Before(h.ExpiresAt)
}

// Overlap is how long the secret before still works once the link was opened.
func (h *Handover) Overlap() time.Duration { return time.Duration(h.OverlapSeconds) * time.Second }

// EndedAt returns what becomes of the link if it can no longer be opened from now on.
func (h *Handover) EndedAt(now time.Time) *Handover {
	if !h.Waiting(now) {
		return h
	}
	ended := *h
	ended.ExpiresAt = now
	return &ended
}

// Superseded returns what becomes of the link once the token has a new secret that was
// shown in another way.
func (h *Handover) Superseded(now time.Time) *Handover {
	if h == nil || !h.First && !h.Waiting(now) {
		return h
	}
	superseded := *h.EndedAt(now)
	superseded.First = false
	return &superseded
}

func (h *Handover) check() error {
	switch {
	case h == nil:
		return nil
	case h.Digest.IsZero() || h.ExpiresAt.IsZero():
		return errors.New("handover: missing digest or expiry")
	case h.OverlapSeconds < 0 || h.Alarms < 0 || h.Alarms > MaxHandoverAlarms:
		return errors.New("handover: invalid overlap or number of alarms")
	case h.By != "":
		return CheckText("handover", h.By, maxHandoverBy)
	}
	return nil
}

// Link is the secret part of the URL of a Handover: the token's ID, a hyphen and 190
// random bits. It formats without them.
type Link struct {
	text string
}

const (
	linkSecretStart = idLength + 1
	linkLength      = linkSecretStart + secretLength
)

// NewLink returns a new link to the token with this ID.
func NewLink(id string) Link {
	return Link{id + "-" + string(randomBase62(secretLength))}
}

// ParseLink parses a link. It returns ErrMalformed for anything else.
func ParseLink(text string) (Link, error) {
	if len(text) != linkLength || text[idLength] != '-' {
		return Link{}, ErrMalformed
	}
	for i := range len(text) {
		if i != idLength && !isBase62(text[i]) {
			return Link{}, ErrMalformed
		}
	}
	return Link{text}, nil
}

// IsZero reports whether l is empty.
func (l Link) IsZero() bool { return l.text == "" }

// ID returns the ID of the token.
func (l Link) ID() string {
	if l.text == "" {
		return ""
	}
	return l.text[:idLength]
}

// Reveal returns the link itself, for the URL that is shown to whoever made it.
func (l Link) Reveal() string { return l.text }

// String returns the link without its secret.
func (l Link) String() string { return l.ID() + "-…" }

// GoString keeps %#v from showing the secret.
func (l Link) GoString() string { return l.String() }

// Digest returns what the store keeps instead of the link.
func (l Link) Digest() Digest { return sha256.Sum256([]byte("handover " + l.text)) }
