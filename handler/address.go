package handler

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// maxHops bounds how many trusted proxies one request may have come through:
// each entry costs a look at the configured ranges.
const maxHops = 50

// unreadAddress is an entry of a header from which a trusted proxy's word about
// the client could not be read.
type unreadAddress struct {
	header string
	entry  string
	// peer is the proxy that sent the request.
	peer netip.Addr
}

// String says what was found, short enough for a message.
func (u *unreadAddress) String() string {
	entry := u.entry
	switch {
	case entry == "":
		return u.header + " has an empty entry"
	case strings.Contains(entry, tokenPrefix):
		entry = "something else"
	default:
		entry = fmt.Sprintf("%+q", clip(entry, 60))
	}
	return u.header + " has " + entry
}

// clientAddress returns the client's address, or what stands in its place. For
// a request that comes straight from a client it is the connection's. A proxy
// that Caddy trusts (trusted_proxies) names its own client: that is the entry
// nearest to us in client_ip_headers that is not a trusted proxy itself.
//
// Caddy's own {client_ip} does not do for this: it skips what it cannot parse,
// so that of "203.0.113.7, [2001:db8::66]:4711", where the balancer wrote the
// last entry and the client the first, it takes the client's word; and without
// trusted_proxies_strict it takes the left-most entry, which is always the
// client's.
func clientAddress(r *http.Request) (netip.Addr, *unreadAddress) {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && server != nil {
			return forwardedFor(r, server)
		}
	}
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, nil
	}
	return plain(addr), nil
}

// forwardedFor reads the address of a trusted proxy's client. Where all entries
// are trusted proxies, the request began at the farthest of them; where there
// are none, at the one that sent it.
func forwardedFor(r *http.Request, server *caddyhttp.Server) (netip.Addr, *unreadAddress) {
	peer := peerAddress(r)
	farthest, hops := peer, 0
	for _, header := range server.ClientIPHeaders {
		lines := r.Header.Values(header)
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				var entry string
				rest, entry, more = cutLast(rest)
				addr, ok := parseHop(entry)
				if hops++; !ok || hops > maxHops {
					return netip.Addr{}, &unreadAddress{header: header, entry: strings.Trim(entry, " \t"), peer: peer}
				}
				if !trusts(r, server, addr) {
					return addr, nil
				}
				farthest = addr
			}
		}
		if len(lines) > 0 {
			return farthest, nil
		}
	}
	return farthest, nil
}

// cutLast cuts the last entry off a comma-separated list.
func cutLast(list string) (before, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// peerAddress is the address of the connection; none for a unix socket.
func peerAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return plain(addr)
}

// plain returns an address without its zone, and an IPv4 address mapped into
// IPv6 as an IPv4 one: ranges contain neither.
func plain(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// trusts reports whether Caddy would trust a proxy at this address. The ranges,
// and the modules that they can come from, are the server's own; but it answers
// for a request that comes from there.
func trusts(r *http.Request, server *caddyhttp.Server, addr netip.Addr) bool {
	hop := &http.Request{
		Method: r.Method, URL: new(url.URL), Header: make(http.Header), Host: r.Host, TLS: r.TLS,
		RemoteAddr: net.JoinHostPort(addr.String(), "0"),
	}
	hop = caddyhttp.PrepareRequest(hop.WithContext(context.WithoutCancel(r.Context())), caddy.NewEmptyReplacer(), nil, server)
	trusted, _ := caddyhttp.GetVar(hop.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// parseHop reads one entry of X-Forwarded-For or of Forwarded (RFC 7239), in
// the forms in which proxies write it: an address, in brackets or with a port or
// a zone, quoted, or as the parameter "for" of several.
func parseHop(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	// Commas within quotes were taken for the ends of entries: what is quoted,
	// such as a host that the client named, must not be read as another entry.
	if strings.Count(entry, `"`)%2 != 0 || strings.Contains(entry, `\`) {
		return netip.Addr{}, false
	}
	if strings.Contains(entry, "=") {
		var ok bool
		if entry, ok = forParameter(entry); !ok {
			return netip.Addr{}, false
		}
	}
	if len(entry) >= 2 && entry[0] == '"' && entry[len(entry)-1] == '"' {
		entry = strings.Trim(entry[1:len(entry)-1], " \t")
	}
	return parseNode(entry)
}

// forParameter returns the value of the one parameter "for".
func forParameter(element string) (value string, ok bool) {
	for parameter := range strings.SplitSeq(element, ";") {
		name, v, has := strings.Cut(parameter, "=")
		if !has || !strings.EqualFold(strings.Trim(name, " \t"), "for") {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = strings.Trim(v, " \t"), true
	}
	return value, ok
}

// parseNode reads an address with or without a port.
func parseNode(node string) (netip.Addr, bool) {
	if inside, found := strings.CutPrefix(node, "["); found {
		host, port, closed := strings.Cut(inside, "]")
		if !closed || port != "" && !isPort(port) {
			return netip.Addr{}, false
		}
		addr, err := netip.ParseAddr(host)
		return plain(addr), err == nil
	}
	if addr, err := netip.ParseAddr(node); err == nil {
		return plain(addr), true
	}
	i := strings.LastIndexByte(node, ':')
	if i < 0 || !isPort(node[i:]) {
		return netip.Addr{}, false
	}
	// IPv6 with a port but without brackets: only where the address is whole
	// without the port can it be told apart.
	addr, err := netip.ParseAddr(node[:i])
	return plain(addr), err == nil
}

// isPort reports whether s is a colon and a port, which may be an obfuscated one
// (RFC 7239, section 6).
func isPort(s string) bool {
	port, ok := strings.CutPrefix(s, ":")
	if !ok || port == "" || len(port) > 32 {
		return false
	}
	for i := range len(port) {
		c := port[i]
		digit := c >= '0' && c <= '9'
		obfuscated := port[0] == '_' && (c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '_' || c == '-')
		if !digit && !obfuscated {
			return false
		}
	}
	return port[0] == '_' || len(port) <= 5
}
