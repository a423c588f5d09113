package redisstore

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// documented returns the commands in the documentation that create ACL users.
func documented(t *testing.T) (server, node, sentinel string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "ACL SETUSER ") {
			continue
		}
		n++
		switch {
		case strings.Contains(line, "+sentinel|"):
			sentinel = line
		case strings.Contains(line, "+cluster|"):
			node = line
		default:
			server = line
		}
	}
	if n != 3 || server == "" || node == "" || sentinel == "" {
		t.Fatalf("%d lines, want one each for a server, a cluster node and a sentinel", n)
	}
	return server, node, sentinel
}

// paste runs a line in redis-cli, as an operator would.
func paste(t *testing.T, s *redistest.Server, line string) {
	t.Helper()
	host, port, _ := strings.Cut(s.Addr, ":")
	cli := exec.Command("redis-cli", "-h", host, "-p", port)
	cli.Stdin = strings.NewReader(line)
	if out, err := cli.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "OK" {
		t.Fatalf("%s: %s %v", line, out, err)
	}
}

// TestDocumentedACL runs the commands in the documentation, and checks that the
// servers then deny a gateway nothing.
func TestDocumentedACL(t *testing.T) {
	server, node, sentinel := documented(t)
	for name, start := range map[string]func(t *testing.T) (module *Store, servers []*redistest.Server){
		"server": func(t *testing.T) (*Store, []*redistest.Server) {
			s := redistest.Start(t)
			paste(t, s, server)
			return &Store{Address: []string{s.Addr}, DB: 1}, []*redistest.Server{s}
		},
		"sentinel": func(t *testing.T) (*Store, []*redistest.Server) {
			set := redistest.StartSentinel(t, 1, 1)
			for _, s := range set.Servers {
				paste(t, s, server)
			}
			for _, s := range set.Sentinels {
				paste(t, s, sentinel)
			}
			return &Store{
				Address: set.Addrs(), SentinelMaster: set.Master, SentinelUsername: "gateway", SentinelPassword: "PASSWORD", MinReplicas: 1,
			}, append(set.Servers, set.Sentinels...)
		},
		"cluster": func(t *testing.T) (*Store, []*redistest.Server) {
			cluster := redistest.StartClusterWithReplicas(t, 2, 1)
			for _, s := range cluster.Servers {
				paste(t, s, node)
			}
			return &Store{Address: cluster.Addrs(), Cluster: true, MinReplicas: 1}, cluster.Servers
		},
	} {
		t.Run(name, func(t *testing.T) {
			module, servers := start(t)
			module.Username, module.Password = "gateway", "PASSWORD"
			logger, messages := logged()
			s := open(t, module, logger).(*store)
			if err := s.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			heard, _ := storagetest.Watch(t, s)
			heard.Want(t, "restored")
			doEverything(t, s, heard)
			if missing := s.missing(t.Context()); missing != "" {
				t.Errorf("the user lacks %s", missing)
			}
			for _, server := range servers {
				if log := fmt.Sprint(server.Do("acl", "log")); log != "[]" {
					t.Errorf("%s denied %s", server.Addr, log)
				}
			}
			for _, message := range messages() {
				if !strings.Contains(message, "keeps nothing on disk") {
					t.Errorf("logged %q", message)
				}
			}
		})
	}
}

// doEverything calls every method of a store.
func doEverything(t *testing.T, s *store, heard storagetest.Heard) {
	t.Helper()
	ctx := t.Context()
	r := storagetest.NewRecord(1, "anna", "a")
	update := storagetest.Update(r, func(r *token.Record) { r.Name = "b" })
	for _, err := range []error{
		s.Apply(ctx, storagetest.Create(r)),
		s.Apply(ctx, update),
		s.AddEvents(ctx, storage.Event{Action: "account_refused", Name: "default"}),
		s.SaveUses(ctx, map[string]storage.Use{r.ID: {At: time.Now()}}),
		s.AddActivity(ctx, storage.ActivityBatch{ID: "a", Counts: map[storage.TokenDay]storage.Counts{{TokenID: r.ID}: {Requests: 1}}}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Get(ctx, r.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.List(ctx, storage.Query{}); err != nil {
		t.Error(err)
	}
	if _, err := s.Events(ctx, storage.EventQuery{TokenID: r.ID}); err != nil {
		t.Error(err)
	}
	if _, err := s.Uses(ctx, []string{r.ID}); err != nil {
		t.Error(err)
	}
	if _, err := s.Activity(ctx, r.ID, 0); err != nil {
		t.Error(err)
	}
	if _, err := s.Records(ctx, []string{r.ID}); err != nil {
		t.Error(err)
	}
	if ids, _, err := s.UsedSince(ctx, time.Now().Add(-time.Hour).UnixMilli()); err != nil || len(ids) != 1 {
		t.Errorf("used: %v, %v", ids, err)
	}
	if grant, err := s.Take(ctx, r.ID, token.Limit{Requests: 1, Period: time.Minute, Burst: 1}, 1); err != nil || grant.Granted != 1 {
		t.Errorf("%+v, %v", grant, err)
	}
	if err := s.Apply(ctx, storagetest.Delete(update.New)); err != nil {
		t.Error(err)
	}
	if topology := s.client.topology; topology != nil {
		if err := topology.check(ctx); err != nil {
			t.Error(err)
		}
	}
	s.followAddress(ctx)
	for range 3 { // create, update and delete: until they are announced, the subscription is due to be checked again
		heard.Want(t, r.ID)
	}
	s.checkSubscription(ctx, s.checkSubscription(ctx, storage.EventID{}))
}

// TestMissingPermissionIsNamed takes single permissions from a user that has all of
// them, and checks that the error names what is missing, for commands and scripts.
func TestMissingPermissionIsNamed(t *testing.T) {
	server := redistest.Start(t)
	paste(t, server, strings.Replace(first(documented(t)), "PASSWORD", secret, 1))
	module := &Store{Address: []string{server.Addr}, Username: "gateway", Password: secret}
	limit := token.Limit{Requests: 1, Period: time.Minute, Burst: 1}
	change := func(s *store) error {
		return s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a")))
	}
	event := func(s *store) error {
		return s.AddEvents(t.Context(), storage.Event{Action: "account_refused", Name: "default"})
	}
	use := func(s *store) error {
		return s.SaveUses(t.Context(), map[string]storage.Use{"0123456789": {At: time.Now()}})
	}
	take := func(s *store) error {
		_, err := s.Take(t.Context(), "0123456789", limit, 1)
		return err
	}
	read := func(s *store) error {
		_, err := s.Get(t.Context(), "0123456789")
		return err
	}
	for _, test := range []struct {
		without string
		do      func(*store) error
		want    string
	}{
		{"-get", read, "who lacks +get:"},
		{"-get", change, "who lacks +get:"},
		{"-zcard", change, "who lacks +zcard:"},
		{"-xlen", change, "who lacks +xlen:"},
		{"-hlen", change, "who lacks +hlen:"},
		{"-xadd", change, "who lacks +xadd:"},
		{"-xadd", event, "who lacks +xadd:"},
		{"-hget", use, "who lacks +hget:"},
		{"-time", take, "who lacks +time:"},
		{"-zadd -zrem", change, "who lacks +zadd +zrem:"},
		{"resetchannels", change, "who lacks &{jira_tokens}:* +publish"},
		{"resetkeys ~{jira_tokens}:*", take, "who lacks ~rate:{jira_tokens}:*:"},
		{"resetkeys", change, "who lacks ~{jira_tokens}:* "},
		{"-eval -evalsha", change, "+evalsha"},
	} {
		t.Run(test.without+" "+test.want, func(t *testing.T) {
			server.Do("flushall")
			args := []any{"acl", "setuser", "gateway"}
			for rule := range strings.FieldsSeq(test.without) {
				args = append(args, rule)
			}
			server.Do(args...)
			err := test.do(open(t, module, nil).(*store))
			paste(t, server, strings.Replace(first(documented(t)), "PASSWORD", secret, 1))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v: want it to contain %q", err, test.want)
			}
			for _, raw := range []string{"script:", "user_script", "\n"} {
				if strings.Contains(err.Error(), raw) {
					t.Errorf("%v contains %q", err, raw)
				}
			}
			if n := server.Do("dbsize"); n != int64(0) {
				t.Errorf("keys left: %v", server.Do("keys", "*"))
			}
		})
	}
}

func first(server, _, _ string) string { return server }
