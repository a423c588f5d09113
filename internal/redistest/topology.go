package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sentinel is a primary with replicas, monitored by sentinels.
type Sentinel struct {
	// Master is the name of the primary.
	Master string
	// Servers are the primary, which is the first at the start, and the replicas.
	Servers []*Server
	// Sentinels are the sentinels, of which a majority decides.
	Sentinels []*Server
}

// StartSentinel starts a primary, replicas and sentinels, and waits until they
// know each other.
func StartSentinel(t testing.TB, replicas, sentinels int) *Sentinel {
	t.Helper()
	set := &Sentinel{Master: "tokens", Servers: []*Server{Start(t, "--repl-diskless-sync-delay", "0")}}
	primary := set.Servers[0]
	host, port, _ := net.SplitHostPort(primary.Addr)
	for range replicas {
		set.Servers = append(set.Servers, Start(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0"))
	}
	primary.WaitReplicas(replicas)
	for range sentinels {
		s := prepare(t)
		own := s.freePort()
		s.Addr = net.JoinHostPort("127.0.0.1", own)
		config := filepath.Join(s.Dir, "sentinel.conf")
		// Sentinels ping every second. With a timeout below two seconds, they would
		// keep failing over on a busy machine.
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\nsentinel monitor %s %s %s %d\n"+
			"sentinel down-after-milliseconds %[2]s 2000\nsentinel failover-timeout %[2]s 3000\n",
			own, set.Master, host, port, sentinels/2+1)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{config, "--sentinel"}
		s.Restart()
		set.Sentinels = append(set.Sentinels, s)
	}
	for _, s := range set.Sentinels {
		client := s.Client()
		Eventually(t, "the sentinel knows its peers", func() error {
			answer, err := client.Do(t.Context(), "sentinel", "master", set.Master).StringSlice()
			if err != nil {
				return err
			}
			text := " " + strings.Join(answer, " ") + " "
			for _, want := range []string{
				fmt.Sprintf(" num-slaves %d ", replicas), fmt.Sprintf(" num-other-sentinels %d ", sentinels-1), " flags master ",
			} {
				if !strings.Contains(text, want) {
					return fmt.Errorf("no%sin%s", want, text)
				}
			}
			return nil
		})
	}
	return set
}

// Addrs returns the sentinels' addresses.
func (s *Sentinel) Addrs() []string { return addrs(s.Sentinels) }

// Cluster is a Redis Cluster.
type Cluster struct {
	// Servers are the nodes, primaries first.
	Servers []*Server
}

// slots is the number of slots in a cluster.
const slots = 16384

// StartCluster starts a cluster of primaries with equal shares of the slots, and waits
// until all agree that it is up.
func StartCluster(t testing.TB, primaries int) *Cluster {
	t.Helper()
	return StartClusterWithReplicas(t, primaries, 0)
}

// StartClusterWithReplicas is like StartCluster, but with the given number of replicas
// per primary.
func StartClusterWithReplicas(t testing.TB, primaries, replicas int) *Cluster {
	t.Helper()
	c := new(Cluster)
	for i := range primaries * (1 + replicas) {
		s := Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "yes",
			"--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0")
		c.Servers = append(c.Servers, s)
		s.Do("cluster", "set-config-epoch", i+1)
		if i < primaries {
			s.Do("cluster", "addslotsrange", slots*i/primaries, slots*(i+1)/primaries-1)
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(c.Servers[0].Addr)
			s.Do("cluster", "meet", host, port)
		}
	}
	c.waitUp()
	for i, s := range c.Servers[primaries:] {
		s.Do("cluster", "replicate", c.Servers[i%primaries].Do("cluster", "myid"))
	}
	c.waitReplicas(replicas)
	return c
}

// waitUp waits until all nodes know each other and agree on the slots.
func (c *Cluster) waitUp() {
	for _, s := range c.Servers {
		client := s.Client()
		Eventually(s.t, "the cluster is up", func() error {
			info, err := client.ClusterInfo(s.t.Context()).Result()
			if err != nil {
				return err
			}
			for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Servers))} {
				if !strings.Contains(info, want) {
					return fmt.Errorf("no %s in %s", want, info)
				}
			}
			return nil
		})
	}
}

// waitReplicas waits until all nodes know each primary's replicas, and these are in
// sync.
func (c *Cluster) waitReplicas(replicas int) {
	for _, s := range c.Servers {
		client := s.Client()
		Eventually(s.t, "the cluster has its replicas", func() error {
			ranges, err := client.ClusterSlots(s.t.Context()).Result() //nolint:staticcheck // SA1019: ClusterShards has no order of nodes
			if err != nil {
				return err
			}
			for _, r := range ranges {
				if len(r.Nodes) != 1+replicas {
					return fmt.Errorf("slots %d to %d are on %v", r.Start, r.End, r.Nodes)
				}
			}
			return nil
		})
	}
	if replicas > 0 {
		for _, s := range c.Servers[:len(c.Servers)/(1+replicas)] {
			s.WaitReplicas(replicas)
		}
	}
}

// Addrs returns the nodes' addresses.
func (c *Cluster) Addrs() []string { return addrs(c.Servers) }

func addrs(servers []*Server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.Addr)
	}
	return out
}
