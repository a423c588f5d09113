package limits

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

var tenAMinute = token.Limit{Requests: 10, Period: time.Minute, Burst: 10}

func TestFailuresOfANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := node(t, nil, nil)
		l.Failures = tenAMinute
		for _, test := range []struct{ address, same, other string }{
			{"203.0.113.7", "203.0.113.7", "203.0.113.8"},
			{"2001:db8::7", "2001:db8::ffff:1", "2001:db8:0:1::7"},
		} {
			address := netip.MustParseAddr(test.address)
			for i := range 10 {
				if exceeded := l.Blocked(address, "anna"); exceeded != nil {
					t.Fatalf("%s is blocked after %d failures", address, i)
				}
				l.Failed(address, fmt.Sprint("owner ", i))
			}
			exceeded := l.Blocked(netip.MustParseAddr(test.same), "anna")
			if exceeded == nil || exceeded.RetryAfter != time.Minute || exceeded.Bound != NetworkFailures {
				t.Errorf("%s: %+v, want blocked for a minute", test.same, exceeded)
			}
			if exceeded := l.Blocked(netip.MustParseAddr(test.other), "owner 1"); exceeded != nil {
				t.Errorf("%s is blocked", test.other)
			}
			time.Sleep(time.Minute)
			if exceeded := l.Blocked(address, "anna"); exceeded != nil {
				t.Errorf("%s is blocked after a minute", address)
			}
		}
	})
}

// TestFailuresOfAnOwner checks that an attacker who tries one owner from many networks is
// blocked, but that the owner's own network is not.
func TestFailuresOfAnOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := node(t, nil, nil)
		l.Failures = tenAMinute
		at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}) }
		for i := range 10 {
			l.Failed(at(i), "Anna")
		}
		for i := range 10 {
			if l.Blocked(at(i), "anna") == nil {
				t.Errorf("%s is not blocked", at(i))
			}
			if l.Blocked(at(i), "bert") != nil {
				t.Errorf("%s is blocked for another owner", at(i))
			}
			l.Failed(at(100+i), "bert") // a colleague's old script in the owner's network
			if l.Blocked(at(100+i), "anna") != nil {
				t.Errorf("%s is blocked, but has failed only for another owner", at(100+i))
			}
		}
		if l.Blocked(at(200), "ANNA") != nil {
			t.Error("the owner is blocked")
		}
	})
}

// TestLookupsOfABlockedNetwork: however many guesses arrive, one token a second is looked
// up for each blocked network, and none right after it was blocked.
func TestLookupsOfABlockedNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := node(t, nil, nil)
		l.Failures = tenAMinute
		address, other := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")
		for range 10 {
			l.Failed(address, "anna")
			l.Failed(other, "bert")
		}
		lookups := 0
		for range 3000 {
			if l.MayLookUp(address) {
				lookups++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if lookups != 29 { // in 30 seconds
			t.Errorf("%d lookups, want 29", lookups)
		}
		if !l.MayLookUp(other) || l.MayLookUp(other) {
			t.Error("another network does not have its own turn")
		}
	})
}

func TestFewFailuresInAPeriodAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := node(t, nil, nil)
		l.Failures = tenAMinute
		address := netip.MustParseAddr("203.0.113.7")
		for range 20 {
			for range 9 {
				l.Failed(address, "anna")
			}
			if l.Blocked(address, "anna") != nil {
				t.Fatal("blocked by 9 failures a minute")
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestFailureCountersAreBounded(t *testing.T) {
	l := node(t, nil, nil)
	l.Failures = tenAMinute
	for i := range 2 * maxNetworks {
		l.Failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), fmt.Sprint("owner ", i))
	}
	l.failures.networks.CleanUp()
	l.failures.owners.CleanUp()
	if n := l.failures.networks.EstimatedSize(); n > maxNetworks {
		t.Errorf("%d networks are counted, want at most %d", n, maxNetworks)
	}
	if n := l.failures.owners.EstimatedSize(); n > maxOwners {
		t.Errorf("%d owners are counted, want at most %d", n, maxOwners)
	}
}

func TestFailuresOff(t *testing.T) {
	l := node(t, nil, nil)
	l.Failures = token.Unlimited
	address := netip.MustParseAddr("203.0.113.7")
	for range 1000 {
		l.Failed(address, "anna")
	}
	if l.Blocked(address, "anna") != nil {
		t.Error("blocked")
	}
}
