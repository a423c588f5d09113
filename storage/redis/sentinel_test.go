package redisstore

import (
	"net"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// sentinelTraffic starts a primary, two replicas, three sentinels and traffic
// that waits for both replicas.
func sentinelTraffic(t *testing.T) (*redistest.Sentinel, *traffic) {
	t.Helper()
	t.Parallel()
	set := redistest.StartSentinel(t, 2, 3)
	node := func() storage.Store {
		return open(t, &Store{Address: set.Addrs(), SentinelMaster: set.Master, MinReplicas: 2, Timeout: caddy.Duration(defaultTimeout), DialTimeout: caddy.Duration(defaultDialTimeout)}, zap.NewNop())
	}
	return set, startTraffic(t, node(), node())
}

// TestSentinelPrimaryKilled checks that every acknowledged change is on the replica
// that takes over.
func TestSentinelPrimaryKilled(t *testing.T) {
	set, tr := sentinelTraffic(t)
	old := set.Servers[0]
	began := time.Now()
	old.Kill()
	primary := set.WaitFailover(old)
	t.Logf("failed over after %s", time.Since(began))
	primary.WaitReplicas(1) // before the old one comes back
	host, port, _ := net.SplitHostPort(primary.Addr)
	old.Restart("--replicaof", host, port) // as a sentinel would do after ten more seconds
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

// TestSentinelPrimaryHangs pauses the primary and resumes it after another has taken
// over.
func TestSentinelPrimaryHangs(t *testing.T) {
	set, tr := sentinelTraffic(t)
	old := set.Servers[0]
	began := time.Now()
	old.Pause()
	set.WaitFailover(old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantLostAndRestored()
	old.Resume() // still considers itself the primary until a sentinel intervenes
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

// TestSentinelFailoverByHand demotes a healthy primary.
func TestSentinelFailoverByHand(t *testing.T) {
	set, tr := sentinelTraffic(t)
	old := set.Servers[0]
	began := time.Now()
	set.Sentinels[0].Do("sentinel", "failover", set.Master)
	set.WaitFailover(old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.wantTrail()
}

// TestSentinelPrimaryCutOff cuts the primary off from its replicas and the sentinels,
// but not from this gateway, to which it still looks like the primary.
func TestSentinelPrimaryCutOff(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t, 2, 3)
	for _, server := range set.Servers {
		server.Do("acl", "setuser", "gateway", "on", ">"+secret, "~*", "&*", "+@all")
	}
	node := func() storage.Store {
		return open(t, &Store{Address: set.Addrs(), SentinelMaster: set.Master, MinReplicas: 1, Username: "gateway", Password: secret, Timeout: caddy.Duration(defaultTimeout), DialTimeout: caddy.Duration(defaultDialTimeout)}, zap.NewNop())
	}
	tr := startTraffic(t, node(), node())
	old := set.Servers[0]
	began := time.Now()
	tr.distrust.Store(true)
	// Sentinels and replicas use the default user.
	old.Do("acl", "setuser", "default", "resetpass", ">nobody knows this")
	old.ClientAs("gateway", secret).Do(t.Context(), "client", "kill", "user", "default")
	set.WaitFailover(old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	tr.distrust.Store(false)
	tr.wantWorking()
	tr.wantTrail()
}

// TestSentinelHostHangs pauses the primary together with the only configured sentinel,
// as if their host were down. By then, the other sentinels have been discovered.
func TestSentinelHostHangs(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t, 2, 3)
	node := func() storage.Store {
		return open(t, &Store{Address: set.Addrs()[:1], SentinelMaster: set.Master, MinReplicas: 1, Timeout: caddy.Duration(defaultTimeout), DialTimeout: caddy.Duration(defaultDialTimeout)}, zap.NewNop())
	}
	tr := startTraffic(t, node(), node())
	old := set.Servers[0]
	began := time.Now()
	old.Pause()
	set.Sentinels[0].Pause()
	set.WaitFailover(old)
	t.Logf("failed over after %s", time.Since(began))
	tr.wantLostAndRestored()
	tr.wantWorking()
	t.Logf("all works after %s", time.Since(began))
	old.Resume()
	set.Sentinels[0].Resume()
	tr.wantWorking()
	tr.wantTrail()
}
