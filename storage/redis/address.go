package redisstore

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// connLifetime bounds how long a pooled connection is used: where the server
// may not be asked who it is, an address that has moved is followed by then.
const connLifetime = 30 * time.Second

// An address that leads to several servers in turn, such as that of a load
// balancer, is not followed more often than this.
const (
	movesAtOnce = 6
	moveEvery   = 10 * time.Second
)

// address notices when the configured address leads to another server: a
// virtual IP, a DNS name or the endpoint of a managed service moves, and the
// server that was demoted keeps its clients. Connections to it go on answering,
// but it hears of no change any more.
type address struct {
	options redis.Options // of a connection made for one look
	conns   *conns
	name    func() string // what the address is, which Sentinel may change
	moves   *rate.Limiter

	mu     sync.Mutex
	led    string // the address at the last look
	server string // the run id of the server that it led to; empty if unknown
}

// newAddress watches where the connections lead that a client makes with
// options and that conns tracks. dial makes one without tracking.
func newAddress(options *redis.Options, conns *conns, dial dialer, name func() string) *address {
	a := &address{options: *options, conns: conns, name: name, moves: rate.NewLimiter(rate.Every(moveEvery), movesAtOnce)}
	a.options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) { return dial(ctx, network, addr) }
	a.options.PoolSize, a.options.MaxRetries = 1, -1
	return a
}

// check connects anew, asks the server who it is, and closes all connections
// when it is not the one they lead to. It reports whether that was so. A check
// that is already running is not repeated.
func (a *address) check(ctx context.Context) (moved bool, err error) {
	if !a.mu.TryLock() {
		return false, nil
	}
	defer a.mu.Unlock()
	client := redis.NewClient(&a.options)
	defer client.Close()
	info, err := infoOf(ctx, client, "server")
	if err != nil {
		return false, err
	}
	name, now := a.name(), info["run_id"]
	known := a.server != "" && a.led == name
	if now == "" || known && (now == a.server || !a.moves.Allow()) {
		return false, nil
	}
	a.led, a.server = name, now
	return known && a.conns.closeAll() > 0, nil
}

// followAddress checks where the address leads.
func (s *store) followAddress(ctx context.Context) {
	if s.client.address == nil {
		return
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	moved, err := s.client.address.check(bounded)
	switch {
	case err != nil:
		s.logger.Debug("cannot tell whether the address leads to another server: is the user permitted +info?", zap.Error(err))
	case moved:
		s.logger.Warn("the address of the token store leads to another server now: connections to the one before are closed",
			zap.String("server", s.settings.describe()))
	}
}
