package redisstore

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
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

// TestDialDuringAMove: if the address moves while a connection is being made, another one
// is made, which leads to the new server.
func TestDialDuringAMove(t *testing.T) {
	var all conns
	dialed := 0
	dial := func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		t.Cleanup(func() { here.Close(); there.Close() })
		if dialed++; dialed == 1 {
			all.closeAll()
		}
		return here, nil
	}
	made, err := all.dial(t.Context(), dial, "tcp", "redis.example.com:6379")
	if err != nil || dialed != 2 || len(all.open) != 1 {
		t.Fatalf("%v after %d attempts, %d connections are open", err, dialed, len(all.open))
	}
	if closed := all.closeAll(); closed != 1 {
		t.Errorf("closed %d connections", closed)
	}
	if _, err := made.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("read from a closed connection: %v", err)
	}
}

// TestCallsOutliveAMove: closing the connections to the old server fails no call. A
// failed read would look like an outage, in which other reads fail at once.
func TestCallsOutliveAMove(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil).(*store)
	record := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(record)); err != nil {
		t.Fatal(err)
	}
	var done [9]atomic.Int64 // the calls of each caller since the last move
	var callers sync.WaitGroup
	stop := make(chan struct{})
	for caller := range done[1:] {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := s.Get(t.Context(), record.ID); err != nil {
					t.Errorf("a read failed: %v", err)
					return
				}
				done[1+caller].Add(1)
			}
		})
	}
	callers.Go(func() {
		for i := 2; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(i, "anna", "a"))); err != nil {
				t.Errorf("a change failed: %v", err)
				return
			}
			done[0].Add(1)
		}
	})
	for range 30 {
		// The second call of each caller began after the last move: no call sees two.
		for i := range done {
			done[i].Store(0)
		}
		redistest.Eventually(t, "calls of all", func() error {
			for i := range done {
				if done[i].Load() < 2 && !t.Failed() {
					return errors.New("not yet")
				}
			}
			return nil
		})
		s.client.conns.closeAll()
	}
	close(stop)
	callers.Wait()
}
