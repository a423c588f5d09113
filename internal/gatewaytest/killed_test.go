package gatewaytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestKilledMove moves tokens through a file and kills whatever takes part in the middle:
// the import, the gateway that imports, and the export. Once each has been repeated, every
// token is there once, as it was.
func TestKilledMove(t *testing.T) {
	a := startGateway(t, options{})
	b := startGateway(t, options{store: redisStore(redistest.Start(t))})
	source := filepath.Join(a.dir, "source.ndjson")
	want := writeRecords(t, source, 6000)

	// begun returns what reports whether an import has begun since, after its check, and
	// added tokens: it begins with the oldest, and a list with the newest.
	begun := func(g *gateway) func() bool {
		requests := func() int { return strings.Count(g.log.String(), "/jira_tokens/import?line=1") }
		newest := func() string {
			_, page := g.adminCall("GET", "/jira_tokens/tokens?limit=1", "")
			return page
		}
		n, before := requests(), newest()
		return func() bool { return requests() > n && newest() != before }
	}
	a.killed(a.importing(source), begun(a))
	if n := len(a.records()); n == 0 || n >= len(want) {
		t.Fatalf("the import was killed after %d of %d tokens", n, len(want))
	}
	again, after := a.importing(source), begun(a)
	again.begin()
	again.await(after)
	_ = a.cmd.Process.Kill()
	<-a.exited
	if r := again.end(); r.code == 0 || !strings.Contains(r.err, "repeat the command") {
		t.Errorf("import, while the gateway dies: %s", r)
	}
	a.start()
	if n := len(a.records()); n >= len(want) {
		t.Fatalf("the gateway was killed after all tokens were imported")
	}
	if r := a.importFile(source); r.code != 0 {
		t.Fatal(r)
	}
	a.holds(want)

	file := filepath.Join(a.dir, "tokens.ndjson")
	export := &process{g: a, args: []string{"export", "--to", file}}
	for part := int64(0); part == 0; { // until it was not too late
		a.killed(export, func() bool {
			info, err := os.Stat(file + ".part")
			return err == nil && info.Size() > 0
		})
		if info, err := os.Stat(file + ".part"); err == nil {
			part = info.Size()
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if r := a.token("export", "--to", file); r.code != 0 || !strings.Contains(r.err, "Continuing") {
		t.Fatal(r)
	}
	text, err := os.ReadFile(file)
	if err != nil || !slices.Equal(recordsIn(string(text)), want) {
		t.Fatalf("the export has %d records, want %d: %v", len(recordsIn(string(text))), len(want), err)
	}

	b.killed(b.importing(file), begun(b))
	if n := len(b.records()); n == 0 || n >= len(want) {
		t.Fatalf("the import was killed after %d of %d tokens", n, len(want))
	}
	if r := b.importFile(file); r.code != 0 {
		t.Fatal(r)
	}
	b.holds(want)
}

// writeRecords writes a file of n tokens to import, and returns its lines in order.
func writeRecords(t *testing.T, path string, n int) []string {
	t.Helper()
	var lines []string
	for i := range n {
		at := time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC)
		line, err := json.Marshal(token.Record{
			ID: fmt.Sprintf("1%09d", i), Owner: "alice", Name: fmt.Sprintf("%0100d", i), Scope: token.ScopeRead, Account: "default",
			Status: token.StatusActive, CreatedAt: at, UpdatedAt: at, Digest: token.New().Digest(), Version: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return lines
}

// recordsIn returns the lines of an export that are records, in order.
func recordsIn(export string) []string {
	var records []string
	for line := range strings.Lines(export) {
		if strings.HasPrefix(line, `{"id":`) {
			records = append(records, strings.TrimSpace(line))
		}
	}
	slices.Sort(records)
	return records
}

// records returns the records in the store.
func (g *gateway) records() []string {
	g.t.Helper()
	r := g.token("export")
	if r.code != 0 {
		g.t.Fatal(r)
	}
	return recordsIn(r.out)
}

// holds checks that the store has exactly these records, each imported once.
func (g *gateway) holds(want []string) {
	g.t.Helper()
	if got := g.records(); !slices.Equal(got, want) {
		g.t.Errorf("the store has %d records, which are not the %d that were imported", len(got), len(want))
	}
	trail := g.token("audit", "export")
	if n := strings.Count(trail.out, `"action":"import"`); trail.code != 0 || n != len(want) {
		g.t.Errorf("%d of %d imports are in the trail: %s", n, len(want), trail.err)
	}
	if r := g.token("audit", "verify"); r.code != 0 {
		g.t.Errorf("the trail: %s", r)
	}
}
