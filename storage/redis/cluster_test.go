package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// slotKey is a key in the tokens' slot.
const slotKey = "{jira_tokens}:index"

// clusterTraffic starts three primaries with a replica each, and traffic that waits
// for the replica.
func clusterTraffic(t *testing.T) (cluster *redistest.Cluster, tr *traffic, owner *redistest.Server, replica *redistest.Server) {
	t.Helper()
	t.Parallel()
	cluster = redistest.StartClusterWithReplicas(t, 3, 1)
	owner, replicas, err := cluster.Owner(slotKey)
	if err != nil || len(replicas) != 1 {
		t.Fatal(owner, replicas, err)
	}
	node := func() storage.Store {
		return open(t, &Store{Address: cluster.Addrs(), Cluster: true, MinReplicas: 1, Timeout: caddy.Duration(defaultTimeout), DialTimeout: caddy.Duration(defaultDialTimeout)}, zap.NewNop())
	}
	return cluster, startTraffic(t, node(), node()), owner, replicas[0]
}

func TestClusterPrimaryKilled(t *testing.T) {
	cluster, tr, old, _ := clusterTraffic(t)
	began := time.Now()
	old.Kill()
	owner := cluster.WaitFailover(slotKey, old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantReading()
	t.Logf("reads work after %s", time.Since(began))
	old.Restart() // as a replica, according to its nodes.conf and the other nodes
	owner.WaitReplicas(1)
	t.Logf("has a replica again after %s", time.Since(began))
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

// TestClusterPrimaryHangs resumes the old primary after another has taken over its
// slots.
func TestClusterPrimaryHangs(t *testing.T) {
	cluster, tr, old, _ := clusterTraffic(t)
	began := time.Now()
	old.Pause()
	cluster.WaitFailover(slotKey, old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantReading()
	t.Logf("reads work after %s", time.Since(began))
	old.Resume()
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

func TestClusterFailoverByHand(t *testing.T) {
	cluster, tr, old, replica := clusterTraffic(t)
	began := time.Now()
	replica.Do("cluster", "failover")
	cluster.WaitFailover(slotKey, old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

// TestClusterResharding moves the tokens to another primary. While the keys are
// spread over both, changes are refused with an error that says why.
func TestClusterResharding(t *testing.T) {
	cluster, tr, old, _ := clusterTraffic(t)
	to := cluster.Servers[0]
	if to == old {
		to = cluster.Servers[1]
	}
	began := time.Now()
	move := cluster.BeginMove(slotKey, to)
	redistest.Eventually(t, "changes are refused", func() error {
		if err := tr.last(); err == nil || !strings.Contains(err.Error(), "moving the tokens") {
			return fmt.Errorf("the last failure: %v", err)
		}
		return nil
	})
	for move.MoveKeys(1) > 0 {
		tr.wantReading()
	}
	move.End()
	t.Logf("moved after %s", time.Since(began))
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

// TestClusterACLUser checks the additional permissions that a cluster requires.
func TestClusterACLUser(t *testing.T) {
	cluster := redistest.StartCluster(t, 2)
	for _, server := range cluster.Servers {
		permit(server, "gateway", "jira_tokens", &settings{Cluster: true})
	}
	works(t, &Store{Address: cluster.Addrs(), Cluster: true, Username: "gateway", Password: secret})
}
