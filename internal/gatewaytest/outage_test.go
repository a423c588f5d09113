package gatewaytest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// slowReply is how long a slow server takes for each response: longer than the store
// waits.
const storeTimeout, slowReply = 1500 * time.Millisecond, 2 * time.Second

// outage is one way in which a real redis-server fails and recovers.
type outage struct {
	name string
	// args are the server's.
	args []string
	// direct means that the server is not reached through the proxy.
	direct bool
	// cluster means that the server is a cluster.
	cluster bool
	// begin and end get the server and the network in front of it.
	begin, end func(t *testing.T, s *redistest.Server, network *redistest.Proxy)
}

var outages = []outage{
	{
		name:   "killed, and its port refuses",
		direct: true,
		begin:  func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Kill() },
		end:    func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Restart() },
	},
	{
		name: "killed behind a proxy that hangs up",
		begin: func(_ *testing.T, s *redistest.Server, network *redistest.Proxy) {
			s.Kill()
			network.Reset()
		},
		end: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Restart() },
	},
	{
		name:  "hangs",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Pause() },
		end:   func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Resume() },
	},
	{
		name:  "slow",
		begin: func(_ *testing.T, _ *redistest.Server, network *redistest.Proxy) { network.Slow(slowReply) },
		end:   func(_ *testing.T, _ *redistest.Server, network *redistest.Proxy) { network.Slow(0) },
	},
	{
		name:  "partitioned",
		begin: func(_ *testing.T, _ *redistest.Server, network *redistest.Proxy) { network.Cut() },
		end:   func(_ *testing.T, _ *redistest.Server, network *redistest.Proxy) { network.Heal() },
	},
	{
		name: "partitioned, and its connections forgotten",
		begin: func(_ *testing.T, _ *redistest.Server, network *redistest.Proxy) {
			network.Cut()
		},
		end: func(_ *testing.T, _ *redistest.Server, network *redistest.Proxy) {
			network.Reset()
			network.Heal()
		},
	},
	{
		name: "loading",
		args: []string{"--enable-debug-command", "yes"},
		begin: func(t *testing.T, s *redistest.Server, network *redistest.Proxy) {
			s.Do("debug", "populate", 100_000)
			s.Do("bgrewriteaof")
			redistest.Eventually(t, "the file is written", func() error {
				info := fmt.Sprint(s.Do("info", "persistence"))
				if !strings.Contains(info, "aof_rewrite_in_progress:0") || strings.Contains(info, "aof_base_size:0") || !strings.Contains(info, "aof_last_bgrewrite_status:ok") {
					return errors.New("not yet")
				}
				return nil
			})
			s.Launch("--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024")
			network.Reset()
			client := s.Client()
			redistest.Eventually(t, "the server is loading", func() error {
				if err := client.Get(t.Context(), "x").Err(); !redis.IsLoadingError(err) {
					return fmt.Errorf("the server returned %w", err)
				}
				return nil
			})
		},
		end: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			s.Do("config", "set", "key-load-delay", "0")
		},
	},
	{
		name: "password changed",
		begin: func(t *testing.T, s *redistest.Server, network *redistest.Proxy) {
			s.Do("config", "set", "requirepass", "another")
			network.Reset()
		},
		end: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			client := redis.NewClient(&redis.Options{Addr: s.Addr, Password: "another"})
			defer client.Close()
			if err := client.ConfigSet(t.Context(), "requirepass", "").Err(); err != nil {
				t.Fatal(err)
			}
		},
	},
	{
		name:    "cluster down",
		args:    []string{"--cluster-enabled", "yes"},
		direct:  true, // a cluster announces its nodes' addresses itself
		cluster: true,
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			s.Do("cluster", "delslotsrange", 0, 16383)
		},
		end: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			s.Do("cluster", "addslotsrange", 0, 16383)
		},
	},
}

// TestOutages: known tokens work through grace, others get 503 and never a response
// that looks like bad credentials; only the first request waits; changes fail with a
// clear error; and everything recovers by itself, with nothing lost.
func TestOutages(t *testing.T) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			server := redistest.Start(t, append([]string{"--appendonly", "yes", "--appendfsync", "always"}, o.args...)...)
			network := redistest.StartProxy(t, server)
			address, more := network.Addr, ""
			if o.direct {
				address = server.Addr
			}
			if o.cluster {
				more = "cluster"
				server.Do("cluster", "addslotsrange", 0, 16383)
				redistest.Eventually(t, "the cluster is up", func() error {
					if info := fmt.Sprint(server.Do("cluster", "info")); !strings.Contains(info, "cluster_state:ok") {
						return errors.New(info)
					}
					return nil
				})
			}
			// Now and then a busy machine stalls for longer than the default timeout,
			// which is an outage too, but not the one under test.
			g, known, unknown := startWithTokens(t, fmt.Sprintf("store redis {\naddress %s\ntimeout %s\ndial_timeout %[2]s\n%s\n}", address, storeTimeout, more))
			up := func(want string) func() error {
				return func() error { return g.wantMetric(t, "jira_tokens_store_up", want) }
			}
			o.begin(t, server, network)
			g.wantAway(t, known, unknown)
			eventually(t, "the metric to show the outage", up("0"))
			g.wantReadsBounded(t, unknown)
			g.wantStale(t, known)
			g.wantNoChanges(t, known)

			o.end(t, server, network)
			eventually(t, "the store to be used again", func() error {
				return g.get(unknown, http.StatusOK, "")
			})
			eventually(t, "the metric to show the recovery", up("1"))
			g.loggedOnce(t, "the token store does not answer")
			g.loggedOnce(t, "the token store answers again")
			for line := range strings.Lines(g.log.String()) {
				if strings.Contains(line, "store_unavailable") && strings.Contains(line, "request denied") && !strings.Contains(line, `"level":"debug"`) {
					t.Errorf("a line for a request during the outage: %s", line)
				}
			}
			if r := g.token("list"); r.code != 0 || !strings.Contains(r.out, known.ID) || !strings.Contains(r.out, unknown.ID) {
				t.Errorf("list after the outage: %s", r)
			}
			g.call("POST", "/jira_tokens/tokens/"+known.ID+"/revoke", nil, http.StatusOK, nil)
			if err := g.get(known, http.StatusUnauthorized, "token_revoked"); err != nil {
				t.Error(err)
			}
		})
	}
}

// startWithTokens starts a gateway with one token in memory, and another one only in the
// store.
func startWithTokens(t *testing.T, store string) (g *gateway, known, unknown issued) {
	t.Helper()
	g = startGateway(t, options{store: store, apps: "cache {\nttl 1s\ngrace 1h\n}"})
	known, unknown = g.issue("alice", "read"), g.issue("bob", "read") // a token is only in memory once it has been used
	eventually(t, "the token to be read", func() error { return g.get(known, http.StatusOK, "") })
	return g, known, unknown
}

// get sends a request with a token and returns an error if the response is not the
// expected one.
func (g *gateway) get(tok issued, status int, reason string) error {
	if a := g.do("GET", issuePath, tok.basic()); a.status != status || a.reason() != reason {
		return fmt.Errorf("%s, want %d %s", a, status, reason)
	}
	return nil
}

func (g *gateway) wantAway(t *testing.T, known, unknown issued) {
	t.Helper()
	for range 5 {
		if err := g.get(known, http.StatusOK, ""); err != nil {
			t.Errorf("known token: %v", err)
		}
		g.up.take()
		a := g.do("GET", issuePath, unknown.basic())
		g.check(t, a, refused(503, "store_unavailable"))
		if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 {
			t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
		}
	}
}

// wantReadsBounded: requests that cannot be answered do not read the store more often
// than the breaker does by itself.
func (g *gateway) wantReadsBounded(t *testing.T, unknown issued) {
	t.Helper()
	const reads, requests = `jira_tokens_store_seconds_count{op="get"}`, 100
	began, before := time.Now(), g.metric(t, reads)
	for range requests {
		if err := g.get(unknown, http.StatusServiceUnavailable, "store_unavailable"); err != nil {
			t.Fatal(err)
		}
	}
	// The breaker probes four times a second.
	if n, most := g.metric(t, reads)-before, 4*time.Since(began).Seconds()+2; n > most {
		t.Errorf("%v reads of the store for %d requests, want at most %v", n, requests, most)
	}
}

// wantStale: a known token works beyond the cache's ttl.
func (g *gateway) wantStale(t *testing.T, known issued) {
	t.Helper()
	eventually(t, "the ttl to pass", func() error {
		if err := g.get(known, http.StatusOK, ""); err != nil {
			t.Errorf("known token: %v", err)
		}
		if g.metric(t, `jira_tokens_cache_total{result="stale"}`) == 0 {
			return errors.New("it has not passed")
		}
		return nil
	})
}

// wantNoChanges: the admin API says clearly that it cannot work.
func (g *gateway) wantNoChanges(t *testing.T, known issued) {
	t.Helper()
	for _, call := range [][2]string{
		{"GET", "/jira_tokens/tokens"},
		{"POST", "/jira_tokens/tokens/" + known.ID + "/revoke"},
		{"GET", "/jira_tokens/health"},
	} {
		status, answer := g.adminCall(call[0], call[1], "")
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, "redis") || !strings.Contains(answer, "the token store is unavailable") {
			t.Errorf("%s %s: HTTP %d %s", call[0], call[1], status, answer)
		}
	}
	r := g.token("disable", known.ID)
	if r.code == 0 || !strings.Contains(r.err, "the token store is unavailable") {
		t.Errorf("disable: %s", r)
	}
	if err := g.get(known, http.StatusOK, ""); err != nil {
		t.Errorf("after failed changes: %v", err)
	}
}

func (g *gateway) wantMetric(t *testing.T, name, want string) error {
	if got := fmt.Sprint(g.metric(t, name)); got != want {
		return fmt.Errorf("%s is %s, want %s", name, got, want)
	}
	return nil
}

// TestStoreThatCannotWrite: tokens work, known or not; changes fail and say why.
func TestStoreThatCannotWrite(t *testing.T) {
	server := redistest.Start(t)
	g, known, unknown := startWithTokens(t, redisStore(server))
	for _, test := range []struct {
		name       string
		begin, end []any
		says       string
	}{
		{"replica", []any{"replicaof", "127.0.0.1", port(freeAddress(t))}, []any{"replicaof", "no", "one"}, "is a replica"},
		{"out of memory", []any{"config", "set", "maxmemory", 1}, []any{"config", "set", "maxmemory", 0}, "out of memory"},
	} {
		server.Do(test.begin...)
		for _, tok := range []issued{known, unknown} {
			if err := g.get(tok, http.StatusOK, ""); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		status, answer := g.adminCall("POST", "/jira_tokens/tokens/"+known.ID+"/disable", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, test.says) {
			t.Errorf("%s: disable: HTTP %d %s", test.name, status, answer)
		}
		if err := g.get(known, http.StatusOK, ""); err != nil {
			t.Errorf("%s: after a failed change: %v", test.name, err)
		}
		server.Do(test.end...)
		g.call("POST", "/jira_tokens/tokens/"+known.ID+"/disable", nil, http.StatusOK, nil)
		g.call("POST", "/jira_tokens/tokens/"+known.ID+"/enable", nil, http.StatusOK, nil)
	}
	if log := g.log.String(); strings.Contains(log, "the token store does not answer") {
		t.Error("the log reports an outage although tokens can be read")
	}
}

// TestStoreThatWasNeverThere: nobody is told that their credentials are bad.
func TestStoreThatWasNeverThere(t *testing.T) {
	server := redistest.Start(t)
	g := newGateway(t, options{store: redisStore(server)})
	server.Kill()
	g.launchAndListen(t)
	tok := strangeToken()
	if err := g.get(tok, http.StatusServiceUnavailable, "store_unavailable"); err != nil {
		t.Error(err)
	}
	server.Restart()
	eventually(t, "the store to be used", func() error { return g.get(tok, http.StatusUnauthorized, "invalid_token") })
	g.loggedOnce(t, "the token store answers again")
}

// launchAndListen starts a gateway whose store may be down. Caddy listens before its
// admin API knows the configuration, so waiting for the port is not enough.
func (g *gateway) launchAndListen(t *testing.T) {
	t.Helper()
	g.launch()
	g.eventuallyLogged(t, "serving initial configuration")
}

// strangeToken is a well-formed token that is in no store.
func strangeToken() issued { return issued{Owner: "alice", Token: token.New().Reveal()} }

// TestWrongNodeOfACluster: MOVED does not look like bad credentials.
func TestWrongNodeOfACluster(t *testing.T) {
	cluster, asked := redistest.StartCluster(t, 2), 0
	for _, server := range cluster.Servers {
		if _, err := server.Client().Get(t.Context(), "{jira_tokens}:x").Result(); !redis.HasErrorPrefix(err, "MOVED") {
			continue
		}
		asked++
		g := newGateway(t, options{store: redisStore(server)})
		g.launchAndListen(t)
		if err := g.get(strangeToken(), http.StatusServiceUnavailable, "store_unavailable"); err != nil {
			t.Error(err)
		}
		status, answer := g.adminCall("GET", "/jira_tokens/tokens", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, "add the option cluster") {
			t.Errorf("list: HTTP %d %s", status, answer)
		}
	}
	if asked != 1 {
		t.Errorf("%d nodes do not have the slot of the tokens, want 1", asked)
	}
}

// TestGraceEnds: a known token does not work forever without its store.
func TestGraceEnds(t *testing.T) {
	server := redistest.Start(t)
	g := startGateway(t, options{store: redisStore(server), apps: "cache {\nttl 1s\ngrace 2s\n}"})
	tok := g.issue("alice", "read")
	if err := g.get(tok, http.StatusOK, ""); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	eventually(t, "grace to end", func() error { return g.get(tok, http.StatusServiceUnavailable, "store_unavailable") })
	for range 20 {
		if err := g.get(tok, http.StatusServiceUnavailable, "store_unavailable"); err != nil {
			t.Error(err)
		}
	}
}

// TestRestartedEmpty: tokens that are gone are not accepted for long, and the log says
// what happened.
func TestRestartedEmpty(t *testing.T) {
	server := redistest.Start(t)
	g, known, _ := startWithTokens(t, redisStore(server))
	server.Restart()
	eventually(t, "the token to be gone", func() error { return g.get(known, http.StatusUnauthorized, "invalid_token") })
	g.loggedOnce(t, "has lost acknowledged changes")
}
