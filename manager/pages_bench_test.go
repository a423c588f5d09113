package manager

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// fill creates tokens of ten thousand owners.
func (a *app) fill(b *testing.B, tokens int) {
	b.Helper()
	lines, out := io.Pipe()
	go func() {
		encoder := json.NewEncoder(out)
		now := time.Now().UTC().Truncate(time.Second)
		for i := range tokens {
			id := fmt.Sprintf("%010d", i)
			record := &token.Record{
				ID: id, Owner: fmt.Sprintf("user-%d@example.com", i%10_000), Name: fmt.Sprintf("report %d", i), Scope: token.ScopeRead, Account: token.DefaultAccount,
				Status: token.StatusActive, CreatedAt: now.Add(-time.Duration(i) * time.Second), UpdatedAt: now, ExpiresAt: now.AddDate(0, 0, 1+i%90),
				Digest: sha256.Sum256([]byte(id)), Version: 1,
			}
			if encoder.Encode(record) != nil { // the import has failed, and says why
				return
			}
		}
		_ = out.Close() // never fails
	}()
	result, err := a.registry.Import(b.Context(), registry.Actor{Kind: registry.ActorAdmin}, lines, registry.ImportOptions{})
	_ = lines.Close() // never fails
	if err != nil || result.Imported != tokens {
		b.Fatalf("%d of %d tokens: %v", result.Imported, tokens, err)
	}
}

// cpuTime returns the time that the process has computed: on a busy machine, that is less
// than the time that has passed.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkPages measures how long the server takes for a page, with PAGE_TOKENS tokens, a
// million by default.
func BenchmarkPages(b *testing.B) {
	tokens := 1_000_000
	if text := os.Getenv("PAGE_TOKENS"); text != "" {
		var err error
		if tokens, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	a := newApp(b)
	a.fill(b, tokens)
	root := newBrowser(b, serve(b, a, new(header)), "root")
	began, before := time.Now(), cpuTime(b)
	for root.get("/tokens/overview").status == http.StatusServiceUnavailable { // while the tokens are read
	}
	b.Logf("the tokens were read in %s, computing %s", time.Since(began).Round(time.Millisecond), (cpuTime(b) - before).Round(time.Millisecond))
	for _, path := range []string{"overview", "tokens", "all", "all?q=report+7777", "all?owner=user-42@example.com", "all?state=active&sort=name", "all?expiring=7d&sort=expires", "all?unused=90d", "tokens/0000000042", "tokens/new", "owners", "trail"} {
		b.Run(path, func(b *testing.B) {
			root.get("/tokens/" + path) // what is read once
			size, before := 0, cpuTime(b)
			for b.Loop() {
				answer := root.get("/tokens/" + path)
				if size = len(answer.body); answer.status != http.StatusOK {
					b.Fatalf("HTTP %d: %s", answer.status, answer.body)
				}
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(size)/1000, "kB/page")
		})
	}
}
