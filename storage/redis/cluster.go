package redisstore

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// reloadEvery is the age at which go-redis reloads the cluster's state. By default
// it does so once a minute, and when a node redirects it, which a node that is down
// does not do.
const reloadEvery = 2 * time.Second

// cluster keeps a client up to date with its cluster.
type cluster struct {
	client  *redis.ClusterClient
	channel string // of changes; the subscription belongs on its slot's primary
	conns   *conns
}

func newCluster(options *redis.UniversalOptions, r *settings, conns *conns) (*redis.ClusterClient, *cluster) {
	c := &cluster{channel: r.key("changes"), conns: conns}
	clusterOptions := options.Cluster()
	clusterOptions.ClusterStateReloadInterval = reloadEvery
	// All commands go to the primary of one slot. The routing policies would first
	// ask any three nodes for COMMAND, including replicas that hang, and on every
	// call if the user lacks the permission.
	clusterOptions.DisableRoutingPolicies = true
	dial := redis.NewDialer(options.Simple())
	clusterOptions.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return conns.dial(ctx, dial, network, addr)
	}
	c.client = redis.NewClusterClient(clusterOptions)
	c.client.AddHook(reloadOnError{c.client})
	return c.client, c
}

// check closes subscriptions to nodes that are not the primary of the slot. A node
// that is cut off from the cluster keeps its subscriptions but receives no changes.
func (c *cluster) check(ctx context.Context) error {
	primary, err := c.client.MasterForKey(ctx, c.channel)
	if err != nil {
		return err
	}
	addr := primary.Options().Addr
	c.conns.closeIf(func(conn *conn) bool { return conn.subscription && conn.addr != addr })
	return nil
}

func (c *cluster) close() error { return nil }

// reloadOnError reloads the cluster's state as soon as a node fails.
type reloadOnError struct{ client *redis.ClusterClient }

// DialHook implements redis.Hook.
func (h reloadOnError) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (h reloadOnError) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		err := next(ctx, command)
		h.check(ctx, err)
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (h reloadOnError) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		err := next(ctx, commands)
		h.check(ctx, err)
		return err
	}
}

func (h reloadOnError) check(ctx context.Context, err error) {
	var answer redis.Error
	if err == nil || errors.As(err, &answer) && !redis.IsClusterDownError(err) && !redis.IsReadOnlyError(err) {
		return
	}
	h.client.ReloadState(ctx)
}
