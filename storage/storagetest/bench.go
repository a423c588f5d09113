package storagetest

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TokensVariable is the environment variable with the number of tokens that Bench
// creates.
const TokensVariable = "STORAGETEST_TOKENS"

const defaultTokens = 10_000

// Bench fills an empty store with tokens and measures it. There are 10,000 tokens,
// or as many as TokensVariable says. Each owner has ten; of every hundred, one is
// disabled, two are revoked and five have expired. size returns the size of the
// store in bytes.
func Bench(b *testing.B, s storage.Store, size func() int64) {
	b.Helper()
	n := defaultTokens
	if text := os.Getenv(TokensVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 100 {
			b.Fatalf("invalid %s=%q: expected a number of at least 100", TokensVariable, text)
		}
	}
	before, began := size(), time.Now()
	ids := Fill(b, s, n)
	filled := time.Since(began)
	b.Run("Fill", func(b *testing.B) { // already done; this only adds a line to the output
		b.ReportMetric(float64(size()-before)/float64(n), "bytes/token")
		b.ReportMetric(float64(n)/filled.Seconds(), "tokens/s")
		b.ReportMetric(0, "ns/op")
	})

	now := epoch.Add(time.Duration(2*n) * time.Second)
	middle := ids[n/2]
	next := ""
	for _, bench := range []struct {
		name  string
		query storage.Query
	}{
		{"FirstPage", storage.Query{}},
		{"OfOwner", storage.Query{Owner: fmt.Sprintf("OWNER-%d@example.com", n/20)}},
		{"Active", storage.Query{State: token.StateActive}},
		{"Disabled", storage.Query{State: token.StateDisabled}},
		{"Expired", storage.Query{State: token.StateExpired}},
		{"NotYetValid", storage.Query{State: token.StateNotYetValid}}, // no matches: scans all
		{"SearchCommon", storage.Query{Search: "Token 1"}},
		{"SearchOne", storage.Query{Search: fmt.Sprintf("token %d of", n/2)}}, // scans all
		{"SearchNone", storage.Query{Search: "no such text"}},                 // scans all
		{"PageOf1000", storage.Query{Limit: storage.MaxPageSize}},
	} {
		bench.query.Now = now
		b.Run("List/"+bench.name, func(b *testing.B) {
			for b.Loop() {
				page, err := s.List(b.Context(), bench.query)
				if err != nil {
					b.Fatal(err)
				}
				next = page.Next
			}
		})
	}
	b.Run("List/SecondPageOf1000", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.List(b.Context(), storage.Query{Cursor: next, Limit: storage.MaxPageSize}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Get(b.Context(), middle); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Events/OfToken", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Events(b.Context(), storage.EventQuery{TokenID: middle}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Apply", func(b *testing.B) {
		r, err := s.Get(b.Context(), middle)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			change := Update(r, func(r *token.Record) { r.UpdatedAt = now })
			apply(b, s, change)
			r = change.New
		}
	})
}

// Fill creates n tokens and returns their ids, oldest first.
func Fill(t testing.TB, s storage.Store, n int) []string {
	t.Helper()
	const creators = 512 // a store may batch concurrent changes
	ids := make([]string, n)
	var wg sync.WaitGroup
	for creator := range creators {
		wg.Go(func() {
			for i := creator; i < n; i += creators {
				r := NewRecord(i, fmt.Sprintf("owner-%d@example.com", i/10), fmt.Sprintf("Token %d of the build server", i))
				ids[i] = r.ID
				switch i % 100 {
				case 17:
					r.Status = token.StatusDisabled
				case 42, 43:
					r.Status = token.StatusRevoked
				case 5, 25, 45, 65, 85:
					r.ExpiresAt = r.CreatedAt.Add(time.Hour)
				default:
					r.ExpiresAt = r.CreatedAt.AddDate(1000, 0, 0)
				}
				if err := s.Apply(t.Context(), Create(r)); err != nil {
					t.Errorf("token %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return ids
}
