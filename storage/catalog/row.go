package catalog

import (
	"crypto/sha256"
	"strings"
	"time"

	"github.com/go-json-experiment/json" // far faster than encoding/json

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// row is what the catalog knows about a token. There can be a million of them, so it is
// small: times are in milliseconds, 0 for none.
type row struct {
	id [idLength]byte
	// status is what the record said when it was last read, and suspended what the judge
	// said when it was last asked.
	status    status
	suspended bool
	// profile is everything else about the token that filters look at.
	profile uint32
	// owner is the number of the owner's name in the catalog's owners.
	owner uint32
	// used is the minute of the last use, 0 for none.
	used uint32
	// rotated is when the secret was replaced, in seconds.
	rotated                               uint32
	created, notBefore, expires, vanishes int64
	// pairs are the pairs of characters in text and id.
	pairs pairs
	// text is the owner, NUL and the name, both case-folded.
	text string
}

const idLength = 10

// status is a token.Status.
type status uint8

const (
	statusActive status = iota
	statusPending
	statusDisabled
	statusRevoked
)

func statusOf(s token.Status) status {
	switch s {
	case token.StatusActive:
		return statusActive
	case token.StatusPending:
		return statusPending
	case token.StatusDisabled:
		return statusDisabled
	}
	return statusRevoked
}

// profile is what many records have in common.
type profile struct {
	// record has no ID, owner, name and times.
	record token.Record
	// exchanged is set for tokens that were exchanged for JWTs.
	exchanged bool
	// respelled is set if the record spells its owner differently from row.text.
	respelled bool
}

// profileKey identifies a profile: a digest of its record.
type profileKey [16]byte

// profileOf returns the profile of a record.
func profileOf(r *token.Record) (profile, profileKey) {
	p := *r
	// Whatever is not removed here distinguishes profiles.
	p.ID, p.Owner, p.Name, p.Purpose, p.StatusReason = "", "", "", "", ""
	p.Digest, p.PreviousDigest, p.PreviousUntil, p.Handover, p.Version = token.Digest{}, token.Digest{}, time.Time{}, nil, 0
	p.CreatedAt, p.UpdatedAt, p.RotatedAt, p.NotBefore, p.ExpiresAt, p.ExpirySetAt, p.VanishesAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	p.Status = ""
	text, err := json.Marshal(&p)
	if err != nil {
		text = []byte(r.ID) // cannot happen: the record has been read as JSON
	}
	respelled := token.Fold(r.Owner) != r.Owner
	if respelled {
		text = append(text, '+')
	}
	sum := sha256.Sum256(text)
	return profile{p, r.Exchanged(), respelled}, profileKey(sum[:16])
}

// newRow returns the row of a record, without what depends on the rest of the catalog.
func newRow(r *token.Record) row {
	new := row{
		status: statusOf(r.Status), created: millis(r.CreatedAt), notBefore: millis(r.NotBefore), expires: millis(r.ExpiresAt),
		vanishes: millis(r.VanishesAt), text: token.Fold(r.Owner) + "\x00" + token.Fold(r.Name),
	}
	if !r.RotatedAt.IsZero() {
		new.rotated = uint32(max(0, r.RotatedAt.Unix())) //nolint:gosec // G115: until 2106
	}
	copy(new.id[:], r.ID)
	new.pairs.add(new.text)
	new.pairs.add(r.ID)
	return new
}

// skeleton returns a record with what a storage.Judge looks at.
func (r *row) skeleton(p *profile) *token.Record {
	record := p.record
	record.Owner = r.ownerName()
	record.CreatedAt, record.ExpiresAt = timeOf(r.created), timeOf(r.expires)
	if r.rotated != 0 {
		record.RotatedAt = time.Unix(int64(r.rotated), 0)
	}
	return &record
}

// ownerName returns the owner's case-folded name.
func (r *row) ownerName() string { return r.text[:strings.IndexByte(r.text, 0)] }

// state is a token.State as far as a record tells, as one bit.
type state uint8

const (
	isActive state = 1 << iota
	isPending
	isNotYetValid
	isExpired
	isDisabled
	isRevoked
	isSuspended // which only a judge knows
)

const stateCount = 7

var states = map[state]token.State{
	isActive: token.StateActive, isPending: token.StatePending, isNotYetValid: token.StateNotYetValid,
	isExpired: token.StateExpired, isDisabled: token.StateDisabled, isRevoked: token.StateRevoked,
	isSuspended: token.StateSuspended,
}

// state is token.StateAt for a row.
func (r *row) state(now int64) state {
	switch {
	case r.status == statusRevoked:
		return isRevoked
	case r.status == statusDisabled:
		return isDisabled
	case r.expires != 0 && now >= r.expires:
		return isExpired
	case r.status == statusPending:
		return isPending
	case now < r.notBefore:
		return isNotYetValid
	}
	return isActive
}

// isGone reports whether the record has vanished.
func (r *row) isGone(now int64) bool { return r.vanishes != 0 && r.vanishes < now }

// setUse sets the last use, unless a later one is known.
func (r *row) setUse(use storage.Use) {
	if minute := use.At.Unix() / 60; minute > int64(r.used) {
		r.used = uint32(minute) //nolint:gosec // G115: until 10135
	}
}

// before reports whether r comes before other in lists, newest first.
func (r *row) before(other *row) bool { return r.compare(other) < 0 }

func (r *row) compare(other *row) int {
	switch {
	case r.created > other.created:
		return -1
	case r.created < other.created:
		return 1
	}
	return strings.Compare(string(r.id[:]), string(other.id[:]))
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, t.UnixMilli())
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// pairs is a set of pairs of adjacent bytes, each standing for one of 128 bits. A text
// can only contain another whose pairs it has, which rules out most rows of a search
// without reading their texts.
type pairs [2]uint64

func (p *pairs) add(text string) {
	for i := 1; i < len(text); i++ {
		hash := (uint32(text[i-1])*251 + uint32(text[i])) * 2654435761 >> 25 // 7 bits
		p[hash>>6] |= 1 << (hash & 63)
	}
}

func (p *pairs) has(other pairs) bool {
	return p[0]&other[0] == other[0] && p[1]&other[1] == other[1]
}
