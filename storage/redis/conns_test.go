package redisstore

import (
	"context"
	"errors"
	"net"
	"testing"
)

// TestConnsElsewhereAreClosed checks that connections to other servers are closed, and
// that go-redis notices, even with TLS, where it cannot look into the connections.
func TestConnsElsewhereAreClosed(t *testing.T) {
	var all conns
	dial := func(context.Context, string, string) (net.Conn, error) {
		conn, _ := net.Pipe() // as opaque as TLS
		return conn, nil
	}
	open := make(map[string]*conn)
	for _, addr := range []string{"old", "new"} {
		c, err := all.dial(t.Context(), dial, "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		open[addr] = c.(*conn)
	}
	if n := all.closeIf(func(c *conn) bool { return c.addr != "new" }); n != 1 {
		t.Errorf("closed %d connections", n)
	}
	if _, err := open["new"].SyscallConn(); err != nil {
		t.Errorf("the connection to the primary: %v", err)
	}
	if _, err := open["old"].SyscallConn(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection to the old primary: %v", err)
	}
	open["new"].Close()
	if n := len(all.open); n != 0 {
		t.Errorf("%d connections are tracked", n)
	}
}
