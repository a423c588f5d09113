package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// dialer makes a connection.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// subscribing is the context key that marks the dialing of a subscription, to
// distinguish its connection from pooled ones.
type subscribing struct{}

// conns tracks the open connections, so that those to the wrong server, or to none,
// can be closed. go-redis replaces broken connections, but a connection to a server
// that has been replaced may still work, and return outdated data.
type conns struct {
	mu   sync.Mutex
	open map[*conn]struct{}
	// generation counts calls of closeAll. A connection whose dialing began in an
	// earlier generation may lead to the old server.
	generation uint64
}

// conn is a tracked connection.
type conn struct {
	net.Conn
	addr         string // the dialed address
	subscription bool
	all          *conns
	once         sync.Once

	awaiting atomic.Bool  // a command was sent and nothing has been received since
	heard    atomic.Int64 // when data was last received, in Unix nanoseconds; 0 if never
	refused  atomic.Bool  // the server has too many clients to accept this one
}

// maxDials is the maximum number of times that dial tries if closeAll is called
// meanwhile.
const maxDials = 5

// dial makes a connection and tracks it. If closeAll is called meanwhile, the
// connection may lead to the old server, so that dial makes another one: failing
// would look like an outage.
func (c *conns) dial(ctx context.Context, dial dialer, network, addr string) (net.Conn, error) {
	for range maxDials {
		c.mu.Lock()
		generation := c.generation
		c.mu.Unlock()
		inner, err := dial(ctx, network, addr)
		if err != nil {
			return nil, &unansweredError{err}
		}
		outer := &conn{Conn: inner, addr: addr, subscription: ctx.Value(subscribing{}) != nil, all: c}
		if c.track(outer, generation) {
			return outer, nil
		}
		inner.Close()
	}
	return nil, &unansweredError{fmt.Errorf("connection to %s: the address keeps moving to other servers: %w", addr, net.ErrClosed)}
}

// track adds a connection to the open ones, unless the generation in which its dialing
// began is over.
func (c *conns) track(outer *conn, generation uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return false
	}
	if c.open == nil {
		c.open = make(map[*conn]struct{})
	}
	c.open[outer] = struct{}{}
	return true
}

// closeIf closes the connections for which wrong returns true, and returns their
// number.
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

// closeAll closes every connection, including those being dialed.
func (c *conns) closeAll() int {
	c.mu.Lock()
	c.generation++
	c.mu.Unlock()
	return c.closeIf(func(*conn) bool { return true })
}

// closeIdle closes the pooled connections that are not in use and on which nothing
// was received since then.
func (c *conns) closeIdle(since time.Time) int {
	return c.closeIf(func(conn *conn) bool {
		return !conn.subscription && !conn.awaiting.Load() && conn.heard.Load() < since.UnixNano()
	})
}

// closeSubscriptions closes the connections of subscriptions.
func (c *conns) closeSubscriptions() int {
	return c.closeIf(func(conn *conn) bool { return conn.subscription })
}

// unansweredError is the failure of a connection on which nothing was ever received.
// On every connection go-redis first greets the server, so none of our commands was
// sent.
type unansweredError struct{ cause error }

func (u *unansweredError) Error() string { return u.cause.Error() }
func (u *unansweredError) Unwrap() error { return u.cause }

// errRefused is the failure of a connection that the server refused with refusal.
var errRefused = errors.New("ERR max number of clients reached")

// refusal is the prefix of what a server with too many clients sends before it
// closes a new connection. go-redis mistakes it for the reply to its greeting.
var refusal = []byte("-ERR max number of clients")

// Read implements net.Conn.
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

// Write implements net.Conn.
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

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(at time.Time) error { return c.failure(c.Conn.SetReadDeadline(at)) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(at time.Time) error { return c.failure(c.Conn.SetWriteDeadline(at)) }

// failure returns the error for a failed call of the connection. If we have closed the
// connection, it wraps io.EOF: go-redis then retries what may be sent again, as it does
// if the server closes one.
func (c *conn) failure(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, net.ErrClosed) {
		err = fmt.Errorf("%w: %w", io.EOF, err)
	}
	switch {
	case c.refused.Load():
		return &unansweredError{errRefused}
	case c.heard.Load() == 0:
		return &unansweredError{err}
	}
	return err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		delete(c.all.open, c)
	})
	return c.Conn.Close()
}

// SyscallConn lets go-redis check whether an idle connection was closed before it
// uses it again.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if inner, ok := c.Conn.(syscall.Conn); ok {
		return inner.SyscallConn()
	}
	// There is no looking into a TLS connection, but we know whether we have closed
	// it.
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if _, open := c.all.open[c]; !open {
		return nil, fmt.Errorf("connection to %s: %w", c.addr, net.ErrClosed)
	}
	return opaque{}, nil
}

// opaque is a syscall.RawConn that shows nothing.
type opaque struct{}

func (opaque) Control(func(uintptr)) error    { return nil }
func (opaque) Read(func(uintptr) bool) error  { return nil }
func (opaque) Write(func(uintptr) bool) error { return nil }
