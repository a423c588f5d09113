package gatewaytest

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
)

// chaos disturbs Redis until the end, and leaves it running.
func (s *soak) chaos(r *rand.Rand, end time.Time) {
	client := s.redis.Client()
	for s.on() {
		// Some calm spells are long enough for every node to recover.
		calm := time.Second
		if r.IntN(2) == 0 {
			calm = 8 * time.Second
		}
		s.pause(r, 200*time.Millisecond, min(calm, max(time.Until(end), 0)+300*time.Millisecond))
		if time.Now().After(end) {
			break
		}
		switch r.IntN(10) {
		case 0, 1, 2:
			s.kill(r)
		case 3, 4, 5:
			s.freeze(r)
		case 6, 7:
			s.cut(client, subscriptionsCut, "pubsub")
		default:
			s.cut(client, connectionsCut, "normal")
		}
		s.nodes[0].up.take() // nobody looks at them, so they need not be kept
	}
}

// kill kills Redis and starts it again after a while.
func (s *soak) kill(r *rand.Rand) {
	if r.IntN(3) > 0 {
		s.awaitChange(r)
	}
	of := &spell{trouble: storeAway, how: "killed"}
	ends := s.trouble(of)
	s.redis.Kill()
	s.model.gone(of)
	s.pause(r, 200*time.Millisecond, 4*time.Second)
	s.model.answersAgain(of)
	s.redis.Restart()
	ends()
}

// awaitChange returns when a change is in flight, sent but not answered.
func (s *soak) awaitChange(r *rand.Rand) {
	select {
	case <-s.begun: // drop an old one
	default:
	}
	select {
	case <-s.begun:
		time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
	case <-time.After(time.Second):
	}
}

// freeze stops Redis for a while: connections stay open, but nothing responds.
func (s *soak) freeze(r *rand.Rand) {
	of := &spell{trouble: storeAway, how: "stopped"}
	ends := s.trouble(of)
	s.redis.Pause()
	s.model.gone(of)
	s.pause(r, 100*time.Millisecond, 5*time.Second)
	s.model.answersAgain(of)
	s.redis.Resume()
	ends()
}

// cut makes Redis close the gateways' connections.
func (s *soak) cut(client *redis.Client, t trouble, kind string) {
	defer s.trouble(&spell{trouble: t})()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.Do(ctx, "client", "kill", "type", kind, "skipme", "yes").Err(); err != nil {
		s.model.fail("client kill type %s: %v", kind, err)
	}
}

// trouble records a spell of trouble, which lasts until the returned function is
// called.
func (s *soak) trouble(of *spell) func() {
	s.count(of.trouble.String() + " " + of.how)
	return s.model.begins(of)
}
