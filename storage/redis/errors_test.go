package redisstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// secret is a password that no error may show.
const secret = "hunter2-hunter2"

// wantOutage checks that err is an outage that contains text but no password, on one
// line.
func wantOutage(t *testing.T, err error, text string) {
	t.Helper()
	if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrConflict) {
		t.Fatalf("%v: want ErrUnavailable", err)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("%v: want it to contain %q", err, text)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), secret) {
			t.Errorf("%v contains the password", e)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%v: want one line", err)
	}
}

// TestOutagesOnChange makes a change on servers that cannot make it, and checks that
// the error says why and that nothing of the change is left.
func TestOutagesOnChange(t *testing.T) {
	nothingStored := func(t *testing.T, s *redistest.Server) {
		if n := s.Do("dbsize"); n != int64(0) {
			t.Errorf("%d keys after a failed change: %v", n, s.Do("keys", "*"))
		}
	}
	for _, test := range []struct {
		name   string
		server func(t *testing.T) (*redistest.Server, *Store)
		want   string
		check  func(t *testing.T, s *redistest.Server)
	}{
		{"no password", func(t *testing.T) (*redistest.Server, *Store) {
			return redistest.Start(t, "--requirepass", secret), &Store{}
		}, "check username and password", nil},
		{"wrong password", func(t *testing.T) (*redistest.Server, *Store) {
			return redistest.Start(t, "--requirepass", "another"), &Store{Password: secret}
		}, "check username and password", nil},
		{"unknown user", func(t *testing.T) (*redistest.Server, *Store) {
			return redistest.Start(t), &Store{Username: "nobody", Password: secret}
		}, "check username and password", nothingStored},
		{"replica", func(t *testing.T) (*redistest.Server, *Store) {
			primary := redistest.Start(t)
			host, port, _ := net.SplitHostPort(primary.Addr)
			replica := redistest.Start(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
			redistest.Eventually(t, "the replica is in sync", func() error {
				if info := fmt.Sprint(replica.Do("info", "replication")); !strings.Contains(info, "master_link_status:up") {
					return errors.New(info)
				}
				return nil
			})
			return replica, &Store{}
		}, "is a replica", nothingStored},
		{"out of memory", func(t *testing.T) (*redistest.Server, *Store) {
			return redistest.Start(t, "--maxmemory", "1"), &Store{}
		}, "out of memory", nothingStored},
		{"node of a cluster", func(t *testing.T) (*redistest.Server, *Store) {
			cluster := redistest.StartCluster(t, 2)
			for _, server := range cluster.Servers {
				if answer, err := server.Client().Get(t.Context(), "{jira_tokens}:x").Result(); strings.HasPrefix(fmt.Sprint(err), "MOVED") {
					return server, &Store{}
				} else if answer != "" {
					t.Fatal(answer)
				}
			}
			t.Fatal("no node without the slot")
			return nil, nil
		}, "add the option cluster", nothingStored},
		{"cluster that is down", func(t *testing.T) (*redistest.Server, *Store) {
			return redistest.Start(t, "--cluster-enabled", "yes"), &Store{}
		}, "is down as a cluster", nothingStored},
		{"no permission to publish", func(t *testing.T) (*redistest.Server, *Store) {
			server := redistest.Start(t)
			server.Do("acl", "setuser", "gateway", "on", ">"+secret, "~*", "+@all", "resetchannels")
			return server, &Store{Username: "gateway", Password: secret}
		}, "does not permit", nothingStored},
		{"no permission for the stream", func(t *testing.T) (*redistest.Server, *Store) {
			server := redistest.Start(t)
			server.Do("acl", "setuser", "gateway", "on", ">"+secret, "~*", "&*", "+@all", "-xadd")
			return server, &Store{Username: "gateway", Password: secret}
		}, "does not permit", nothingStored},
		{"foreign keys", func(t *testing.T) (*redistest.Server, *Store) {
			server := redistest.Start(t)
			server.Do("set", "{jira_tokens}:events", "something else")
			return server, &Store{}
		}, "key_prefix", func(t *testing.T, s *redistest.Server) {
			if n := s.Do("dbsize"); n != int64(1) {
				t.Errorf("%d keys, want the foreign one: %v", n, s.Do("keys", "*"))
			}
		}},
		{"refused", func(t *testing.T) (*redistest.Server, *Store) {
			server := redistest.Start(t)
			server.Kill()
			return server, &Store{}
		}, "refuses connections", nil},
		{"hanging", func(t *testing.T) (*redistest.Server, *Store) {
			server := redistest.Start(t)
			server.Pause()
			return server, &Store{Timeout: caddy.Duration(100 * time.Millisecond)}
		}, "did not answer", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, module := test.server(t)
			module.Address = []string{server.Addr}
			s := open(t, module, nil)
			err := s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a")))
			wantOutage(t, err, test.want)
			wantOutage(t, err, server.Addr)
			if test.check != nil {
				test.check(t, server)
			}
		})
	}
}

// TestOutagesAnswered uses a server that replies to every command with an error that
// is hard to get from a real server.
func TestOutagesAnswered(t *testing.T) {
	for answer, want := range map[string]string{
		"-LOADING Redis is loading the dataset in memory":                                    "is loading its data",
		"-MISCONF Redis is configured to save RDB snapshots":                                 "cannot save to disk",
		"-NOREPLICAS Not enough good replicas to write.":                                     "too few replicas",
		"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":  "lost its primary",
		"-ERR max number of clients reached":                                                 "too many clients",
		"-ERR unknown command 'AUTH', with args beginning with: 'gateway' '" + secret + "' ": "failed",
		"-NOAUTH Authentication required.":                                                   "check username and password",
		"-CLUSTERDOWN Hash slot not served":                                                  "is down as a cluster",
		"HTTP/1.1 400 Bad Request":                                                           "",
	} {
		t.Run(answer, func(t *testing.T) {
			s := open(t, &Store{Address: []string{answering(t, answer)}, Username: "gateway", Password: secret}, nil)
			_, err := s.Get(t.Context(), "0123456789")
			wantOutage(t, err, want)
			_, err = s.List(t.Context(), storage.Query{})
			wantOutage(t, err, want)
			_, err = s.Events(t.Context(), storage.EventQuery{})
			wantOutage(t, err, want)
			wantOutage(t, s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a"))), want)
		})
	}
}

// answering returns the address of a server that replies to every command with line.
func answering(t *testing.T, line string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewScanner(conn); in.Scan(); {
					// Every command begins with the number of its arguments.
					if strings.HasPrefix(in.Text(), "*") {
						fmt.Fprint(conn, line, "\r\n")
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestTooManyClients checks that a change on a connection that the server refused is
// not reported as one that may have been made.
func TestTooManyClients(t *testing.T) {
	for name, module := range map[string]*Store{
		"without password": {},
		"with password":    {Username: "gateway", Password: secret},
		"with database":    {DB: 2},
		"with replicas":    {MinReplicas: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			server.Do("acl", "setuser", "gateway", "on", ">"+secret, "~*", "&*", "+@all")
			server.Do("config", "set", "maxclients", 1)
			conn, err := net.Dial("tcp", server.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for answer := make([]byte, 100); ; { // until this is the only client
				fmt.Fprint(conn, "PING\r\n")
				if n, _ := conn.Read(answer); string(answer[:n]) == "+PONG\r\n" {
					break
				}
				conn.Close()
				if conn, err = net.Dial("tcp", server.Addr); err != nil {
					t.Fatal(err)
				}
			}
			module.Address = []string{server.Addr}
			s := open(t, module, nil)
			for i := range 20 {
				err := s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(i, "anna", "a")))
				wantOutage(t, err, "maxclients")
				if strings.Contains(err.Error(), "may or may not have been made") {
					t.Fatal(err)
				}
			}
			_, err = s.Get(t.Context(), "0123456789")
			wantOutage(t, err, "maxclients")
		})
	}
}

func TestSentinelsAway(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	s := open(t, &Store{Address: []string{server.Addr}, SentinelMaster: "tokens", Password: secret}, nil)
	_, err := s.Get(t.Context(), "0123456789")
	wantOutage(t, err, "sentinel")
}

func TestChangeThatIsNotAnswered(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL(), Timeout: caddy.Duration(200 * time.Millisecond)}, nil)
	first := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(first)); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	r := storagetest.NewRecord(2, "anna", "b")
	wantOutage(t, s.Apply(t.Context(), storagetest.Create(r)), "may or may not have been made")

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := s.Get(ctx, first.ID); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("after the caller gave up: %v, want context.Canceled", err)
	}

	server.Resume()
	redistest.Eventually(t, "the store recovers", func() error {
		_, err := s.Get(t.Context(), first.ID)
		return err
	})
}

// TestChangeSentTwice sends one change twice, as the client does if the connection
// dies before the reply. It must be made once, without a conflict.
func TestChangeSentTwice(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil).(*store)
	r := storagetest.NewRecord(1, "anna", "a")
	for _, change := range []storage.Change{storagetest.Create(r), storagetest.Delete(r)} {
		args, err := s.applyArgs(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		keys := s.applyKeys(r.ID, change.Event.Action)
		for range 2 {
			if id, err := s.write(t.Context(), "change", s.apply, keys, args); err != nil || id == conflict {
				t.Fatalf("%s: %q, %v", change.Event.Action, id, err)
			}
		}
	}
	if n := server.Do("xlen", s.events); n != int64(2) {
		t.Errorf("%d events for 2 changes", n)
	}
}

// TestScriptIsLoadedAgain makes the server forget the script.
func TestScriptIsLoadedAgain(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil)
	for i := range 2 {
		if err := s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(i, "anna", "a"))); err != nil {
			t.Fatal(err)
		}
		server.Do("script", "flush")
	}
}

func TestRecordThatIsNone(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil)
	server.Do("set", "{jira_tokens}:token:0123456789", "{]")
	_, err := s.Get(t.Context(), "0123456789")
	if !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), "{jira_tokens}:token:0123456789") {
		t.Errorf("%v: want ErrDamaged with the record's key", err)
	}
}
