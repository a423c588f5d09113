package admin

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// maxActorName is the maximum length of an actor's name, in bytes.
const maxActorName = 100

// actor returns who makes the change, for the audit trail: what is known about the
// client, and apart from that what it calls itself.
func (c *call) actor() registry.Actor {
	if c.visitor != nil {
		return c.visitor.Actor
	}
	return registry.Actor{
		Kind:    registry.ActorAdmin,
		Name:    token.Printable(knownName(c.Request), maxActorName),
		Address: address(c.RemoteAddr),
		Claim:   token.Claim(c.UserAgent()),
	}
}

// address returns the IP address of a client, or "unix socket": Go's server has no
// address for clients of those.
func address(remote string) string {
	switch host, _, err := net.SplitHostPort(remote); {
	case err == nil:
		return host
	case remote == "" || remote == "@":
		return "unix socket"
	}
	return remote
}

// knownName returns the subject of the client's certificate, which Caddy has verified,
// or the local user who runs the client; "" if neither is known.
func knownName(r *http.Request) string {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0].Subject.String()
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !client.Addr().IsLoopback() {
		return ""
	}
	uid, ok := localUser(client)
	if !ok {
		return ""
	}
	if known, err := user.LookupId(uid); err == nil {
		return "local user " + known.Username
	}
	return "local user " + uid
}

// localUser returns the ID of the user who owns this machine's end of a connection at
// client. Linux lists it in /proc/net/tcp; elsewhere it is unknown.
func localUser(client netip.AddrPort) (uid string, ok bool) {
	for _, table := range []struct {
		file string
		addr netip.Addr
	}{{"/proc/net/tcp", client.Addr().Unmap()}, {"/proc/net/tcp6", netip.AddrFrom16(client.Addr().As16())}} {
		file, err := os.Open(table.file)
		if err != nil {
			continue
		}
		uid, ok = ownerIn(file, procAddress(netip.AddrPortFrom(table.addr, client.Port())))
		_ = file.Close() // it was only read
		if ok {
			return uid, true
		}
	}
	return "", false
}

// ownerIn finds the user in the row of /proc/net/tcp for a connection from local.
func ownerIn(table interface{ Read([]byte) (int, error) }, local string) (uid string, ok bool) {
	const localAt, uidAt = 1, 7
	for rows := bufio.NewScanner(table); rows.Scan(); {
		columns := strings.Fields(rows.Text())
		if len(columns) <= uidAt || columns[localAt] != local {
			continue
		}
		_, err := strconv.ParseUint(columns[uidAt], 10, 32)
		return columns[uidAt], err == nil
	}
	return "", false
}

// procAddress formats an address as /proc/net/tcp does: as words of 32 bits in the
// machine's byte order (proc_pid_net(5)).
func procAddress(a netip.AddrPort) string {
	bytes := a.Addr().AsSlice()
	for word := bytes; len(word) >= 4; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	return fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString(bytes)), a.Port())
}
