package catalog

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// manyTokens is a store with a million tokens that it makes up when they are read, so that
// a benchmark measures the catalog.
type manyTokens struct {
	storage.Store
	ids     []string
	numbers map[string]int
	now     time.Time
}

const million = 1_000_000

func newManyTokens() *manyTokens {
	s := &manyTokens{ids: make([]string, million), numbers: make(map[string]int, million), now: time.Now().Truncate(time.Second)}
	for i := range s.ids {
		s.ids[i] = token.New().ID()
		s.numbers[s.ids[i]] = i
	}
	return s
}

func (s *manyTokens) record(i int) *token.Record {
	r := &token.Record{
		ID: s.ids[i], Owner: fmt.Sprintf("owner-%d@example.com", i/10), Name: fmt.Sprintf("Token %d of the build server", i),
		Scope: token.ScopeRead, Account: "default", Status: token.StatusActive, Version: 1, CreatedAt: s.now.Add(time.Duration(i-million) * time.Second),
		ExpiresAt: s.now.Add(time.Duration(i+1) * time.Minute),
	}
	if i%100_000 == 7 {
		r.Scope, r.Kind, r.Account = token.ScopeAdmin, token.KindService, "other"
		r.Confine.Projects = []token.Project{{Key: "ACME"}}
		r.Networks.Allow = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	}
	return r
}

func (s *manyTokens) List(_ context.Context, q storage.Query) (page storage.Page, _ error) {
	from := million - 1
	if q.Cursor != "" {
		_, id, _ := storage.ParseKey(q.Cursor)
		from = s.numbers[id] - 1
	}
	for i := from; i >= 0 && len(page.Records) < q.PageSize(); i-- {
		page.Records = append(page.Records, s.record(i))
	}
	if last := page.Records[len(page.Records)-1]; s.numbers[last.ID] > 0 {
		page.Next = storage.Key(last.CreatedAt, last.ID)
	}
	return page, nil
}

func (s *manyTokens) Records(_ context.Context, ids []string) (page storage.Page, _ error) {
	for _, id := range ids {
		page.Records = append(page.Records, s.record(s.numbers[id]))
	}
	return page, nil
}

func (s *manyTokens) Uses(_ context.Context, ids []string) (map[string]storage.Use, error) {
	uses := make(map[string]storage.Use)
	for _, id := range ids {
		if i := s.numbers[id]; i%1000 != 7 {
			uses[id] = storage.Use{At: s.now.Add(-time.Duration(i%(100*24*60)) * time.Minute)}
		}
	}
	return uses, nil
}

func (s *manyTokens) Watch(ctx context.Context, w storage.Watcher) error {
	w.Restored()
	<-ctx.Done()
	return ctx.Err()
}

// suspends is a judge that suspends the tokens of one account.
type suspends string

func (s suspends) Suspended(r *token.Record) bool { return r.Account == string(s) }
func (s suspends) Edition() any                   { return s }

// cpuTime returns the time that the process has computed: on a busy machine, that is less
// than the time that has passed.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkFind lists a million tokens with each filter and in each order, and counts them.
func BenchmarkFind(b *testing.B) {
	store := newManyTokens()
	ctx, cancel := context.WithCancel(b.Context())
	running := background.New(ctx)
	defer running.Wait()
	defer cancel()
	c := New(store, nil, running)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	if !c.isReady(ctx, 10*time.Minute) {
		b.Fatal(c.loading())
	}
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("read in %s, %d bytes per token", took.Round(time.Millisecond), (after.HeapAlloc-before.HeapAlloc)/million)

	day := 24 * time.Hour
	for _, list := range []struct {
		name  string
		query storage.Query
	}{
		{"search/one", storage.Query{Search: "token 500000 of"}},
		{"search/none", storage.Query{Search: "nobody has this"}},
		{"search/short", storage.Query{Search: "zq"}},
		{"search/letter", storage.Query{Search: "é"}},
		{"search/common", storage.Query{Search: "build server"}},
		{"search/id", storage.Query{Search: store.ids[12345]}},
		{"state/expired", storage.Query{State: token.StateExpired}},
		{"state/suspended", storage.Query{State: token.StateSuspended, Judge: suspends("other")}},
		{"scope", storage.Query{Scopes: []token.Scope{token.ScopeAdmin}}},
		{"kind", storage.Query{Kinds: []token.Kind{token.KindService}}},
		{"project", storage.Query{Project: "ACME"}},
		{"network", storage.Query{Network: netip.MustParsePrefix("203.0.113.7/32")}},
		{"account", storage.Query{Account: "other"}},
		{"expiring", storage.Query{Expires: []storage.Span{{After: store.now, Until: store.now.Add(time.Hour)}}}},
		{"unused", storage.Query{Unused: storage.Span{Until: store.now.Add(-99*day - 23*time.Hour)}}},
		{"never used", storage.Query{NeverUsed: true}},
		{"used", storage.Query{Used: storage.Span{Until: store.now.Add(-99 * day)}}},
		{"created", storage.Query{Created: storage.Span{After: store.now.Add(-11 * day), Until: store.now.Add(-10 * day)}}},
		{"owner", storage.Query{Owner: "owner-5000@example.com", Scopes: []token.Scope{token.ScopeRead}}},
		{"several", storage.Query{Search: "build server", Scopes: []token.Scope{token.ScopeAdmin}, State: token.StateActive, Judge: suspends("other")}},
		{"sort/expires", storage.Query{Sort: storage.SortExpires}},
		{"sort/last_used", storage.Query{Sort: storage.SortUsed}},
		{"sort/equal", storage.Query{Sort: "-" + storage.SortUsed, Search: "build"}},
		{"sort/-created", storage.Query{Sort: "-created"}},
		{"sort/owner", storage.Query{Sort: storage.SortOwner}},
		{"sort/name", storage.Query{Sort: storage.SortName}},
	} {
		b.Run(list.name, func(b *testing.B) {
			list.query.Now = store.now
			if _, err := c.Find(ctx, list.query); err != nil { // for the judge
				b.Fatal(err)
			}
			before := cpuTime(b)
			for b.Loop() {
				if _, err := c.Find(ctx, list.query); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
	counted, owners := storage.CensusQuery{Now: store.now, Judge: suspends("other"), Expiring: 30 * day, Unused: 90 * day}, storage.OwnersQuery{Now: store.now, Judge: suspends("other"), Limit: 100}
	for name, count := range map[string]func() error{
		"census": func() error { _, err := c.Census(ctx, counted); return err },
		"owners": func() error { _, err := c.Owners(ctx, owners); return err },
	} {
		b.Run(name, func(b *testing.B) {
			before := cpuTime(b)
			for b.Loop() {
				if err := count(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
}
