package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// series holds the measurements of one process, one per round.
type series struct {
	*running
	closed, open, together []*measurement
	memory                 memory
}

// compare measures all processes in turn, in many short rounds, so that other
// activity on the machine affects them all alike and each is compared with its
// neighbors in the same round.
func compare(l *lab, o *options) error {
	url, err := l.startUpstream()
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
	c := &comparison{o: o, results: results}
	if slices.Contains(o.loops, "closed") {
		if err := l.closedRounds(c); err != nil {
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

// comparison holds the results of all processes.
type comparison struct {
	o       *options
	results []*series
	rate    float64 // requests per second of the open loop
}

func (l *lab) closedRounds(c *comparison) error {
	for round := range c.o.rounds {
		l.say("closed loop, round %d of %d", round+1, c.o.rounds)
		for _, s := range order(c.results, round) {
			m, err := l.loadOn(s, c.o).closed()
			if err != nil {
				return fmt.Errorf("closed loop on %s: %w", s.variant.name, err)
			}
			s.closed = append(s.closed, m)
		}
	}
	c.rate = capacity(c.results) / 3
	return nil
}

func (l *lab) loadOn(s *series, o *options) *load {
	return &load{target: s.target, l: l, connections: connections, warmup: warmup, duration: o.duration}
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

// roundsTogether loads all processes at once with the closed loop. The speeds
// mean nothing then, but the CPU times per request are measured under the same
// conditions, at the same moment.
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

// order rotates the processes each round and reverses them every other round,
// so that none keeps the same position or neighbors.
func order(results []*series, round int) []*series {
	first := round % len(results)
	turned := slices.Concat(results[first:], results[:first])
	if round%2 == 1 {
		slices.Reverse(turned)
	}
	return turned
}

// capacity returns the median closed-loop throughput of the tuned proxy, or of
// the first process if the tuned proxy is not measured. The open loop runs at
// one rate for all.
func capacity(results []*series) float64 {
	s := results[0]
	for _, r := range results {
		if r.variant.name == "tuned" {
			s = r
		}
	}
	return median(each(s.closed, (*measurement).perSecond))
}
