package token

import (
	"net/netip"
	"strings"
	"testing"
)

func networks(t *testing.T, allow, deny string) Networks {
	t.Helper()
	a, err := ParseNetworks(strings.Fields(allow))
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseNetworks(strings.Fields(deny))
	if err != nil {
		t.Fatal(err)
	}
	return Networks{Allow: a, Deny: d}
}

func TestPermits(t *testing.T) {
	for _, test := range []struct {
		allow, deny, addr string
		want              bool
	}{
		{"", "", "192.0.2.1", true},
		{"10.0.0.0/8", "", "10.255.255.255", true},
		{"10.0.0.0/8", "", "11.0.0.0", false},
		{"10.0.0.0/8", "", "::ffff:10.0.0.1", true},
		{"", "10.0.0.0/8", "::ffff:10.0.0.1", false},
		{"10.0.0.0/8", "10.0.0.66", "10.0.0.66", false},
		{"10.0.0.66", "10.0.0.0/8", "10.0.0.66", false},
		{"2001:db8::/32", "", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "", "2001:db9::1", false},
		{"::ffff:10.0.0.0/104", "", "10.1.2.3", true},
		{"203.0.113.0/24", "", "64:ff9b::203.0.113.7", true},
		{"203.0.113.0/24", "", "64:ff9b::198.51.100.7", false},
		{"", "203.0.113.0/24", "64:ff9b::203.0.113.7", false},
		{"", "203.0.113.0/24", "64:ff9b::cb00:7107%eth0", false},
		{"10.0.0.0/8", "", "64:ff9b::10.0.0.1", true},
		{"", "10.0.0.0/8", "64:ff9b::10.0.0.1", false},
		{"64:ff9b::203.0.113.0/120", "", "203.0.113.7", true},
		{"64:ff9b::/96", "", "64:ff9b::203.0.113.7", true},
		{"", "64:ff9b::203.0.113.7", "64:ff9b::203.0.113.7", false},
		{"203.0.113.0/24", "", "64:ff9b:1::203.0.113.7", false}, // RFC 8215: for local use
		{"203.0.113.0/24", "", "64:ff9b::1:203.0.113.7", false},
		{"64:ff9b:1::/48", "", "64:ff9b:1::203.0.113.7", true},
		{"::/0", "", "10.1.2.3", false},
		{"0.0.0.0/0", "", "2001:db8::1", false},
		{"", "fe80::/10", "fe80::1%eth0", false},
		{"fe80::/10", "", "fe80::1%eth0", true},
	} {
		if got := networks(t, test.allow, test.deny).Permits(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("allow %q, deny %q: %s permitted: %t", test.allow, test.deny, test.addr, got)
		}
	}
	if networks(t, "10.0.0.0/8", "").Permits(netip.Addr{}) || networks(t, "", "10.0.0.0/8").Permits(netip.Addr{}) {
		t.Error("an invalid address was permitted despite restrictions")
	}
}

func TestParseNetworkRefuses(t *testing.T) {
	for s, hint := range map[string]string{
		"10.1.2.3/8":            "10.0.0.0/8",
		"10.0.0.0/40":           "expected a range",
		"10.0.0/8":              "expected a range",
		"010.0.0.0/8":           "expected a range",
		"":                      "expected a range",
		"localhost":             "expected a range",
		"fe80::1%eth0":          "expected a range",
		"::ffff:10.0.0.0/64":    "IPv4",
		"64:ff9b::/64":          "IPv4",
		"64:ff9b::10.1.2.3/104": "10.0.0.0/8",
		"2001:db8::1/32":        "2001:db8::/32",
		"10.0.0.0/8,10.0.0.1":   "expected a range",
	} {
		if _, err := ParseNetwork(s); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("network %q: %v, want an error that mentions %q", s, err, hint)
		}
	}
}
