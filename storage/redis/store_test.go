package redisstore

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// open returns a store for this configuration, as Caddy would. Default timeouts are so
// long that a busy machine does not cause an outage.
func open(t testing.TB, module *Store, logger *zap.Logger) storage.Store {
	t.Helper()
	module.Timeout = cmp.Or(module.Timeout, caddy.Duration(20*time.Second))
	module.DialTimeout = cmp.Or(module.DialTimeout, caddy.Duration(20*time.Second))
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

func TestDamage(t *testing.T) {
	server := redistest.Start(t)
	storagetest.Damage(t, func(t *testing.T) (storage.Store, func(string, []byte)) {
		return openToOverwrite(t, server, (*store).recordKey)
	})
}

func TestDamagedDocuments(t *testing.T) {
	server := redistest.Start(t)
	storagetest.DamagedDocuments(t, func(t *testing.T) (storage.Store, func(string, []byte)) {
		return openToOverwrite(t, server, (*store).documentKey)
	})
}

// openToOverwrite returns an empty store, and a function that replaces what is in one of
// its keys.
func openToOverwrite(t *testing.T, server *redistest.Server, key func(*store, string) string) (storage.Store, func(name string, data []byte)) {
	server.Do("flushall")
	s := open(t, &Store{URL: server.URL()}, nil)
	return s, func(name string, data []byte) {
		key := key(s.(*store), name)
		if data == nil {
			server.Do("del", key)
			server.Do("lpush", key, "x")
			return
		}
		server.Do("set", key, string(data))
	}
}

// TestDamagedEvents checks that an event which cannot be decoded does not hide others.
func TestDamagedEvents(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil)
	r := storagetest.NewRecord(1, "anna", "a")
	server.Do("xadd", s.(*store).events, "1-1", "e", "{]")
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	server.Do("zadd", s.(*store).index, "0", "e"+r.ID+"nonsense")
	for i, query := range []storage.EventQuery{{TokenID: r.ID}, {}} {
		want := 1 + i
		page, err := s.Events(t.Context(), query)
		if err != nil || len(page.Events) != want || page.Events[want-1].Action != "create" {
			t.Errorf("%+v: %+v, %v", query, page, err)
		}
	}
}

func TestConformance(t *testing.T) {
	server := redistest.Start(t)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		server.Do("flushall")
		return open(t, &Store{URL: server.URL()}, nil)
	})
}

// TestConformanceOfACLUser runs the suite as a user with only those permissions that
// the error about missing permissions lists.
func TestConformanceOfACLUser(t *testing.T) {
	server := redistest.Start(t)
	permit(server, "gateway", "other", new(settings))
	storagetest.Run(t, func(t *testing.T) storage.Store {
		server.Do("flushall")
		return open(t, &Store{Address: []string{server.Addr}, Username: "gateway", Password: secret, DB: 3, KeyPrefix: "other"}, nil)
	})
}

// permit gives a user the permissions that the error about missing permissions lists.
func permit(server *redistest.Server, user, prefix string, r *settings) {
	r.KeyPrefix = prefix
	args := []any{"acl", "setuser", user, "on", ">" + secret, "resetchannels"}
	for rule := range strings.FieldsSeq(r.permissions()) {
		args = append(args, rule)
	}
	server.Do(args...)
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
