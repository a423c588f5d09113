package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// measurement is the result of loading one process once.
type measurement struct {
	requests int
	took     time.Duration
	cpu      time.Duration   // of the process under load
	sorted   []time.Duration // latencies
}

func (m *measurement) perSecond() float64 { return float64(m.requests) / m.took.Seconds() }

func (m *measurement) cpuPerRequest() time.Duration { return m.cpu / time.Duration(m.requests) }

// target is a process to load, and the request to load it with.
type target struct {
	address string
	request []byte
	process *process
}

// load is one run of a load generator.
type load struct {
	target
	l           *lab
	connections int
	warmup      time.Duration
	duration    time.Duration
}

// worker is one connection of the closed loop, with its results.
type worker struct {
	*connection
	count     atomic.Int64
	latencies []time.Duration
	err       error
	_         [64]byte // keeps two workers' counters off one cache line
}

// closed runs the closed loop: each connection sends its next request as soon as
// the last one is answered.
func (g *load) closed() (*measurement, error) {
	var measuring, stop atomic.Bool
	workers, err := g.dialAll()
	defer closeAll(workers)
	if err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	for _, w := range workers {
		running.Go(func() { w.loop(g.request, &measuring, &stop) })
	}
	m, err := g.watch(workers, &measuring)
	stop.Store(true)
	running.Wait()
	for _, w := range workers {
		err = errors.Join(err, w.err)
		m.sorted = append(m.sorted, w.latencies...)
	}
	slices.Sort(m.sorted)
	return m, err
}

func (g *load) dialAll() ([]*worker, error) {
	workers := make([]*worker, 0, g.connections)
	for range g.connections {
		c, err := dial(g.address)
		if err != nil {
			return workers, fmt.Errorf("connecting to %s: %w", g.process.name, err)
		}
		workers = append(workers, &worker{connection: c, latencies: make([]time.Duration, 0, 4096)})
	}
	return workers, nil
}

func closeAll(workers []*worker) {
	for _, w := range workers {
		_ = w.Close() // nothing is in flight that matters
	}
}

func (w *worker) loop(request []byte, measuring, stop *atomic.Bool) {
	for !stop.Load() {
		began := time.Now()
		status, err := w.exchange(request)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("HTTP %d", status)
		}
		if err != nil {
			w.err = err
			return
		}
		w.count.Add(1)
		if measuring.Load() {
			w.latencies = append(w.latencies, time.Since(began))
		}
	}
}

// watch samples the clocks and counters when the measurement begins and ends.
func (g *load) watch(workers []*worker, measuring *atomic.Bool) (*measurement, error) {
	m := new(measurement)
	count := func() (n int) {
		for _, w := range workers {
			n += int(w.count.Load())
		}
		return n
	}
	if err := g.l.wait(g.warmup); err != nil {
		return m, err
	}
	before, err := g.process.cpu()
	if err != nil {
		return m, err
	}
	began, requests := time.Now(), count()
	measuring.Store(true)
	if err := g.l.wait(g.duration); err != nil {
		return m, err
	}
	after, err := g.process.cpu()
	m.cpu, m.took, m.requests = after-before, time.Since(began), count()-requests
	measuring.Store(false)
	if err == nil && m.requests == 0 {
		err = fmt.Errorf("%s answered no requests", g.process.name)
	}
	return m, err
}

// paced is one connection of the open loop.
type paced struct {
	*connection
	epoch     time.Time
	due       atomic.Int64 // scheduled time of its request, in nanoseconds since epoch; 0 during warm-up
	latencies []time.Duration
}

// open runs the open loop: it sends requests on a fixed schedule, regardless of
// the fate of earlier ones, and measures latency from the scheduled time, so
// that waiting for a free connection counts.
func (g *load) open(rate float64) (*measurement, error) {
	workers, err := g.dialAll()
	defer closeAll(workers)
	if err != nil {
		return nil, err
	}
	all := make([]*paced, len(workers))
	free := make(chan *paced, len(workers))
	broken := make(chan error, len(workers))
	epoch := time.Now()
	for i, w := range workers {
		all[i] = &paced{connection: w.connection, epoch: epoch, latencies: make([]time.Duration, 0, 1024)}
		free <- all[i]
	}
	var stop atomic.Bool
	var running sync.WaitGroup
	for _, p := range all {
		running.Go(func() { p.collect(free, broken, &stop) })
	}
	m, err := g.pace(rate, free, broken)
	stop.Store(true)
	closeAll(workers) // unblocks the readers
	running.Wait()
	for _, p := range all {
		m.sorted = append(m.sorted, p.latencies...)
	}
	slices.Sort(m.sorted)
	return m, err
}

// collect reads the responses on a connection.
func (p *paced) collect(free chan<- *paced, broken chan<- error, stop *atomic.Bool) {
	for {
		status, err := p.skip()
		now := time.Now()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("HTTP %d", status)
		}
		if err != nil {
			if !stop.Load() || !errors.Is(err, net.ErrClosed) {
				broken <- err
			}
			return
		}
		if due := p.due.Load(); due != 0 {
			p.latencies = append(p.latencies, now.Sub(p.epoch)-time.Duration(due))
		}
		free <- p
	}
}

// pace sends the requests from a dedicated thread and waits for the last
// responses.
func (g *load) pace(rate float64, free chan *paced, broken <-chan error) (m *measurement, err error) {
	m = new(measurement)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked, so that the thread and its timer slack end here
		if err = exactSleeps(); err == nil {
			err = g.sendAll(m, rate, free, broken)
		}
	}()
	<-done
	for range cap(free) {
		if err != nil {
			return m, err
		}
		_, err = take(g, free, broken)
	}
	return m, err
}

func (g *load) sendAll(m *measurement, rate float64, free <-chan *paced, broken <-chan error) error {
	interval := time.Duration(float64(time.Second) / rate)
	warm := int(g.warmup / interval)
	all := warm + int(g.duration/interval)
	first := time.Now()
	var before time.Duration
	for i := range all {
		due := first.Add(time.Duration(i) * interval)
		sleepUntil(due)
		if i == warm {
			var err error
			if before, err = g.process.cpu(); err != nil {
				return err
			}
		}
		p, err := take(g, free, broken)
		if err != nil {
			return err
		}
		p.due.Store(0)
		if i >= warm {
			p.due.Store(int64(due.Sub(p.epoch)))
		}
		if _, err := p.Write(g.request); err != nil {
			return err
		}
	}
	after, err := g.process.cpu()
	m.cpu, m.requests, m.took = after-before, all-warm, time.Duration(all-warm)*interval
	return err
}

// take waits for a free connection.
func take(g *load, free <-chan *paced, broken <-chan error) (*paced, error) {
	select {
	case p := <-free:
		return p, nil
	default:
	}
	select {
	case p := <-free:
		return p, nil
	case err := <-broken:
		return nil, err
	case <-g.l.ctx.Done():
		return nil, g.l.ctx.Err()
	case <-time.After(patience):
		return nil, fmt.Errorf("%s did not answer within %s", g.process.name, patience)
	}
}
