package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// series are the measurements of one process, one of each round.
type series struct {
	*running
	closed, open, together []*measurement
	memory                 memory
}

// compare measures all processes in turn, in many short rounds: what else
// happens on the machine then hits all alike, and each is compared with its
// neighbours of the same round.
func compare(l *lab, o *options) error {
	url, upstream, err := l.startUpstream()
	if err != nil {
		return err
	}
	all, err := l.startVariants(o.only, url)
	if err != nil {
		return err
	}
	results := make([]*series, len(all))
	for i, r := range all {
		results[i] = &series{running: r}
	}
	c := &comparison{o: o, results: results, rate: o.rate}
	if slices.Contains(o.loops, "closed") {
		if err := l.closedRounds(c, upstream); err != nil {
			return err
		}
	}
	if slices.Contains(o.loops, "open") {
		if err := l.openRounds(c); err != nil {
			return err
		}
	}
	if slices.Contains(o.loops, "together") {
		if err := l.roundsTogether(c); err != nil {
			return err
		}
	}
	for _, s := range results {
		if s.memory, err = s.process.memory(); err != nil {
			return err
		}
	}
	c.report(l.out)
	return nil
}

// comparison is what was found of all of them.
type comparison struct {
	o       *options
	results []*series
	rate    float64 // of the open loop
	// around is the CPU time per request of the stand-in and of the load
	// generator in the closed loop: they share the machine with what is
	// measured.
	around [2]time.Duration
}

func (l *lab) closedRounds(c *comparison, upstream *process) error {
	before, err := cpuOf(upstream)
	if err != nil {
		return err
	}
	requests := 0
	for round := range c.o.rounds {
		l.say("closed loop, round %d of %d", round+1, c.o.rounds)
		for _, s := range order(c.results, round) {
			m, err := l.loadOn(s, c.o).closed()
			if err != nil {
				return fmt.Errorf("closed loop on %s: %w", s.variant.name, err)
			}
			s.closed = append(s.closed, m)
			requests += int(m.perSecond() * (c.o.warmup + c.o.duration).Seconds())
		}
	}
	after, err := cpuOf(upstream)
	for i := range c.around {
		c.around[i] = (after[i] - before[i]) / time.Duration(requests)
	}
	if c.rate == 0 {
		c.rate = capacity(c.results) / 3
	}
	return err
}

func (l *lab) loadOn(s *series, o *options) *load {
	return &load{target: s.target, l: l, connections: o.connections, warmup: o.warmup, duration: o.duration}
}

// cpuOf returns the CPU time of the stand-in and of this process.
func cpuOf(upstream *process) (used [2]time.Duration, err error) {
	if used[0], err = upstream.cpu(); err != nil {
		return used, err
	}
	used[1], err = ownCPU()
	return used, err
}

func (l *lab) openRounds(c *comparison) error {
	for round := range c.o.rounds {
		l.say("open loop at %.0f requests per second, round %d of %d", c.rate, round+1, c.o.rounds)
		for _, s := range order(c.results, round) {
			m, err := l.loadOn(s, c.o).open(c.rate)
			if err != nil {
				return fmt.Errorf("open loop on %s: %w", s.variant.name, err)
			}
			s.open = append(s.open, m)
		}
	}
	return nil
}

// roundsTogether puts the closed loop's load on all processes at once. Nothing
// can be said of their speed then, but what a request costs is compared under
// the same conditions to the moment.
func (l *lab) roundsTogether(c *comparison) error {
	for round := range c.o.rounds {
		l.say("all together, round %d of %d", round+1, c.o.rounds)
		failures := make([]error, len(c.results))
		var loading sync.WaitGroup
		for i, s := range c.results {
			g := l.loadOn(s, c.o)
			g.connections = max(1, g.connections/len(c.results))
			loading.Go(func() {
				m, err := g.closed()
				s.together, failures[i] = append(s.together, m), err
			})
		}
		loading.Wait()
		if err := errors.Join(failures...); err != nil {
			return err
		}
	}
	return nil
}

// order turns the order of the processes with every round, and its direction
// with every second, so that none has always the same place or neighbour.
func order(results []*series, round int) []*series {
	first := round % len(results)
	turned := slices.Concat(results[first:], results[:first])
	if round%2 == 1 {
		slices.Reverse(turned)
	}
	return turned
}

// capacity is what the reference, or else the first process, did per second in
// the middle round of the closed loop: all get the same open loop.
func capacity(results []*series) float64 {
	s := results[0]
	for _, r := range results {
		if r.variant.name == "tuned" {
			s = r
		}
	}
	return median(each(s.closed, (*measurement).perSecond))
}
