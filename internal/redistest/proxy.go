package redistest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands on the network between a client and a server, so that a test can
// do to the network what a server's process cannot do to itself.
type Proxy struct {
	// Addr is its host:port.
	Addr string

	listener net.Listener

	mu       sync.Mutex
	target   string
	delay    time.Duration
	cut      bool
	restored chan struct{}             // closed when cut ends
	conns    map[net.Conn]*atomic.Bool // whether what they carry is dropped
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

// URL returns the URL of the server behind it, for database 0.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// Slow delays every piece of every answer.
func (p *Proxy) Slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// Cut lets nothing through any more, in either direction: connections stay, and
// new ones are accepted, as by a kernel that is still up.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.cut, p.restored = true, make(chan struct{})
	}
}

// Heal ends Cut. What was sent meanwhile arrives.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		p.cut = false
		close(p.restored)
	}
}

// Switch has new connections lead to s, as when an address moves. Those that are
// open stay with the server before.
func (p *Proxy) Switch(s *Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = s.Addr
}

// Forget drops from now on what the open connections carry, and tells nobody,
// as a firewall does that has forgotten them. It returns their number. New
// connections are well.
func (p *Proxy) Forget() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, forgotten := range p.conns {
		forgotten.Store(true)
	}
	return len(p.conns) / 2 // a connection has two sides
}

// Reset ends all connections.
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

// forward passes on what one side sends until either is gone.
func (p *Proxy) forward(to, from net.Conn, forgotten *atomic.Bool, answers bool) {
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
		p.hold(answers)
		if forgotten.Load() {
			continue
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// hold waits for as long as the network is to take.
func (p *Proxy) hold(answer bool) {
	p.mu.Lock()
	delay, cut, restored := p.delay, p.cut, p.restored
	p.mu.Unlock()
	if answer {
		time.Sleep(delay)
	}
	if cut {
		<-restored
	}
}
