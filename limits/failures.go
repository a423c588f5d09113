package limits

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// What bounds the counters in memory. Who has more addresses than that pushes
// out counters, its own first.
const (
	maxNetworks = 50_000
	maxOwners   = 10_000
)

// failures counts those who fail to authenticate: by the client network that they
// come from, and by the owner that they name.
type failures struct {
	networks *otter.Cache[netip.Prefix, *failureCount]
	owners   *otter.Cache[string, *failureCount]
	now      func() time.Time
	// lastEnds, in Unix nanoseconds, is when the last of all periods ends:
	// after it nobody is counted, and no request looks for its counter.
	lastEnds atomic.Int64
}

func newFailures() *failures {
	return &failures{
		networks: otter.Must(&otter.Options[netip.Prefix, *failureCount]{MaximumSize: maxNetworks}),
		owners:   otter.Must(&otter.Options[string, *failureCount]{MaximumSize: maxOwners}),
		now:      time.Now,
	}
}

// failureCount holds the failures of one network or owner in the period that began with
// the first of them.
type failureCount struct {
	mu    sync.Mutex
	count int
	// ends is the end of the period; or, once there were too many, the end of
	// one that began with the last failure.
	ends time.Time
}

// blocked returns for how long nobody from this address may try as this owner;
// 0: they may. Too many failures of a network block it. Too many of an owner,
// who may be tried from everywhere at once, block only networks that have
// failed themselves: the owner's own programs go on.
func (f *failures) blocked(address netip.Addr, owner string, most token.Limit) (by Bound, wait time.Duration) {
	now := f.now()
	if now.UnixNano() >= f.lastEnds.Load() {
		return 0, 0
	}
	network, ok := f.networks.GetIfPresent(networkOf(address))
	if !ok {
		return 0, 0
	}
	count, ends := network.read(now)
	if count >= most.Requests {
		return NetworkFailures, ends.Sub(now)
	}
	if count == 0 || owner == "" {
		return 0, 0
	}
	if named, ok := f.owners.GetIfPresent(storage.Fold(owner)); ok {
		if count, ends := named.read(now); count >= most.Requests {
			return OwnerFailures, ends.Sub(now)
		}
	}
	return 0, 0
}

// failed counts one failure, and tells which bound is reached by it.
func (f *failures) failed(address netip.Addr, owner string, most token.Limit) (reached Bound) {
	now := f.now()
	f.endsNotBefore(now.Add(most.Period))
	network, _ := f.networks.ComputeIfAbsent(networkOf(address), newFailureCount)
	if network.add(now, most) {
		reached = NetworkFailures
	}
	if owner == "" {
		return reached
	}
	named, _ := f.owners.ComputeIfAbsent(storage.Fold(owner), newFailureCount)
	if named.add(now, most) && reached == 0 {
		reached = OwnerFailures
	}
	return reached
}

// endsNotBefore moves lastEnds, never back: the period of a configuration before
// may have been longer.
func (f *failures) endsNotBefore(end time.Time) {
	for ends := f.lastEnds.Load(); end.UnixNano() > ends; ends = f.lastEnds.Load() {
		if f.lastEnds.CompareAndSwap(ends, end.UnixNano()) {
			return
		}
	}
}

func newFailureCount() (*failureCount, bool) { return new(failureCount), false }

// networkOf is what one client has: an IPv4 address, or the /64 that a host's
// IPv6 addresses are of.
func networkOf(address netip.Addr) netip.Prefix {
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // an invalid address has the zero prefix
	return prefix
}

// read returns how many failures there were in the period, and its end.
func (c *failureCount) read(now time.Time) (count int, ends time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.ends) {
		return 0, now
	}
	return c.count, c.ends
}

// add counts one failure, and tells whether it is the one too many.
func (c *failureCount) add(now time.Time, most token.Limit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.ends) {
		c.count, c.ends = 0, now.Add(most.Period)
	}
	if c.count++; c.count >= most.Requests {
		c.ends = now.Add(most.Period)
	}
	return c.count == most.Requests
}
