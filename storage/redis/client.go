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

// topology is where the primary is found, and how to leave what is no more it.
type topology interface {
	// check asks where the primary is by now, and closes connections that
	// must lead to it and lead elsewhere.
	check(ctx context.Context) error
	close() error
}

// newClient returns a client for the settings' kind of Redis. It connects when
// it is first used. The topology is nil of a standalone server.
//
// What the library would do by itself is bounded here: by default it waits for
// half a second whatever the context says, and tries a refused port for 1.7 s.
func newClient(r *settings) (redis.UniversalClient, topology, error) {
	config, err := r.tlsConfig()
	if err != nil {
		return nil, nil, err
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
		// Once more, for a connection that died while it was idle. Changes
		// can stand it: see apply.lua.
		MaxRetries:      1,
		MinRetryBackoff: time.Millisecond,
		MaxRetryBackoff: 20 * time.Millisecond,

		// Nothing of RESP 3 is needed, and an ACL user can do with less.
		Protocol:                 2,
		DisableIdentity:          true,
		ClientName:               "",
		PipelinePoolSize:         -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch {
	case r.Cluster:
		client, cluster := newCluster(options, r)
		return client, cluster, nil
	case r.SentinelMaster != "":
		client, sentinels := newSentinelClient(options, r)
		return client, sentinels, nil
	}
	simple := options.Simple()
	if isSocket(simple.Addr) {
		simple.Network = "unix"
		if config != nil && config.ServerName == "" {
			config.ServerName = "localhost"
		}
	}
	return redis.NewClient(simple), nil, nil
}

// libraryLog passes on what go-redis logs, at debug level: every failure is
// reported by an error too, and in an outage there is a line per attempt.
type libraryLog struct{ logger *zap.Logger }

// Printf implements the interface of redis.SetLogger.
func (l libraryLog) Printf(_ context.Context, format string, v ...any) {
	if c := l.logger.Check(zap.DebugLevel, "go-redis"); c != nil {
		c.Write(zap.String("text", fmt.Sprintf(format, v...)))
	}
}

// describe names the server in errors and logs.
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
