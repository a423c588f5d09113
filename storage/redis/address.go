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

// connLifetime is the maximum lifetime of a pooled connection. If the gateway may
// not ask the server who it is, this is how soon it follows an address that has
// moved.
const connLifetime = 30 * time.Second

// These limit how often moves are followed, in case the address alternates between
// several servers, as that of a load balancer does.
const (
	moveBurst    = 6
	moveInterval = 10 * time.Second
)

// address notices when the configured address moves to another server, as virtual
// IPs, DNS names and endpoints of managed services do. The demoted server keeps its
// clients: connections to it still work, but it receives no more changes.
type address struct {
	options redis.Options // of the connections made by check
	conns   *conns
	name    func() string // the address, which Sentinel may change
	moves   *rate.Limiter

	mu       sync.Mutex
	lastName string // the address at the last check
	server   string // the run id of the server at that address; empty if unknown
}

// newAddress returns an address for a client that connects with options and whose
// connections conns tracks. dial makes a connection that is not tracked.
func newAddress(options *redis.Options, conns *conns, dial dialer, name func() string) *address {
	a := &address{options: *options, conns: conns, name: name, moves: rate.NewLimiter(rate.Every(moveInterval), moveBurst)}
	a.options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) { return dial(ctx, network, addr) }
	a.options.PoolSize, a.options.MaxRetries = 1, -1
	return a
}

// check makes a new connection, asks the server who it is, and closes all other
// connections if the address has moved, which it reports. It does nothing while
// another check is running.
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
	known := a.server != "" && a.lastName == name
	if now == "" || known && (now == a.server || !a.moves.Allow()) {
		return false, nil
	}
	a.lastName, a.server = name, now
	return known && a.conns.closeAll() > 0, nil
}

// followAddress checks whether the address has moved.
func (s *store) followAddress(ctx context.Context) {
	if s.client.address == nil {
		return
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	moved, err := s.client.address.check(bounded)
	switch {
	case err != nil:
		s.logger.Debug("cannot check whether the address has moved to another server: does the user have +info?", zap.Error(err))
	case moved:
		s.logger.Warn("the address of the token store has moved to another server: closed the connections to the old one",
			zap.String("server", s.settings.describe()))
	}
}
