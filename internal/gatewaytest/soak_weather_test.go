package gatewaytest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The configuration of the soak's gateways. An outage can be longer than grace, and a
// subscription can be lost for longer than ttl.
const (
	soakTTL   = time.Second
	soakGrace = 3 * time.Second
)

// Further promises. The node that made a change honors it from its response on; these
// are for other nodes, and for the time after an outage.
const (
	// soakPush is how long, after a change was acknowledged, another node may not have
	// been notified while the store is up. Usually it takes about a millisecond; a
	// subscription that was just cut is back after another 50 ms, and then everything
	// is read again.
	soakPush = time.Second
	// soakUp is how long, after the store responds again, a node may still consider it
	// down: it probes every 250 ms and waits 500 ms for the response.
	soakUp = 1500 * time.Millisecond
	// soakSubscribed is how long, after the store responds again, a node may miss
	// changes: it retries at least every 2 s and waits 500 ms for each step.
	soakSubscribed = 3500 * time.Millisecond
	// soakUnknown is how long a node remembers that an ID is unknown.
	soakUnknown = 5 * time.Second
	// soakDrained is how long, after a reload, the previous configuration's server may
	// close connections: it looks for idle ones every 500 ms.
	soakDrained = time.Second
)

// trouble is what the soak does to the gateways and their store.
type trouble int

const (
	storeAway          trouble = iota // killed or stopped
	subscriptionsCut                  // CLIENT KILL TYPE pubsub
	connectionsCut                    // CLIENT KILL TYPE normal
	reloaded                          // with the same cache
	reloadedWithACache                // with another cache
)

func (t trouble) String() string {
	return [...]string{"store away", "subscriptions cut", "connections cut", "reload", "reload with another cache"}[t]
}

// spell is a spell of trouble.
type spell struct {
	trouble  trouble
	node     int // of a reload
	how      string
	from, to time.Time // to is zero while it lasts
	// gone is since when the store has not responded to anybody.
	gone time.Time
}

func (s *spell) overlaps(from, to time.Time, after time.Duration) bool {
	return !s.from.After(to) && (s.to.IsZero() || !s.to.Add(after).Before(from))
}

// weather is the history of all trouble, guarded by the model's lock.
type weather []*spell

// any reports whether there was trouble of these kinds between two moments, or
// within the duration after before the first.
func (w weather) any(from, to time.Time, after time.Duration, kinds ...trouble) bool {
	return slices.ContainsFunc(w, func(s *spell) bool {
		return slices.Contains(kinds, s.trouble) && s.overlaps(from, to, after)
	})
}

// reloading reports whether a node reloaded between two moments, or finished a
// reload within the duration after before the first.
func (w weather) reloading(node int, from, to time.Time, after time.Duration, kinds ...trouble) bool {
	return slices.ContainsFunc(w, func(s *spell) bool {
		return s.node == node && slices.Contains(kinds, s.trouble) && s.overlaps(from, to, after)
	})
}

// storeMayBeAway reports whether the store may be unreachable for a node between
// two moments.
func (w weather) storeMayBeAway(from, to time.Time) bool {
	return w.any(from, to, soakUp, storeAway)
}

// goneFor returns how long, at a given moment, the store has answered no one; 0 if
// it may have.
func (w weather) goneFor(at time.Time) time.Duration {
	for _, s := range w {
		if !s.gone.IsZero() && s.gone.Before(at) && (s.to.IsZero() || s.to.After(at)) {
			return at.Sub(s.gone)
		}
	}
	return 0
}

// describe lists the trouble around a given moment.
func (w weather) describe(start, from, to time.Time) string {
	var b strings.Builder
	for _, s := range w {
		if !s.overlaps(from.Add(-2*soakGrace), to, 0) {
			continue
		}
		end := "still on"
		if !s.to.IsZero() {
			end = "to " + since(start, s.to)
		}
		where := ""
		if s.trouble == reloaded || s.trouble == reloadedWithACache {
			where = fmt.Sprintf(" of node %d", s.node)
		}
		fmt.Fprintf(&b, "  %s%s %s: from %s %s\n", s.trouble, where, s.how, since(start, s.from), end)
	}
	return b.String()
}

func since(start, t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return fmt.Sprintf("%.4fs", t.Sub(start).Seconds())
}
