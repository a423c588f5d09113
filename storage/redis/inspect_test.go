package redisstore

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// logged returns a logger of warnings and errors, and a function that returns its
// messages.
func logged() (*zap.Logger, func() []string) {
	core, logs := observer.New(zapcore.WarnLevel)
	return zap.New(core), func() []string {
		var messages []string
		for _, entry := range logs.All() {
			messages = append(messages, entry.Message)
		}
		return messages
	}
}

func TestOpenWarns(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes")
	server.Do("acl", "setuser", "careless", "on", ">"+secret, "~*", "&*", "+@all", "-config")
	module := Store{Address: []string{server.Addr}}
	for _, test := range []struct {
		name    string
		prepare func()
		want    string
	}{
		{"all is well", func() {}, ""},
		{"too few replicas", func() { module.MinReplicas = 1 }, "fewer replicas than min_replicas"},
		{"evicts", func() {
			module.MinReplicas = 0
			server.Do("config", "set", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
		}, "may evict"},
		{"snapshots only", func() {
			server.Do("config", "set", "maxmemory", "0", "appendonly", "no", "save", "3600 1")
		}, ""},
		{"keeps nothing", func() { server.Do("config", "set", "save", "") }, "keeps nothing on disk"},
		{"does not reveal whether it keeps anything", func() {
			module.Username, module.Password = "careless", secret
		}, ""},
		{"down, which the breaker reports", server.Kill, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.prepare()
			logger, messages := logged()
			if err := open(t, &module, logger).Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(messages(), "\n"); (text == "") != (test.want == "") || !strings.Contains(text, test.want) {
				t.Errorf("logged %q, want %q", text, test.want)
			}
		})
	}
}

// TestOpenWarnsOfTheWrongServer opens cluster nodes, with and without the tokens'
// slot, that are configured as standalone servers, and a replica.
func TestOpenWarnsOfTheWrongServer(t *testing.T) {
	cluster := redistest.StartCluster(t, 2)
	primary := redistest.Start(t, "--appendonly", "yes")
	host, port, _ := net.SplitHostPort(primary.Addr)
	replica := redistest.Start(t, "--appendonly", "yes", "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	for _, test := range []struct {
		server *redistest.Server
		want   string
	}{
		{cluster.Servers[0], "add the option cluster"},
		{cluster.Servers[1], "add the option cluster"},
		{replica, "is a replica"},
	} {
		test.server.Do("config", "set", "appendonly", "yes")
		logger, messages := logged()
		if err := open(t, &Store{Address: []string{test.server.Addr}}, logger).Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := messages(); len(got) != 1 || !strings.Contains(got[0], test.want) {
			t.Errorf("logged %q, want %q", got, test.want)
		}
	}
	logger, messages := logged()
	if err := open(t, &Store{Address: cluster.Addrs(), Cluster: true}, logger).Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := messages(); len(got) != 0 {
		t.Errorf("logged %q for a correctly configured cluster", got)
	}
}

// TestInspectedHourly makes inspections due by hand, and checks that warnings are
// repeated, but only once however many watchers there are.
func TestInspectedHourly(t *testing.T) {
	server := redistest.Start(t)
	logger, messages := logged()
	s := open(t, &Store{URL: server.URL()}, logger).(*store)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		heard, _ := storagetest.Watch(t, s)
		heard.Want(t, "restored")
	}
	s.inspectIfDue(t.Context(), time.Now().Add(inspectEvery-time.Minute))
	if n := len(messages()); n != 1 {
		t.Fatalf("%d warnings before the hour was over", n)
	}
	s.inspection.mu.Lock()
	s.inspection.due = time.Now()
	s.inspection.mu.Unlock()
	redistest.Eventually(t, "it is said again", func() error {
		if n := len(messages()); n != 2 {
			return fmt.Errorf("%d warnings", n)
		}
		return nil
	})
}

// TestInspectedSoonAfterAnOutage checks that an inspection that failed is repeated
// sooner than after an hour.
func TestInspectedSoonAfterAnOutage(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	logger, messages := logged()
	s := open(t, &Store{URL: server.URL()}, logger).(*store)
	now := time.Now()
	s.inspectIfDue(t.Context(), now)
	server.Restart()
	s.inspectIfDue(t.Context(), now.Add(inspectRetry))
	if got := messages(); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
}

func TestOlder(t *testing.T) {
	for _, test := range []struct {
		a    string
		want bool
	}{{"6.2.14", true}, {"7.0.0", false}, {"7", false}, {"8.2.1", false}, {"10.0", false}, {"unknown", false}} {
		if got := older(test.a, oldest); got != test.want {
			t.Errorf("%s older than %s: %t", test.a, oldest, got)
		}
	}
}

// wantLoss waits until n losses have been logged.
func wantLoss(t *testing.T, messages func() []string, n int) {
	t.Helper()
	redistest.Eventually(t, "the loss is logged", func() error {
		lost := slices.DeleteFunc(messages(), func(m string) bool { return !strings.Contains(m, "has lost acknowledged changes") })
		if len(lost) != n {
			return errors.New(strings.Join(messages(), "\n"))
		}
		return nil
	})
}
