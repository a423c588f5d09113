package gatewaytest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// TestTrailVerifies verifies the trail of a gateway over a restart, a change of the
// signing key and an edit of the store.
func TestTrailVerifies(t *testing.T) {
	g := startGateway(t, options{})
	succeeds := func(args ...string) string {
		t.Helper()
		r := g.token(append([]string{"audit"}, args...)...)
		if r.code != 0 {
			t.Fatalf("audit %q: %s", args, r)
		}
		return r.out
	}
	keep := func(name, text string) string {
		t.Helper()
		path := filepath.Join(g.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g.issue("alice", "read")
	g.issue("bob", "write")
	if out := succeeds("verify"); !strings.Contains(out, "2 events") {
		t.Errorf("verify printed %s", out)
	}
	checkpoint, key := keep("checkpoint", succeeds("checkpoint")), strings.TrimSpace(succeeds("key"))
	export := keep("trail.ndjson", succeeds("export"))

	var page struct {
		Events []struct{ ID string }
	}
	g.call("GET", "/jira_tokens/audit", nil, 200, &page)
	proof := keep("proof", succeeds("proof", page.Events[1].ID))

	g.stop()
	g.start()
	g.issue("carol", "read")
	if out := succeeds("verify", "--checkpoint", checkpoint, "--key", key); !strings.Contains(out, "3 events") || !strings.Contains(out, "It continues the checkpoint in "+checkpoint) {
		t.Errorf("after a restart, verify printed %s", out)
	}

	signing, verifier, err := tree.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	g.account = append(g.account, signing)
	g.configure(options{apps: "audit {\nkey " + signing + "\n}"})
	if r := g.reload(); r.code != 0 {
		t.Fatal(r)
	}
	g.issue("dave", "read")
	succeeds("verify", "--checkpoint", checkpoint)
	// The trail keeps its name, so the new key is not called what it was generated as.
	public := strings.SplitN(verifier, "+", 3)[2]
	if out := succeeds("key"); !strings.HasSuffix(strings.Split(out, "\n")[0], public) || !strings.Contains(out, key) {
		t.Errorf("after a change of the key, key printed %s", out)
	}

	g.stop()
	edit(t, g.store, "bob", "eve")
	// None of this needs a gateway.
	succeeds("verify", "--file", export, "--key", key)
	if out := succeeds("proof", "--file", proof, "--key", key); !strings.Contains(out, `"owner":"bob"`) {
		t.Errorf("the proof is of %s", out)
	}
	for _, args := range [][]string{
		{"verify", "--file", export, "--key", verifier},
		{"proof", "--file", proof, "--key", verifier},
		{"verify", "--file", keep("edited", strings.Replace(readFile(t, export), "bob", "eve", 1)), "--key", key},
	} {
		if r := g.token(append([]string{"audit"}, args...)...); r.code == 0 {
			t.Errorf("audit %q: %s", args, r)
		}
	}

	g.start()
	r := g.token("audit", "verify", "--output", "json")
	if r.code == 0 || !strings.Contains(r.out, `"kind": "changed"`) || !strings.Contains(r.out, "event 2 is not what was recorded") || !strings.Contains(r.err, "not what was recorded") {
		t.Errorf("after an edit: %s", r)
	}
	if r := g.token("audit", "proof", page.Events[1].ID); r.code == 0 || !strings.Contains(r.err, "audit verify") {
		t.Errorf("the proof of an edited event: %s", r)
	}
	g.check(t, g.do("GET", issuePath, g.issue("frank", "read").basic()), passes)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edit replaces a text in the events of a file store.
func edit(t *testing.T, path, old, new string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		events := tx.Bucket([]byte("events"))
		c := events.Cursor()
		for key, data := c.First(); key != nil; key, data = c.Next() {
			if bytes.Contains(data, []byte(old)) {
				return events.Put(bytes.Clone(key), bytes.ReplaceAll(data, []byte(old), []byte(new)))
			}
		}
		return fmt.Errorf("no event contains %s", old)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTrailOfTwoGateways verifies the trail of two gateways with the same Redis and the
// same key.
func TestTrailOfTwoGateways(t *testing.T) {
	redis := redistest.Start(t)
	signing, _, err := tree.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	o := options{store: redisStore(redis), apps: "audit {\nkey " + signing + "\n}"}
	gateways := []*gateway{startGateway(t, o), startGateway(t, o)}
	for i := range 6 {
		gateways[i%2].issue(fmt.Sprint("owner ", i), "read")
		if r := gateways[1-i%2].token("audit", "verify"); r.code != 0 || !strings.Contains(r.out, fmt.Sprintf(" recorded: %d event", i+1)) {
			t.Fatalf("after %d events: %s", i+1, r)
		}
	}
}

// TestTrailAfterFailover: a replica without the newest events takes over. The gateways say
// that these were lost with a failover, so does audit verify, and the trail goes on, in one
// order.
func TestTrailAfterFailover(t *testing.T) {
	primary := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	host, port, _ := net.SplitHostPort(primary.Addr)
	replica := redistest.Start(t, "--replicaof", host, port)
	primary.WaitReplicas(1)
	network := redistest.StartProxy(t, primary)
	signing, _, err := tree.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	o := options{store: "store redis " + network.URL(), apps: "audit {\nkey " + signing + "\n}"}
	gateways := []*gateway{startGateway(t, o), startGateway(t, o)}
	verify := func(g *gateway, args ...string) result {
		return g.token(append([]string{"audit", "verify"}, args...)...)
	}
	for i := range 4 {
		gateways[i%2].issue(fmt.Sprint("owner ", i), "read")
	}
	for _, g := range gateways {
		if r := verify(g); r.code != 0 || !strings.Contains(r.out, "4 events") {
			t.Fatalf("before: %s", r)
		}
	}
	primary.WaitReplicas(1)
	replica.Do("replicaof", "no", "one") // it gets no more, as if the network were cut
	for i := range 3 {
		gateways[i%2].issue(fmt.Sprint("lost owner ", i), "read")
	}
	kept := filepath.Join(gateways[0].dir, "kept")
	for i, g := range gateways {
		r := g.token("audit", "checkpoint")
		if i == 0 {
			if err := os.WriteFile(kept, []byte(r.out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if r.code != 0 || !strings.Contains(r.out, "\n7\n") {
			t.Fatalf("checkpoint: %s", r)
		}
	}
	primary.Kill()
	network.Switch(replica)
	network.Reset()
	for i := range 5 {
		eventually(t, "the gateway to issue a token", func() error {
			if r := gateways[i%2].token("create", "--owner", fmt.Sprint("later owner ", i), "--name", "n", "--output", "json"); r.code != 0 {
				return errors.New(r.err)
			}
			return nil
		})
	}
	for _, g := range gateways {
		r := verify(g)
		if r.code == 0 || !strings.Contains(oneLine(r.out), "events were lost with a failover, as event") || strings.Contains(r.out, "not what was recorded: ") {
			t.Errorf("verify: %s", r)
		}
		if r := verify(g, "--checkpoint", kept); r.code == 0 {
			t.Errorf("verify with an earlier checkpoint: %s", r)
		}
	}
	if a, b := gateways[0].log.String(), gateways[1].log.String(); !strings.Contains(a+b, "has lost events with a failover") || strings.Contains(a+b, "without a failover") {
		t.Errorf("the log: %s", lineWith(a+b, "has lost events"))
	}
	// From there on, all is well.
	var page struct {
		Events []struct {
			Seq    int64
			Action string
		}
	}
	gateways[0].call("GET", "/jira_tokens/audit", nil, 200, &page)
	last := int64(0)
	for _, event := range page.Events {
		if event.Action == "audit_lost" {
			last = event.Seq
		}
	}
	for _, g := range gateways {
		if r := verify(g, "--from", fmt.Sprint(last+1)); r.code != 0 || last == 0 {
			t.Errorf("verify from %d: %s", last+1, r)
		}
	}
}
