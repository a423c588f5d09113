package storage

import "time"

// Holder says in a document which node does something for all. The node is trusted to do
// it as long as Beat keeps changing.
type Holder struct {
	Node string `json:"node,omitempty"`
	Beat uint64 `json:"beat,omitempty"`
}

// The times of a Claim. A node that cannot give a sign of life for so long has lost the
// claim, and finds that out when it changes the document.
const (
	// ClaimTime is how long a node that gives no sign of life is waited for.
	ClaimTime = 45 * time.Second
	// BeatEvery is how often a node should change the Beat.
	BeatEvery = 10 * time.Second
)

// Claim is what a node knows about the holder in a document. It measures with the
// monotonic clock how long the Beat stays the same, so that no clock needs to be right.
type Claim struct {
	seen  Holder
	since time.Time
}

// MayTake reports whether this node may become the holder, and remembers the current one.
func (c *Claim) MayTake(current Holder, self string) bool {
	if current != c.seen || c.since.IsZero() {
		c.seen, c.since = current, time.Now()
	}
	return current.Node == "" || current.Node == self || time.Since(c.since) >= ClaimTime
}
