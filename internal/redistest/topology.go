package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sentinel is a primary with replicas, watched by sentinels.
type Sentinel struct {
	// Master is the name of the primary.
	Master string
	// Servers are the primary, at first, and the replicas.
	Servers []*Server
	// Sentinels watch them. The majority decides.
	Sentinels []*Server
}

// StartSentinel starts a primary, replicas and sentinels, and waits until they
// know each other.
func StartSentinel(t testing.TB, replicas, sentinels int) *Sentinel {
	t.Helper()
	set := &Sentinel{Master: "tokens", Servers: []*Server{Start(t)}}
	primary := set.Servers[0]
	host, port, _ := net.SplitHostPort(primary.Addr)
	for range replicas {
		set.Servers = append(set.Servers, Start(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0"))
	}
	for range sentinels {
		s := prepare(t)
		own := s.freePort()
		s.Addr = net.JoinHostPort("127.0.0.1", own)
		config := filepath.Join(s.Dir, "sentinel.conf")
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\nsentinel monitor %s %s %s %d\n"+
			"sentinel down-after-milliseconds %[2]s 500\nsentinel failover-timeout %[2]s 3000\n",
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

// StartCluster starts a cluster of primaries, which share the slots evenly,
// and waits until all agree that it is up.
func StartCluster(t testing.TB, primaries int) *Cluster {
	t.Helper()
	const slots = 16384
	c := new(Cluster)
	for i := range primaries {
		s := Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "yes")
		c.Servers = append(c.Servers, s)
		s.Do("cluster", "set-config-epoch", i+1)
		s.Do("cluster", "addslotsrange", slots*i/primaries, slots*(i+1)/primaries-1)
		if i > 0 {
			host, port, _ := net.SplitHostPort(c.Servers[0].Addr)
			s.Do("cluster", "meet", host, port)
		}
	}
	for _, s := range c.Servers {
		client := s.Client()
		Eventually(t, "the cluster is up", func() error {
			info, err := client.ClusterInfo(t.Context()).Result()
			if err != nil {
				return err
			}
			for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d\r", primaries)} {
				if !strings.Contains(info, want) {
					return fmt.Errorf("no %s in %s", want, info)
				}
			}
			return nil
		})
	}
	return c
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
