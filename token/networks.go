package token

import (
	"fmt"
	"net/netip"
	"strings"
)

// MaxNetworks is the maximum number of ranges that a token can allow, and that
// it can deny. All are kept in memory and checked on every request.
const MaxNetworks = 100

// Networks restricts the client addresses from which a token works.
type Networks struct {
	// Allow lists the allowed ranges. If empty, all addresses are allowed.
	Allow []netip.Prefix `json:"allow,omitempty"`
	// Deny lists ranges that are denied, even within an allowed one.
	Deny []netip.Prefix `json:"deny,omitempty"`
}

// Permits reports whether a client at addr may use the token. It compares
// PlainAddr(addr), and deny takes precedence over allow. If there are
// restrictions, an invalid address is refused.
func (n Networks) Permits(addr netip.Addr) bool {
	if n.IsZero() {
		return true
	}
	if !addr.IsValid() {
		return false
	}
	addr = PlainAddr(addr)
	if containedIn(n.Deny, addr) {
		return false
	}
	return len(n.Allow) == 0 || containedIn(n.Allow, addr)
}

// IsZero reports whether n has no restrictions.
func (n Networks) IsZero() bool { return len(n.Allow) == 0 && len(n.Deny) == 0 }

// valid reports whether all ranges are in the form that ParseNetwork returns.
// Others, such as IPv4-mapped IPv6 ranges, would match nothing.
func (n Networks) valid() bool {
	for _, list := range [][]netip.Prefix{n.Allow, n.Deny} {
		for _, p := range list {
			if parsed, err := ParseNetwork(p.String()); err != nil || parsed != p {
				return false
			}
		}
	}
	return true
}

// PlainAddr returns addr in the one form that ranges are compared with. It strips
// the zone, because a prefix contains no address with a zone. IPv4 addresses inside
// IPv6 addresses become plain IPv4, whether mapped (::ffff:203.0.113.7) or
// translated with the well-known prefix of NAT64 (64:ff9b::203.0.113.7): otherwise
// the same client would escape a denied IPv4 range.
func PlainAddr(addr netip.Addr) netip.Addr {
	addr = addr.WithZone("").Unmap()
	if !nat64.Contains(addr) {
		return addr
	}
	bytes := addr.As16()
	return netip.AddrFrom4([4]byte(bytes[12:]))
}

// nat64 is the well-known prefix of RFC 6052. Networks may translate with other
// prefixes (RFC 8215), which only their operators know.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func containedIn(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// ParseNetwork parses a CIDR range, or a single address as a range of one. Host
// bits must be zero, because 10.1.2.3/8 is most likely a mistake. Ranges of IPv6
// addresses that stand for IPv4 become IPv4 ranges: see PlainAddr.
func ParseNetwork(s string) (netip.Prefix, error) {
	const expected = "expected a range such as 10.0.0.0/8 or 2001:db8::/32, or an address"
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("invalid network %q: %s", s, expected)
		}
		addr = PlainAddr(addr)
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("invalid network %q: %s", s, expected)
	}
	if plain := PlainAddr(p.Addr()); plain.BitLen() != p.Addr().BitLen() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("network %q mixes IPv4 and IPv6: write the IPv4 range itself", s)
		}
		p = netip.PrefixFrom(plain, p.Bits()-96)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("network %q has host bits set: did you mean %s?", s, p.Masked())
	}
	return p, nil
}

// ParseNetworks parses each item of list with ParseNetwork.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		p, err := ParseNetwork(s)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}
