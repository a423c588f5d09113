package limits

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// What bounds the counters in memory. Who has more addresses than that pushes
// out counters, its own first.
const (
	maxNetworks = 50_000
	maxOwners   = 10_000
	// maxTried is how many owners are remembered that a network has failed for:
	// the last ones.
	maxTried = 8
)

// failures counts those who fail to authenticate: by the client network that they
// come from, and by the owner that they name.
type failures struct {
	networks *otter.Cache[netip.Prefix, *failureCount]
	owners   *otter.Cache[ownerHash, *failureCount]
	seed     maphash.Seed
	now      func() time.Time
	began    time.Time
	// lastEnds is how long after began the last of all periods ends: after it
	// nobody is counted, and no request looks for its counter.
	lastEnds atomic.Int64
}

// ownerHash stands for the name of an owner. The name itself is not kept: it is
// what somebody has sent, perhaps a password in the wrong place.
type ownerHash uint64

func newFailures() *failures {
	return &failures{
		networks: otter.Must(&otter.Options[netip.Prefix, *failureCount]{MaximumSize: maxNetworks}),
		owners:   otter.Must(&otter.Options[ownerHash, *failureCount]{MaximumSize: maxOwners}),
		seed:     maphash.MakeSeed(),
		now:      time.Now,
		began:    time.Now(),
	}
}

// blocked returns for how long nobody from this address may try as this owner,
// and by which bound; 0: they may. Too many failures of a network block it. Too
// many of an owner, who may be tried from everywhere at once, block the networks
// that have failed for this owner: the owner's own programs go on.
func (f *failures) blocked(address netip.Addr, owner string, most token.Limit) (by Bound, wait time.Duration) {
	now := f.now()
	if now.Sub(f.began) >= time.Duration(f.lastEnds.Load()) {
		return 0, 0
	}
	network, ok := f.networks.GetIfPresent(NetworkOf(address))
	if !ok {
		return 0, 0
	}
	if wait := network.exceeds(now, most); wait > 0 {
		return NetworkFailures, wait
	}
	hash := f.hash(owner)
	if owner == "" || !network.hasTried(now, hash) {
		return 0, 0
	}
	if named, ok := f.owners.GetIfPresent(hash); ok {
		return OwnerFailures, named.exceeds(now, most)
	}
	return 0, 0
}

// failed counts one failure, and tells which bound is reached by it.
func (f *failures) failed(address netip.Addr, owner string, most token.Limit) (reached Bound) {
	now := f.now()
	f.endsNotBefore(now.Add(most.Period))
	network, _ := f.networks.ComputeIfAbsent(NetworkOf(address), newFailureCount)
	if network.add(now, most) {
		reached = NetworkFailures
	}
	if owner == "" {
		return reached
	}
	hash := f.hash(owner)
	network.try(hash)
	named, _ := f.owners.ComputeIfAbsent(hash, newFailureCount)
	if named.add(now, most) && reached == 0 {
		reached = OwnerFailures
	}
	return reached
}

func (f *failures) hash(owner string) ownerHash {
	return ownerHash(maphash.String(f.seed, token.Fold(owner)))
}

// endsNotBefore moves lastEnds, never back: the period of a configuration before
// may have been longer.
func (f *failures) endsNotBefore(end time.Time) {
	after := int64(end.Sub(f.began))
	for ends := f.lastEnds.Load(); after > ends; ends = f.lastEnds.Load() {
		if f.lastEnds.CompareAndSwap(ends, after) {
			return
		}
	}
}

// NetworkOf returns what one client is taken to have: its IPv4 address, or the
// /64 of its IPv6 address.
func NetworkOf(address netip.Addr) netip.Prefix {
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // an invalid address has the zero prefix
	return prefix
}

// failureCount holds the failures of one network or owner in the period that
// began with the first of them.
type failureCount struct {
	mu    sync.Mutex
	count int
	// ends is the end of the period; or, once there were too many, the end of
	// one that began with the last failure.
	ends time.Time
	// tried are the owners that a network has failed for in the period, as far
	// as they are remembered; next is where the next one goes.
	tried [maxTried]ownerHash
	next  int
}

func newFailureCount() (*failureCount, bool) { return new(failureCount), false }

// exceeds returns for how long there were too many; 0: there were not.
func (c *failureCount) exceeds(now time.Time, most token.Limit) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count < most.Requests {
		return 0
	}
	return max(0, c.ends.Sub(now))
}

// add counts one failure, and tells whether it is the one too many.
func (c *failureCount) add(now time.Time, most token.Limit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.ends) {
		c.count, c.ends, c.tried = 0, now.Add(most.Period), [maxTried]ownerHash{}
	}
	if c.count++; c.count >= most.Requests {
		c.ends = now.Add(most.Period)
	}
	return c.count == most.Requests
}

// try remembers that a network has failed for an owner.
func (c *failureCount) try(owner ownerHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.tried[:], owner) {
		c.tried[c.next] = owner
		c.next = (c.next + 1) % maxTried
	}
}

// hasTried tells whether a network has failed for an owner in the period.
func (c *failureCount) hasTried(now time.Time, owner ownerHash) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.ends) && slices.Contains(c.tried[:], owner)
}
