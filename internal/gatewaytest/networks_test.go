package gatewaytest

import (
	"fmt"
	"testing"
)

func TestNetworks(t *testing.T) {
	denied := refused(403, "network_denied")
	cases := map[string]networkCase{
		"no bounds":              {want: passes},
		"site allows":            {site: "allow_ip 127.0.0.0/8", want: passes},
		"site allows another":    {site: "allow_ip 10.0.0.0/8", want: denied},
		"site denies":            {site: "deny_ip 127.0.0.1", want: denied},
		"denied wins":            {site: "allow_ip 127.0.0.0/8\ndeny_ip 127.0.0.0/30", want: denied},
		"mapped range":           {site: "allow_ip ::ffff:127.0.0.0/104", want: passes},
		"mapped denied":          {site: "deny_ip ::ffff:127.0.0.1", want: denied},
		"token allows":           {allow: []string{"127.0.0.1"}, want: passes},
		"token allows another":   {allow: []string{"10.0.0.0/8", "2001:db8::/32"}, want: denied},
		"token denies":           {deny: []string{"127.0.0.0/8"}, want: denied},
		"token is no wider":      {site: "allow_ip 10.0.0.0/8", allow: []string{"127.0.0.1"}, want: denied},
		"site is no wider":       {site: "allow_ip 127.0.0.1", allow: []string{"10.0.0.0/8"}, want: denied},
		"spoofed":                {site: "allow_ip 10.0.0.0/8", headers: "X-Forwarded-For: 10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nClient-IP: 10.0.0.1\r\n", want: denied},
		"spoofed away":           {site: "deny_ip 127.0.0.0/8", headers: "X-Forwarded-For: 10.0.0.1\r\n", want: denied},
		"strict, right-most":     {global: strict, site: "allow_ip 10.0.0.0/8", headers: "X-Forwarded-For: 10.0.0.1\r\n", want: passes},
		"strict, spoofed":        {global: strict, site: "allow_ip 10.0.0.0/8", headers: "X-Forwarded-For: 10.0.0.1, 192.0.2.1\r\n", want: denied},
		"strict, proxy at end":   {global: strict, site: "allow_ip 10.0.0.0/8", headers: "X-Forwarded-For: 10.0.0.1, 127.0.0.9\r\n", want: passes},
		"strict, two headers":    {global: strict, site: "allow_ip 10.0.0.0/8", headers: "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n", want: denied},
		"strict, mapped":         {global: strict, site: "allow_ip 10.0.0.0/8", headers: "X-Forwarded-For: ::ffff:10.0.0.1\r\n", want: passes},
		"strict, mapped denied":  {global: strict, site: "deny_ip 10.0.0.0/8", headers: "X-Forwarded-For: ::ffff:10.0.0.1\r\n", want: denied},
		"strict, zone":           {global: strict, site: "deny_ip fe80::/10", headers: "X-Forwarded-For: fe80::1%eth0\r\n", want: denied},
		"strict, IPv6 with port": {global: strict, site: "deny_ip 2001:db8::/32", headers: "X-Forwarded-For: [2001:db8::1]:443\r\n", want: denied},
	}
	// The client is the last entry that is not a trusted proxy, in whatever form the
	// proxy writes it; an entry that cannot be parsed matches nobody.
	for name, forwarded := range map[string]struct {
		headers string
		want    want
	}{
		"plain":               {"X-Forwarded-For: 203.0.113.7\r\n", passes},
		"port":                {"X-Forwarded-For: 203.0.113.7:4711\r\n", passes},
		"mapped":              {"X-Forwarded-For: [::ffff:203.0.113.7]:4711\r\n", passes},
		"quoted":              {"X-Forwarded-For: \"203.0.113.7:4711\"\r\n", passes},
		"Forwarded":           {"X-Forwarded-For: for=203.0.113.7;proto=https\r\n", passes},
		"behind the client's": {"X-Forwarded-For: 198.51.100.1,\t203.0.113.7 \r\n", passes},
		"two proxies":         {"X-Forwarded-For: 203.0.113.7, [::ffff:127.0.0.9]:80\r\n", passes},
		"two lines":           {"X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\n", passes},
		"spoofed":             {"X-Forwarded-For: 203.0.113.7, 198.51.100.9\r\n", denied},
		"spoofed, port":       {"X-Forwarded-For: 203.0.113.7, 198.51.100.9:80\r\n", denied},
		"spoofed, brackets":   {"X-Forwarded-For: 203.0.113.7, [2001:db8::66]\r\n", denied},
		"spoofed, both":       {"X-Forwarded-For: 203.0.113.7, [2001:db8::66]:4711\r\n", denied},
		"spoofed, two lines":  {"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: [2001:db8::66]:4711\r\n", denied},
		"unknown":             {"X-Forwarded-For: 203.0.113.7, unknown\r\n", denied},
		"hidden":              {"X-Forwarded-For: 203.0.113.7, _hidden\r\n", denied},
		"empty entry":         {"X-Forwarded-For: 203.0.113.7,\r\n", denied},
		"empty header":        {"X-Forwarded-For:\r\n", denied},
	} {
		cases["strict, from "+name] = networkCase{global: strict, allow: []string{"203.0.113.7"}, headers: forwarded.headers, want: forwarded.want}
		cases["lax, from "+name] = networkCase{global: lax, allow: []string{"203.0.113.7"}, headers: forwarded.headers, want: forwarded.want}
	}
	// All sites of one kind are in the same Caddy, each on its own port.
	for _, global := range []string{"", strict, lax} {
		up, sites, addresses := newUpstream(t), "", make(map[string]string)
		for name, c := range cases {
			if c.global == global {
				addresses[name] = freeAddress(t)
				sites += fmt.Sprintf("http://:%s {\njira_gateway %s {\n%s\n}\n}\n", port(addresses[name]), up.url(), c.site)
			}
		}
		g := startGateway(t, options{global: global, more: sites, upstream: up})
		for name, address := range addresses {
			t.Run(name, func(t *testing.T) { cases[name].check(t, g, address) })
		}
	}
}

// networkCase is a site and a token, and whether they admit a client.
type networkCase struct {
	global, site string
	allow, deny  []string
	headers      string
	want         want
}

func (c networkCase) check(t *testing.T, g *gateway, address string) {
	var fields []any
	if c.allow != nil {
		fields = append(fields, "allow_ip", c.allow)
	}
	if c.deny != nil {
		fields = append(fields, "deny_ip", c.deny)
	}
	token := g.issue("alice", "read", fields...)
	get := func(headers string) answer {
		return g.sendTo(address, g.request("GET", issuePath, headers+c.headers))
	}
	g.check(t, get(token.basic()), c.want)
	if c.want.hits == 0 {
		// Only somebody with the right secret learns about networks, and nothing about scope.
		g.check(t, get(basic("alice", damaged(token.Token, 30))), refused(401, "invalid_token"))
		g.check(t, g.sendTo(address, g.request("POST", "/rest/api/3/issue", token.basic()+c.headers, "{}")), c.want)
	}
}

// TestPrivateRanges: the documented name is accepted.
func TestPrivateRanges(t *testing.T) {
	g := startGateway(t, options{site: "allow_ip private_ranges"})
	g.check(t, g.do("GET", issuePath, g.issue("alice", "read").basic()), passes)
}

// lax is the same without trusted_proxies_strict, which only Caddy's own parsing uses.
const lax = "servers {\ntrusted_proxies static 127.0.0.0/8\n}"

const strict = "servers {\ntrusted_proxies static 127.0.0.0/8\ntrusted_proxies_strict\n}"
