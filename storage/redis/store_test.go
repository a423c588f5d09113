package redisstore

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// open returns a store of this configuration, as Caddy would.
func open(t testing.TB, module *Store, logger *zap.Logger) storage.Store {
	t.Helper()
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if err := module.Validate(); err != nil {
		t.Fatal(err)
	}
	if logger == nil {
		logger = zaptest.NewLogger(t)
	}
	s, err := module.NewStore(logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	server := redistest.Start(t)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		server.Do("flushall")
		return open(t, &Store{URL: server.URL()}, nil)
	})
}

// TestConformanceOfACLUser gives a user no more than the error message on
// missing permissions asks for, and the store must pass the suite.
func TestConformanceOfACLUser(t *testing.T) {
	server := redistest.Start(t)
	server.Do("acl", "setuser", "gateway", "on", ">s3cret", "resetchannels", "~{other}:*", "&{other}:*",
		"+get", "+mget", "+set", "+del", "+exists", "+zadd", "+zrem", "+zrange", "+zcard", "+xadd", "+xrange", "+xlen",
		"+eval", "+evalsha", "+publish", "+subscribe", "+ping", "+select", "+info")
	storagetest.Run(t, func(t *testing.T) storage.Store {
		server.Do("flushall")
		return open(t, &Store{Address: []string{server.Addr}, Username: "gateway", Password: "s3cret", DB: 3, KeyPrefix: "other"}, nil)
	})
}

func TestConformanceOfCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		for _, server := range cluster.Servers {
			server.Do("flushall")
		}
		return open(t, &Store{Address: cluster.Addrs(), Cluster: true}, nil)
	})
}

func TestConformanceOfSentinel(t *testing.T) {
	set := redistest.StartSentinel(t, 1, 1)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		set.Servers[0].Do("flushall")
		return open(t, &Store{Address: set.Addrs(), SentinelMaster: set.Master}, nil)
	})
}
