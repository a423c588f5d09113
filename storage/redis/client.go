package redisstore

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"
)

// topology finds the primary.
type topology interface {
	// check asks where the primary is now, and closes connections to other servers
	// that should lead to the primary.
	check(ctx context.Context) error
	close() error
}

// client is a Redis client, with what keeps its connections on the right server.
type client struct {
	redis.UniversalClient
	conns    *conns
	topology topology // nil for a standalone server
	address  *address // nil for a cluster, whose nodes know each other
}

// newClient returns a client for the configured kind of Redis. It connects when it
// is first used.
//
// It overrides defaults of go-redis, which ignores the context's deadline and
// retries a refused port for 1.7 s.
func newClient(r *settings) (*client, error) {
	config, err := r.tlsConfig()
	if err != nil {
		return nil, err
	}
	options := &redis.UniversalOptions{
		Addrs: r.Address, DB: r.DB, Username: r.Username, Password: r.Password,
		TLSConfig: config,

		ContextTimeoutEnabled: true,
		DialTimeout:           r.DialTimeout,
		DialerRetries:         1,
		DialerRetryTimeout:    time.Millisecond,
		ReadTimeout:           r.Timeout,
		WriteTimeout:          r.Timeout,
		PoolTimeout:           r.Timeout,
		PoolSize:              r.PoolSize,
		ConnMaxLifetime:       connLifetime,
		ConnMaxLifetimeJitter: connLifetime / 10,
		// Retry once, in case a connection died while it was idle. Changes can
		// safely be sent twice: see apply.lua.
		MaxRetries:      1,
		MinRetryBackoff: time.Millisecond,
		MaxRetryBackoff: 20 * time.Millisecond,

		// RESP 3 is not needed, and RESP 2 requires fewer permissions.
		Protocol:                 2,
		DisableIdentity:          true,
		ClientName:               "",
		PipelinePoolSize:         -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	c := &client{conns: new(conns)}
	switch {
	case r.Cluster:
		c.UniversalClient, c.topology = newCluster(options, r, c.conns)
	case r.SentinelMaster != "":
		c.UniversalClient, c.topology, c.address = newSentinelClient(options, r, c.conns)
	default:
		c.UniversalClient, c.address = newSimpleClient(options, c.conns)
	}
	c.AddHook(suspectOnTimeout{c.conns})
	return c, nil
}

// newSimpleClient returns a client of a standalone server.
func newSimpleClient(options *redis.UniversalOptions, conns *conns) (redis.UniversalClient, *address) {
	simple := options.Simple()
	if isSocket(simple.Addr) {
		simple.Network = "unix"
		if config := simple.TLSConfig; config != nil && config.ServerName == "" {
			config.ServerName = "localhost"
		}
	}
	dial := redis.NewDialer(simple)
	address := newAddress(simple, conns, dial, func() string { return simple.Addr })
	simple.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return conns.dial(ctx, dial, network, addr)
	}
	return redis.NewClient(simple), address
}

// suspectOnTimeout closes idle connections when a command times out. A firewall that
// drops connections silently has probably dropped them all, and each of the others
// would make another command time out.
type suspectOnTimeout struct{ conns *conns }

// DialHook implements redis.Hook.
func (h suspectOnTimeout) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (h suspectOnTimeout) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		began := time.Now()
		err := next(ctx, command)
		h.check(began, err)
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (h suspectOnTimeout) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		began := time.Now()
		err := next(ctx, commands)
		h.check(began, err)
		return err
	}
}

func (h suspectOnTimeout) check(began time.Time, err error) {
	if isTimeout(err) {
		h.conns.closeIdle(began)
	}
}

// libraryLog logs the messages of go-redis at debug level. Every failure also
// returns an error, and in an outage there is a line per attempt.
type libraryLog struct{ logger *zap.Logger }

// Printf implements the interface of redis.SetLogger.
func (l libraryLog) Printf(_ context.Context, format string, v ...any) {
	if c := l.logger.Check(zap.DebugLevel, "go-redis"); c != nil {
		c.Write(zap.String("text", fmt.Sprintf(format, v...)))
	}
}

// describe returns a description of the server for errors and logs.
func (r *settings) describe() string {
	list := r.Address[0]
	for _, address := range r.Address[1:] {
		list += ", " + address
	}
	switch {
	case r.Cluster:
		return "the redis cluster at " + list
	case r.SentinelMaster != "":
		return fmt.Sprintf("redis %q of the sentinels at %s", r.SentinelMaster, list)
	}
	if host, _, err := net.SplitHostPort(list); err == nil && host == "" {
		list = "localhost" + list
	}
	return "redis at " + list
}
