package proof

import (
	"cmp"
	"slices"
	"time"
)

// Report is the result of a verification.
type Report struct {
	// OK reports whether nothing was found.
	OK bool `json:"ok"`
	// Trail is the name of the trail, Size the number of its events, and Root the hash
	// that commits to all of them, in base64.
	Trail string `json:"trail"`
	Size  int64  `json:"size"`
	Root  string `json:"root"`
	// SignedBy is the name and the hash of the key that signed the checkpoint. It is
	// empty if that is not known.
	SignedBy string `json:"signed_by,omitempty"`
	// Checked counts the events that were compared with the tree. Removed ones are
	// old: they were removed as configured, and only their hashes are left.
	Checked int64 `json:"checked"`
	Removed int64 `json:"removed,omitempty"`
	// RemovedFrom and RemovedUntil are when the oldest and the newest of the removed
	// events were recorded, and RemovedAt when the newest ones were removed, as the
	// gateway has signed.
	RemovedFrom  time.Time `json:"removed_from,omitzero"`
	RemovedUntil time.Time `json:"removed_until,omitzero"`
	RemovedAt    time.Time `json:"removed_at,omitzero"`
	// First and Last are the times of the oldest and of the newest event.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Matched names the other checkpoints that the trail continues.
	Matched []string `json:"matched,omitempty"`
	// Findings says what is wrong, in the order of the events.
	Findings []Finding `json:"findings,omitempty"`
	// More counts further findings.
	More int `json:"more,omitempty"`
}

// Finding is something that is wrong with the trail.
type Finding struct {
	// Kind is one of the kinds below.
	Kind string `json:"kind"`
	// Event is the number of the event, from 1, or 0 if it is about none. Through is
	// the last one of a range.
	Event   int64 `json:"event,omitempty"`
	Through int64 `json:"through,omitempty"`
	// Expected and Found are hashes, in base64.
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	// Message says what is wrong.
	Message string `json:"message"`
}

// The kinds of findings.
const (
	// KindChanged: an event is not what was recorded.
	KindChanged = "changed"
	// KindMissing: events are not there.
	KindMissing = "missing"
	// KindMoved: an event is not in its place.
	KindMoved = "moved"
	// KindExtra: an event was never recorded.
	KindExtra = "extra"
	// KindTree: the hashes do not lead to a signed checkpoint.
	KindTree = "tree"
	// KindShorter: the trail is shorter than a checkpoint.
	KindShorter = "shorter"
	// KindSignature: a checkpoint is not signed as it should be.
	KindSignature = "signature"
	// KindLost: the trail itself says that it has lost events.
	KindLost = "lost"
)

// maxFindings is the maximum number of findings of a kind of trouble that is kept in
// detail, so that memory is bounded whatever was done to the trail.
const maxFindings = 1000

// finish sorts the findings and sets OK.
func (r *Report) finish() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Event, b.Event) })
	r.OK = len(r.Findings) == 0 && r.More == 0
}
