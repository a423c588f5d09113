package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// dialer makes a connection.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// subscribing marks the context in which a subscription is made, so that its
// connection can be told from those of the pool.
type subscribing struct{}

// conns tracks the open connections, so that those that lead to the wrong
// server, or nowhere, can be closed. The library replaces what breaks, but a
// connection to a server that has been replaced may go on answering, from a
// state that is past.
type conns struct {
	mu   sync.Mutex
	open map[*conn]struct{}
	// generation counts calls of closeAll: a connection whose dialing began in
	// an earlier generation may lead to the server that was abandoned.
	generation uint64
}

// conn is a tracked connection.
type conn struct {
	net.Conn
	addr         string // that was dialed
	subscription bool
	all          *conns
	once         sync.Once

	awaiting atomic.Bool  // something was sent and nothing came back yet
	heard    atomic.Int64 // when the server was last heard, in Unix nanoseconds; 0 if never
	refused  atomic.Bool  // the server said that it has no room for another client
}

// dial makes a connection and tracks it.
func (c *conns) dial(ctx context.Context, dial dialer, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	generation := c.generation
	c.mu.Unlock()
	inner, err := dial(ctx, network, addr)
	if err != nil {
		return nil, &unansweredError{err}
	}
	outer := &conn{Conn: inner, addr: addr, subscription: ctx.Value(subscribing{}) != nil, all: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		inner.Close()
		return nil, &unansweredError{fmt.Errorf("connection to %s: the address led to another server while it was dialed: %w", addr, net.ErrClosed)}
	}
	if c.open == nil {
		c.open = make(map[*conn]struct{})
	}
	c.open[outer] = struct{}{}
	return outer, nil
}

// closeIf closes the connections for which wrong reports true, and returns
// their number.
func (c *conns) closeIf(wrong func(*conn) bool) int {
	c.mu.Lock()
	var closing []*conn
	for conn := range c.open {
		if wrong(conn) {
			closing = append(closing, conn)
		}
	}
	c.mu.Unlock()
	for _, conn := range closing {
		conn.Close()
	}
	return len(closing)
}

// closeAll closes every connection, also those that are being dialed.
func (c *conns) closeAll() int {
	c.mu.Lock()
	c.generation++
	c.mu.Unlock()
	return c.closeIf(func(*conn) bool { return true })
}

// closeIdle closes the pooled connections that are not in use and whose server
// was not heard since then.
func (c *conns) closeIdle(since time.Time) int {
	return c.closeIf(func(conn *conn) bool {
		return !conn.subscription && !conn.awaiting.Load() && conn.heard.Load() < since.UnixNano()
	})
}

// closeSubscriptions closes the connections of subscriptions.
func (c *conns) closeSubscriptions() int {
	return c.closeIf(func(conn *conn) bool { return conn.subscription })
}

// unansweredError is a failure of a connection on which the server has never
// answered. The library greets the server first on every connection, so no
// command of ours was sent.
type unansweredError struct{ cause error }

func (u *unansweredError) Error() string { return u.cause.Error() }
func (u *unansweredError) Unwrap() error { return u.cause }

// errRefused is the failure of a connection that the server refused with
// refusal.
var errRefused = errors.New("ERR max number of clients reached")

// refusal is how a server begins its one answer to a client too many, before it
// closes the connection. The library takes it for the answer to its greeting.
var refusal = []byte("-ERR max number of clients")

// Read reads what the server sends.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	switch {
	case n > 0:
		if c.heard.Load() == 0 && bytes.HasPrefix(b[:n], refusal) {
			c.refused.Store(true)
		} else {
			c.heard.Store(time.Now().UnixNano())
		}
		c.awaiting.Store(false)
	case err != nil:
		err = c.failure(err)
	}
	return n, err
}

// Write sends a command.
func (c *conn) Write(b []byte) (int, error) {
	if c.refused.Load() {
		return 0, &unansweredError{errRefused}
	}
	c.awaiting.Store(true)
	n, err := c.Conn.Write(b)
	if err != nil {
		err = c.failure(err)
	}
	return n, err
}

func (c *conn) failure(err error) error {
	switch {
	case c.refused.Load():
		return &unansweredError{errRefused}
	case c.heard.Load() == 0:
		return &unansweredError{err}
	}
	return err
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
// whether it was closed.
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
