package redistest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a TCP proxy between clients and a server. With it a test can simulate
// network failures, which the server's process cannot produce itself.
type Proxy struct {
	// Addr is the proxy's host:port.
	Addr string

	listener net.Listener

	mu       sync.Mutex
	target   string
	delay    time.Duration
	cut      bool
	restored chan struct{}             // closed when cut ends
	conns    map[net.Conn]*atomic.Bool // whether their data is dropped
}

// StartProxy starts a proxy in front of s.
func StartProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), listener: listener, target: s.Addr, conns: make(map[net.Conn]*atomic.Bool)}
	var serving sync.WaitGroup
	serving.Go(func() { p.accept(&serving) })
	t.Cleanup(func() {
		listener.Close()
		p.Heal()
		p.Reset()
		serving.Wait()
	})
	return p
}

// URL returns the URL of database 0 through the proxy.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// Slow delays all data from the server.
func (p *Proxy) Slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// Cut stops all data in both directions. Connections stay open, and new ones are
// accepted, as by a kernel that is still up.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.cut, p.restored = true, make(chan struct{})
	}
}

// Heal undoes Cut. Data sent in the meantime arrives.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		p.cut = false
		close(p.restored)
	}
}

// Switch forwards new connections to s, as when an address moves. Open connections
// stay with the old server.
func (p *Proxy) Switch(s *Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = s.Addr
}

// Forget silently drops all further data on the open connections, like a firewall that
// has forgotten them, and returns their number. New connections are not affected.
func (p *Proxy) Forget() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, forgotten := range p.conns {
		forgotten.Store(true)
	}
	return len(p.conns) / 2 // a connection has two sides
}

// Reset closes all connections.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *Proxy) accept(serving *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		forgotten := new(atomic.Bool)
		p.conns[client], p.conns[server] = forgotten, forgotten
		p.mu.Unlock()
		serving.Go(func() { p.forward(server, client, forgotten, false) })
		serving.Go(func() { p.forward(client, server, forgotten, true) })
	}
}

// forward copies data from one side to the other until either is closed.
func (p *Proxy) forward(to, from net.Conn, forgotten *atomic.Bool, fromServer bool) {
	defer func() {
		to.Close()
		from.Close()
		p.mu.Lock()
		delete(p.conns, to)
		delete(p.conns, from)
		p.mu.Unlock()
	}()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		p.hold(fromServer)
		if forgotten.Load() {
			continue
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// hold delays data as Slow and Cut say.
func (p *Proxy) hold(fromServer bool) {
	p.mu.Lock()
	delay, cut, restored := p.delay, p.cut, p.restored
	p.mu.Unlock()
	if fromServer {
		time.Sleep(delay)
	}
	if cut {
		<-restored
	}
}
