package redisstore

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// dialer makes a connection.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// conns are connections that must lead to the present primary. One that leads
// to the primary before can go on answering, from a state that is past, and
// the library keeps it: it replaces what breaks, so what is in the wrong place
// is broken here.
type conns struct {
	mu   sync.Mutex
	open map[*conn]struct{}
}

// conn is one of them.
type conn struct {
	net.Conn
	addr string // that was dialed
	all  *conns
	once sync.Once
}

// dial makes a connection that closeOthers can close.
func (c *conns) dial(ctx context.Context, dial dialer, network, addr string) (net.Conn, error) {
	inner, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	outer := &conn{Conn: inner, addr: addr, all: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[*conn]struct{})
	}
	c.open[outer] = struct{}{}
	return outer, nil
}

// closeOthers closes the connections that lead elsewhere than to addr, and
// returns how many these were.
func (c *conns) closeOthers(addr string) int {
	c.mu.Lock()
	var others []*conn
	for other := range c.open {
		if other.addr != addr {
			others = append(others, other)
		}
	}
	c.mu.Unlock()
	for _, other := range others {
		other.Close()
	}
	return len(others)
}

// Close closes the connection.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		delete(c.all.open, c)
	})
	return c.Conn.Close()
}

// SyscallConn lets the library see, before it uses a connection that was idle,
// whether that was closed.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if inner, ok := c.Conn.(syscall.Conn); ok {
		return inner.SyscallConn()
	}
	// What TLS has buffered cannot be looked at, but a connection that was
	// closed here is known.
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if _, open := c.all.open[c]; !open {
		return nil, fmt.Errorf("connection to %s: %w", c.addr, net.ErrClosed)
	}
	return opaque{}, nil
}

// opaque is a connection of which nothing can be seen.
type opaque struct{}

func (opaque) Control(func(uintptr)) error    { return nil }
func (opaque) Read(func(uintptr) bool) error  { return nil }
func (opaque) Write(func(uintptr) bool) error { return nil }
