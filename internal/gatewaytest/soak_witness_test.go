package gatewaytest

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// soakSlow is the response time from which Redis counts as slow. The gateways give up
// after 500 ms.
const soakSlow = 150 * time.Millisecond

// witness continually writes to Redis, independently of the gateways. If a disk or the
// machine stalls, that is an unplanned outage, and the witness records it. It cannot
// excuse a fault of a gateway, since it knows nothing about them.
func (s *soak) witness() {
	redis.SetLogger(silence{}) // it logs every failed dial
	client := redis.NewClient(&redis.Options{
		Addr: s.redis.Addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 1,
		DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience,
	})
	defer client.Close()
	for s.on() {
		asleep := time.Now()
		time.Sleep(20 * time.Millisecond)
		if time.Since(asleep) > soakSlow { // this process was stalled, so others were too
			s.trouble(&spell{trouble: storeAway, how: "machine stalled", from: asleep})()
		}
		s.write(client)
	}
}

// write writes once and records how long the response took if it was late. It ignores
// errors: whoever plans an outage records it.
func (s *soak) write(client *redis.Client) {
	asked, answered := time.Now(), make(chan struct{})
	go func() {
		defer close(answered)
		_ = client.Set(context.Background(), "soak", "", 0).Err()
	}()
	select {
	case <-answered:
	case <-time.After(soakSlow):
		ends := s.trouble(&spell{trouble: storeAway, how: "answers late", from: asked})
		<-answered
		ends()
	}
}

// heard waits until the witness has noticed what just happened.
func heard() { time.Sleep(2 * soakSlow) }

type silence struct{}

// Printf implements the interface of redis.SetLogger.
func (silence) Printf(context.Context, string, ...any) {}
