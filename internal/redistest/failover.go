package redistest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// WaitReplicas waits until the server has n replicas that are in sync and acknowledge
// changes.
func (s *Server) WaitReplicas(n int) {
	s.t.Helper()
	client := s.Client()
	Eventually(s.t, fmt.Sprintf("redis-server at %s has %d replicas", s.Addr, n), func() error {
		// Replicas receive this too. Without any write, they would have nothing to
		// acknowledge.
		client.Publish(s.t.Context(), "redistest", "")
		info, err := client.Info(s.t.Context(), "replication").Result()
		if err != nil {
			return err
		}
		silent := strings.Contains(info, ",offset=0,") && !strings.Contains(info, "master_repl_offset:0\r")
		if strings.Count(info, "state=online") != n || silent {
			return errors.New(info)
		}
		return nil
	})
}

// Primary returns the primary according to the last sentinel, since tests stop the
// first.
func (s *Sentinel) Primary() (*Server, error) {
	last := s.Sentinels[len(s.Sentinels)-1]
	client := last.Client()
	defer client.Close()
	at, err := client.Do(last.t.Context(), "sentinel", "get-master-addr-by-name", s.Master).StringSlice()
	if err != nil {
		return nil, err
	}
	return find(s.Servers, net.JoinHostPort(at[0], at[1]))
}

// WaitFailover waits until a server other than old is the primary.
func (s *Sentinel) WaitFailover(old *Server) *Server {
	old.t.Helper()
	var primary *Server
	Eventually(old.t, "the sentinels fail over", func() (err error) {
		if primary, err = s.Primary(); err == nil && primary == old {
			err = errors.New("the primary is still " + old.Addr)
		}
		return err
	})
	return primary
}

// Owner returns the primary of the key's slot and its replicas, according to the first
// node that answers.
func (c *Cluster) Owner(key string) (owner *Server, replicas []*Server, err error) {
	for _, s := range c.Servers {
		if s.command == nil {
			continue
		}
		client := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, ReadTimeout: 200 * time.Millisecond, MaxRetries: -1})
		owner, replicas, err = c.ownerBy(client, key)
		client.Close()
		if err == nil {
			return owner, replicas, nil
		}
	}
	return nil, nil, err
}

func (c *Cluster) ownerBy(client *redis.Client, key string) (owner *Server, replicas []*Server, err error) {
	ctx := c.Servers[0].t.Context()
	slot, err := client.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return nil, nil, err
	}
	ranges, err := client.ClusterSlots(ctx).Result() //nolint:staticcheck // SA1019: ClusterShards has no order of nodes
	if err != nil {
		return nil, nil, err
	}
	for _, r := range ranges {
		if int64(r.Start) > slot || int64(r.End) < slot {
			continue
		}
		for i, node := range r.Nodes {
			server, err := find(c.Servers, node.Addr)
			switch {
			case err != nil:
				return nil, nil, err
			case i == 0:
				owner = server
			default:
				replicas = append(replicas, server)
			}
		}
		return owner, replicas, nil
	}
	return nil, nil, fmt.Errorf("no server has slot %d", slot)
}

// WaitFailover waits until a server other than old has the key's slot.
func (c *Cluster) WaitFailover(key string, old *Server) *Server {
	old.t.Helper()
	var owner *Server
	Eventually(old.t, "the cluster fails over", func() (err error) {
		if owner, _, err = c.Owner(key); err == nil && owner == old {
			err = errors.New("the owner is still " + old.Addr)
		}
		return err
	})
	return owner
}

// Migration is the migration of one slot from one primary to another.
type Migration struct {
	from, to *Server
	slot     int64
}

// BeginMove starts to migrate the key's slot. Its keys stay until MoveKeys.
func (c *Cluster) BeginMove(key string, to *Server) *Migration {
	to.t.Helper()
	from, _, err := c.Owner(key)
	if err != nil {
		to.t.Fatal(err)
	}
	m := &Migration{from, to, to.Do("cluster", "keyslot", key).(int64)}
	to.Do("cluster", "setslot", m.slot, "importing", from.Do("cluster", "myid"))
	from.Do("cluster", "setslot", m.slot, "migrating", to.Do("cluster", "myid"))
	return m
}

// MoveKeys moves up to n keys and returns how many it moved.
func (m *Migration) MoveKeys(n int) int {
	m.to.t.Helper()
	keys := m.from.Do("cluster", "getkeysinslot", m.slot, n).([]any)
	if len(keys) > 0 {
		host, port, _ := net.SplitHostPort(m.to.Addr)
		m.from.Do(append([]any{"migrate", host, port, "", 0, 5000, "keys"}, keys...)...)
	}
	return len(keys)
}

// End assigns the slot to its new primary. Call it once all keys have been moved.
func (m *Migration) End() {
	m.to.t.Helper()
	id := m.to.Do("cluster", "myid")
	m.to.Do("cluster", "setslot", m.slot, "node", id)
	m.from.Do("cluster", "setslot", m.slot, "node", id)
}

func find(servers []*Server, addr string) (*Server, error) {
	for _, s := range servers {
		if s.Addr == addr {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no server at %s", addr)
}
