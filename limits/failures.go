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

// Maximum numbers of counters in memory. An attacker with more addresses than that evicts
// counters, most likely their own.
const (
	maxNetworks = 50_000
	maxOwners   = 10_000
	// maxTried is the number of owners that are remembered per network: those for which
	// it has failed most recently.
	maxTried = 8
)

// blockedLookupInterval is how often a blocked network may have a token looked up that
// is not in the cache.
const blockedLookupInterval = time.Second

// failures counts failed authentications by client network and by the owner
// named.
type failures struct {
	networks *otter.Cache[netip.Prefix, *failureCount]
	owners   *otter.Cache[ownerHash, *failureCount]
	seed     maphash.Seed
	now      func() time.Time
	began    time.Time
	// lastEnds is when the last period ends, as the time since began. After that nobody
	// is blocked, and requests skip the lookup.
	lastEnds atomic.Int64
}

// ownerHash identifies an owner. The name itself is not kept: a client may have
// sent a password in its place.
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

// blocked returns the bound that blocks this address for this owner, and for how
// long; 0 means not blocked. Too many failures from a network block the network.
// Too many for an owner, perhaps from many networks at once, block the networks
// that failed for that owner, so that the owner's own programs keep working.
func (f *failures) blocked(address netip.Addr, owner string, limit token.Limit) (by Bound, wait time.Duration) {
	now := f.now()
	if now.Sub(f.began) >= time.Duration(f.lastEnds.Load()) {
		return 0, 0
	}
	network, ok := f.networks.GetIfPresent(NetworkOf(address))
	if !ok {
		return 0, 0
	}
	if wait := network.exceeds(now, limit); wait > 0 {
		return NetworkFailures, wait
	}
	hash := f.hash(owner)
	if owner == "" || !network.hasTried(now, hash) {
		return 0, 0
	}
	if named, ok := f.owners.GetIfPresent(hash); ok {
		return OwnerFailures, named.exceeds(now, limit)
	}
	return 0, 0
}

// mayLookUp reports whether a token may be looked up now for a blocked address.
func (f *failures) mayLookUp(address netip.Addr) bool {
	network, ok := f.networks.GetIfPresent(NetworkOf(address))
	return !ok || network.mayLookUp(f.now())
}

// failed records a failure and returns the bound that it reaches, or 0.
func (f *failures) failed(address netip.Addr, owner string, limit token.Limit) (reached Bound) {
	now := f.now()
	f.extend(now.Add(limit.Period))
	network, _ := f.networks.ComputeIfAbsent(NetworkOf(address), newFailureCount)
	if network.add(now, limit) {
		reached = NetworkFailures
	}
	if owner == "" {
		return reached
	}
	hash := f.hash(owner)
	network.try(hash)
	named, _ := f.owners.ComputeIfAbsent(hash, newFailureCount)
	if named.add(now, limit) && reached == 0 {
		reached = OwnerFailures
	}
	return reached
}

func (f *failures) hash(owner string) ownerHash {
	return ownerHash(maphash.String(f.seed, token.Fold(owner)))
}

// extend moves lastEnds forward to end, but never back, since an earlier configuration
// may have had a longer period.
func (f *failures) extend(end time.Time) {
	after := int64(end.Sub(f.began))
	for ends := f.lastEnds.Load(); after > ends; ends = f.lastEnds.Load() {
		if f.lastEnds.CompareAndSwap(ends, after) {
			return
		}
	}
}

// NetworkOf returns the network attributed to one client: its IPv4 address, or
// the /64 of its IPv6 address.
func NetworkOf(address netip.Addr) netip.Prefix {
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // zero for an invalid address
	return prefix
}

// failureCount counts the failures of one network or owner in the period that
// began with the first one.
type failureCount struct {
	mu    sync.Mutex
	count int
	// ends is the end of the period. Once there are too many failures, each
	// further one starts the period again.
	ends time.Time
	// nextLookup is when a token may next be looked up for the network, once it is
	// blocked.
	nextLookup time.Time
	// tried is a ring of the owners that a network failed for in the period;
	// next is the index of the next entry.
	tried [maxTried]ownerHash
	next  int
}

func newFailureCount() (*failureCount, bool) { return new(failureCount), false }

// exceeds returns how much longer the limit is exceeded, or 0 if it is not.
func (c *failureCount) exceeds(now time.Time, limit token.Limit) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count < limit.Requests {
		return 0
	}
	return max(0, c.ends.Sub(now))
}

// add records a failure and reports whether it reaches the limit.
func (c *failureCount) add(now time.Time, limit token.Limit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.ends) {
		c.count, c.ends, c.tried = 0, now.Add(limit.Period), [maxTried]ownerHash{}
	}
	if c.count++; c.count < limit.Requests {
		return false
	}
	c.ends = now.Add(limit.Period)
	reached := c.count == limit.Requests
	if reached {
		c.nextLookup = now.Add(blockedLookupInterval)
	}
	return reached
}

// mayLookUp reports whether a token may be looked up now for a blocked network, and
// uses up its turn.
func (c *failureCount) mayLookUp(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.nextLookup) {
		return false
	}
	c.nextLookup = now.Add(blockedLookupInterval)
	return true
}

// try records that a network failed for an owner.
func (c *failureCount) try(owner ownerHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.tried[:], owner) {
		c.tried[c.next] = owner
		c.next = (c.next + 1) % maxTried
	}
}

// hasTried reports whether a network failed for an owner in the period.
func (c *failureCount) hasTried(now time.Time, owner ownerHash) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.ends) && slices.Contains(c.tried[:], owner)
}
