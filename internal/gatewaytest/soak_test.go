package gatewaytest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// soakNodes is the number of gateways that share a Redis.
const soakNodes = 2

// The defaults of a short soak, as part of all tests. `make soak` sets others.
const (
	shortSoakSeed = 1
	shortSoakTime = 10 * time.Second
)

// soak runs gateways under load while their tokens change, their configuration is
// reloaded and their Redis comes and goes, at random, from a seed. Every actor has its
// own random numbers, so its plan is the same in every run with the same seed, but how
// the actors interleave is not.
type soak struct {
	t     *testing.T
	model *soakModel
	jira  *soakJira
	redis *redistest.Server
	nodes [soakNodes]*gateway
	http  *http.Client

	actors  sync.WaitGroup
	over    chan struct{}
	begun   chan struct{} // a change is in flight
	numbers atomic.Int64  // number of requests
	places  atomic.Int64  // number of client addresses

	// Guarded by the model's lock.
	hot    []*soakToken // being changed, or recently changed
	counts map[string]int
}

// TestSoak runs for SOAK_TIME with the seed SOAK_SEED. By default it runs for a short
// time, always with the same seed.
func TestSoak(t *testing.T) {
	seed, duration := soakSettings(t)
	t.Logf("SOAK_SEED=%d SOAK_TIME=%s", seed, duration)
	s := newSoak(t, seed)
	before := s.warmUp()
	s.run(seed, duration)
	s.report()
	s.checkTrail()
	s.checkSecrets()
	s.checkRest(before)
}

func soakSettings(t *testing.T) (seed uint64, duration time.Duration) {
	t.Helper()
	seed, duration = shortSoakSeed, shortSoakTime
	var err error
	if text := os.Getenv("SOAK_TIME"); text != "" {
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK_TIME: %v", err)
		}
		seed = rand.Uint64N(1e6)
	}
	if text := os.Getenv("SOAK_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SOAK_SEED: %v", err)
		}
	}
	return seed, duration
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	model := newSoakModel(seed)
	s := &soak{
		t: t, model: model, jira: newSoakJira(model), counts: make(map[string]int), begun: make(chan struct{}, 1),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10}},
		// Acknowledged changes survive kill -9.
		redis: redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"),
	}
	t.Cleanup(s.http.CloseIdleConnections)
	o := s.options(0)
	for node := range s.nodes {
		s.nodes[node] = startGateway(t, o)
		o.upstream = s.nodes[node].up
	}
	o.upstream.answer(s.jira.answer)
	return s
}

// warmUp uses everything once, and then measures the gateways.
func (s *soak) warmUp() [soakNodes]footprint {
	s.begin()
	for i := range soakClients {
		s.actors.Go(func() { s.client(rand.New(rand.NewPCG(0, uint64(i)))) })
	}
	r := rand.New(rand.NewPCG(0, soakClients))
	for range soakTokens {
		s.create(r)
	}
	for variant := range soakVariants {
		for node := range s.nodes {
			s.reload(node, variant)
			time.Sleep(100 * time.Millisecond)
		}
	}
	s.stop()
	return s.footprints()
}

// run runs all actors.
func (s *soak) run(seed uint64, duration time.Duration) {
	s.begin()
	actors := []func(*rand.Rand){s.admin, s.admin, s.reloader, s.stranger}
	for range soakClients {
		actors = append(actors, s.client)
	}
	for i, actor := range actors {
		s.actors.Go(func() { actor(rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	// Not in a goroutine: starting a Redis can fail the test.
	s.chaos(rand.New(rand.NewPCG(seed, uint64(len(actors)))), time.Now().Add(duration))
	s.stop()
}

const soakClients = 8

// begin starts actors.
func (s *soak) begin() {
	s.over = make(chan struct{})
	s.actors.Go(s.witness)
}

// stop stops all actors.
func (s *soak) stop() {
	close(s.over)
	s.actors.Wait()
	s.http.CloseIdleConnections()
}

// on reports whether the actors should continue. The first violation ends the run.
func (s *soak) on() bool {
	select {
	case <-s.over:
		return false
	case <-s.model.found:
		return false
	default:
		return true
	}
}

// pause waits for a random time, or for the end.
func (s *soak) pause(r *rand.Rand, least, most time.Duration) {
	select {
	case <-s.over:
	case <-s.model.found:
	case <-time.After(least + time.Duration(r.Int64N(int64(most-least)))):
	}
}

func (s *soak) number() int { return int(s.numbers.Add(1)) }

// address returns a loopback address that no client has used.
func (s *soak) address() net.IP {
	n := s.places.Add(1)
	return net.IPv4(127, byte(1+n>>14), byte(n>>7&0x7f), byte(1+n&0x7f))
}

func (s *soak) anyToken(r *rand.Rand) *soakToken {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	if len(s.model.tokens) == 0 {
		return nil
	}
	return s.model.tokens[r.IntN(len(s.model.tokens))]
}

func (s *soak) storeMayBeAway(from, to time.Time) bool {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	return s.model.weather.storeMayBeAway(from, to)
}

func (s *soak) count(what string) {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	s.counts[what]++
}

// report logs what was done, and fails with the violations.
func (s *soak) report() {
	s.t.Helper()
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		lines = append(lines, fmt.Sprintf("%s: %d", what, s.counts[what]))
	}
	s.t.Logf("%d tokens; %s", len(s.model.tokens), strings.Join(lines, ", "))
	for _, violation := range s.model.violations {
		s.t.Error(violation)
	}
}
