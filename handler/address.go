package handler

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// maxHops is the maximum number of trusted proxies in a request's chain: each is
// checked against the configured ranges.
const maxHops = 50

// unreadAddress is a header entry, sent by a trusted proxy, that does not parse as
// a client address.
type unreadAddress struct {
	header string
	entry  string
	// peer is the proxy that sent the request.
	peer netip.Addr
}

// String describes the entry, clipped to fit a message.
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

// clientAddress returns the client's address, or the entry that could not be
// parsed. A direct client's address is the connection's. Behind a proxy that Caddy
// trusts (trusted_proxies), it is the right-most entry of client_ip_headers that
// is not itself a trusted proxy.
//
// Caddy's own {client_ip} is not safe here. It skips entries that it cannot parse:
// in "203.0.113.7, [2001:db8::66]:4711", where a load balancer added the last
// entry and the client sent the first, it believes the client. Without
// trusted_proxies_strict it takes the left-most entry, which the client controls.
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
	return token.PlainAddr(addr), nil
}

// forwardedFor returns the address of a trusted proxy's client. If every entry is
// a trusted proxy, the farthest one is the client; without entries, it is the
// peer.
func forwardedFor(r *http.Request, server *caddyhttp.Server) (netip.Addr, *unreadAddress) {
	peer := peerAddress(r)
	farthest, hops := peer, 0
	for _, header := range server.ClientIPHeaders {
		lines := r.Header.Values(header)
		for _, line := range slices.Backward(lines) {
			for rest, more := line, true; more; {
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

// peerAddress returns the connection's remote address; the zero Addr for a Unix
// socket.
func peerAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return token.PlainAddr(addr)
}

// trusts reports whether Caddy trusts a proxy at addr. The server keeps its ranges,
// and the module that supplies them, to itself, so trusts prepares a request from
// addr and sees what Caddy makes of it.
func trusts(r *http.Request, server *caddyhttp.Server, addr netip.Addr) bool {
	hop := &http.Request{
		Method: r.Method, URL: new(url.URL), Header: make(http.Header), Host: r.Host, TLS: r.TLS,
		RemoteAddr: net.JoinHostPort(addr.String(), "0"),
	}
	hop = caddyhttp.PrepareRequest(hop.WithContext(context.WithoutCancel(r.Context())), caddy.NewEmptyReplacer(), nil, server)
	trusted, _ := caddyhttp.GetVar(hop.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// parseHop parses an entry of X-Forwarded-For or Forwarded (RFC 7239) in any form
// that proxies write: an address, possibly quoted, in brackets, with a port or a
// zone, or as the "for" parameter.
func parseHop(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	// The list was split at commas even inside quotes. Quoted text, such as a
	// host that the client chose, must not pass for an entry of its own.
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

// forParameter returns the value of the "for" parameter, which must occur once.
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

// parseNode parses an address with or without a port.
func parseNode(node string) (netip.Addr, bool) {
	if inside, found := strings.CutPrefix(node, "["); found {
		host, port, closed := strings.Cut(inside, "]")
		if !closed || port != "" && !isPort(port) {
			return netip.Addr{}, false
		}
		addr, err := netip.ParseAddr(host)
		return token.PlainAddr(addr), err == nil
	}
	if addr, err := netip.ParseAddr(node); err == nil {
		return token.PlainAddr(addr), true
	}
	i := strings.LastIndexByte(node, ':')
	if i < 0 || !isPort(node[i:]) {
		return netip.Addr{}, false
	}
	// IPv6 with a port but no brackets is unambiguous only if the rest is a
	// complete address.
	addr, err := netip.ParseAddr(node[:i])
	return token.PlainAddr(addr), err == nil
}

// isPort reports whether s is a colon and a port, possibly obfuscated (RFC 7239,
// section 6).
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

// ClientAddress returns the client's address as for requests with a token. It reports
// false if the address is not known or cannot be parsed.
func ClientAddress(r *http.Request) (netip.Addr, bool) {
	address, _ := clientAddress(r)
	return address, address.IsValid()
}
