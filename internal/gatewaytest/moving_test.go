package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
)

// TestMoveToRedis does what docs/moving.md says: from one gateway with a file to two that
// share a Redis, without a token that changes or a request that fails.
func TestMoveToRedis(t *testing.T) {
	redis := redistest.Start(t)
	_, url := startJira(t, fakejira.DataCenter)
	a := startStoring(t, "", "a", url)
	if add := a.tokenWith(firstSecret, "account", "add", "bi", "--jira", url, "--user", "svc"); add.code != 0 {
		t.Fatalf("add: %s", add)
	}
	tokens := []issued{a.issue("alice", "read"), a.issue("bob", "read", "account", "bi"), a.issue("carol", "read")}
	gateways := []*gateway{a}
	try := func(g *gateway, tok issued) error {
		if got := g.send(get(myself, tok.basic())); got.status != http.StatusOK {
			return fmt.Errorf("%s at %s: %s", tok.Owner, g.addr, got)
		}
		return nil
	}
	// Clients send requests all the time, to whichever gateway takes them.
	var serving atomic.Pointer[gateway]
	serving.Store(a)
	stop, failed, sent := make(chan struct{}), make(chan error, 1), 0
	go func() {
		for {
			select {
			case <-stop:
				failed <- nil
				return
			default:
			}
			if err := try(serving.Load(), tokens[sent%2]); err != nil {
				failed <- err
				return
			}
			sent++
		}
	}()

	// New gateways, with an empty store.
	for range 2 {
		g := startStoring(t, redisStore(redis), "a", url)
		for _, tok := range tokens {
			g.guard(tok.Owner, tok.Token)
		}
		gateways = append(gateways, g)
	}
	b := gateways[1]
	file := filepath.Join(a.dir, "tokens.ndjson")
	export := func() result { return a.tokenCommand("export", "--to", file) }
	importing := func(args ...string) result { return b.importFile(file, args...) }
	if r := export(); r.code != 0 {
		t.Fatal(r)
	}
	if r := export(); r.code == 0 || !strings.Contains(r.err, "exists: remove it") {
		t.Errorf("over an export: %s", r)
	}
	if r := importing("--check"); r.code != 0 || !strings.Contains(r.out, "Records to be imported: 3; already present: 0.") {
		t.Errorf("check: %s", r)
	}
	if r := importing(); r.code != 0 || !strings.Contains(r.out, "Records imported: 3;") || !strings.Contains(r.out, "documents imported: 1.") || strings.Contains(r.err, "Warning") {
		t.Errorf("import: %s", r)
	}
	// What has changed since comes with another export.
	late := a.issue("dora", "read")
	if r := a.token("revoke", tokens[2].ID); r.code != 0 {
		t.Fatal(r)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r := export(); r.code != 0 {
		t.Fatal(r)
	}
	if r := importing(); r.code != 0 || !strings.Contains(r.out, "Records imported: 1; already present: 2.") || !strings.Contains(r.out, "Replaced by later versions of themselves: 1.") {
		t.Errorf("second import: %s", r)
	}
	if r := importing(); r.code != 0 || !strings.Contains(r.out, "Records imported: 0; already present: 4.") {
		t.Errorf("repeated: %s", r)
	}
	for _, g := range gateways[1:] {
		g.guard(late.Owner, late.Token)
		for _, tok := range append(tokens[:2:2], late) {
			eventually(t, "the gateway to know what was imported", func() error { return try(g, tok) })
		}
		if got := g.send(get(myself, tokens[2].basic())); got.reason() != "token_revoked" {
			t.Errorf("a token that was revoked in the meantime: %s", got)
		}
		serving.Store(g)
	}
	close(stop)
	if err := <-failed; err != nil {
		t.Error(err)
	}
	if sent == 0 {
		t.Error("no request was sent")
	}
	a.stop()
	for _, g := range gateways[1:] {
		for _, tok := range append(tokens[:2:2], late) {
			if err := try(g, tok); err != nil {
				t.Errorf("after the move: %v", err)
			}
		}
	}
	if r := b.token("audit"); !strings.Contains(r.out, "import_begun") {
		t.Errorf("the trail does not say where tokens are from: %s", r)
	}
}

// TestMoveWithoutTheKey: an account whose encryption key is missing is imported, since the
// key may come later, and the command says so.
func TestMoveWithoutTheKey(t *testing.T) {
	_, url := startJira(t, fakejira.DataCenter)
	a, b := startStoring(t, "", "a", url), startStoring(t, "", "b", url)
	if add := a.tokenWith(firstSecret, "account", "add", "bi", "--jira", url, "--user", "svc"); add.code != 0 {
		t.Fatalf("add: %s", add)
	}
	tok := a.issue("alice", "read", "account", "bi")
	b.guard(tok.Owner, tok.Token)
	export := a.token("export").out
	r := b.tokenWith(export, "import")
	if r.code != 0 || !strings.Contains(oneLine(r.err), `Warning: account "bi" is unreadable: it was encrypted with the key`) {
		t.Errorf("import: %s", r)
	}
	if got := b.send(get(myself, tok.basic())); got.status != http.StatusBadGateway || got.reason() != "jira_rejected_account" {
		t.Errorf("%s", got)
	}
	// A file that is cut off is not imported.
	path := filepath.Join(b.dir, "cut.ndjson")
	lines := strings.SplitAfter(export, "\n")
	if err := os.WriteFile(path, []byte(strings.Join(lines[:len(lines)-2], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startStoring(t, "", "a", url)
	if r := c.importFile(path); r.code == 0 || !strings.Contains(r.err, "its last line is missing") {
		t.Errorf("an incomplete export: %s", r)
	}
	if r := c.token("list"); !strings.Contains(r.err, "No tokens.") {
		t.Errorf("an incomplete export was imported: %s", r)
	}
}

// importFile imports a file, which the command can read twice.
func (g *gateway) importFile(path string, args ...string) result {
	g.t.Helper()
	file, err := os.Open(path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer file.Close()
	return g.tokenReading(file, append([]string{"import"}, args...)...)
}

// TestImportAfterRetention: what was deleted stays deleted, although the trail has lost the
// event that says so.
func TestImportAfterRetention(t *testing.T) {
	g := startGateway(t, options{})
	kept, deleted := g.issue("alice", "read"), g.issue("bob", "write")
	export := g.token("export").out
	g.call("DELETE", "/jira_tokens/tokens/"+deleted.ID, nil, http.StatusNoContent, nil)
	g.issue("carol", "read") // the trail never loses its newest event
	g.stop()
	trim(t, g.store)
	g.start()
	r := g.tokenWith(export, "import")
	if !strings.Contains(oneLine(r.out+r.err), "it may have been deleted here since") {
		t.Errorf("import: %s", r)
	}
	g.check(t, g.do("GET", issuePath, deleted.basic()), refused(401, "invalid_token"))
	g.check(t, g.do("GET", issuePath, kept.basic()), passes)
	if r := g.tokenWith(export, "import", "--restore"); r.code != 0 {
		t.Errorf("import --restore: %s", r)
	}
	eventually(t, "the token to be restored", func() error {
		if a := g.do("GET", issuePath, deleted.basic()); a.status != http.StatusOK {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
}

// trim removes the events from a file store, as retention does, but for the newest.
func trim(t *testing.T, path string) {
	t.Helper()
	module := &filestore.Store{Path: path}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	store, err := module.NewStore(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	events, err := store.RawEvents(t.Context(), storage.EventID{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := store.RemoveEvents(t.Context(), events[len(events)-1].ID, 100); n == 0 || err != nil {
		t.Fatal(n, err)
	}
}

// TestImportedLink: of two gateways that know the same link after a move, only the one that
// made it shows the token. The other records an alarm.
func TestImportedLink(t *testing.T) {
	a, b := startGateway(t, options{}), startGateway(t, options{})
	h, path := a.handOver("create", "--owner", "eve", "--name", "n")
	b.guard("eve", strings.TrimPrefix(path, linkBefore))
	if r := b.tokenWith(a.token("export").out, "import"); r.code != 0 {
		t.Fatal(r)
	}
	for _, method := range []string{"GET", "POST", "POST"} {
		got := b.do(method, path, asProgram, "")
		b.check(t, got, refused(http.StatusGone, "handover_ended"))
		if strings.Contains(got.body, "jt_") {
			t.Errorf("%s: %s", method, got)
		}
	}
	if r := b.token("audit", "--token", h.ID); strings.Count(r.out, "handover_alarm") != 2 || strings.Contains(r.out, "handover_opened") {
		t.Errorf("the trail: %s", r)
	}
	b.eventuallyLogged(t, "a hand-over link was opened again")
	var opened issued
	if got := a.do("POST", path, asProgram, ""); got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &opened) != nil {
		t.Fatalf("at the gateway that made it: %s", got)
	}
	a.guard(opened.Owner, opened.Token)
	b.guard(opened.Owner, opened.Token)
	a.check(t, a.do("GET", issuePath, opened.basic()), passes)
	b.check(t, b.do("GET", issuePath, opened.basic()), refused(401, "invalid_token")) // until it is told
	if r := b.tokenWith(a.token("export").out, "import"); r.code != 0 || !strings.Contains(r.out, "Replaced by later versions of themselves: 1.") {
		t.Errorf("import after the alarms: %s", r)
	}
	eventually(t, "the other gateway to know the token", func() error {
		if got := b.do("GET", issuePath, opened.basic()); got.status != http.StatusOK {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
}
