package storagetest

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// testDenials counts denied requests on several nodes.
func testDenials(t *testing.T, s storage.Store) {
	old := storage.DocumentName{Kind: storage.DenialsKind, ID: "2020-01-01"}
	if err := s.ApplyQuietly(t.Context(), storage.DocumentChange{DocumentName: old, Data: []byte(`{"00":{"invalid_token":5}}`)}); err != nil {
		t.Fatal(err)
	}
	const nodes = 3
	done := make(chan struct{})
	for range nodes {
		go func() {
			defer func() { done <- struct{}{} }()
			log := storage.NewUseLog(s, func(_ int, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			log.Denied("invalid_token")
			log.Denied("invalid_token")
			log.Denied("token_expired")
			ended, end := context.WithCancel(t.Context())
			end()
			log.Run(ended) // writes once
		}()
	}
	for range nodes {
		<-done
	}
	log := storage.NewUseLog(s, func(int, error) {})
	log.Denied("rate_limited")
	sums, err := log.Denials(t.Context(), 24*time.Hour, 7*24*time.Hour)
	want := storage.DenialCounts{"invalid_token": 2 * nodes, "token_expired": nodes, "rate_limited": 1}
	if err != nil || len(sums) != 2 || !maps.Equal(sums[0], want) || !maps.Equal(sums[1], want) {
		t.Errorf("%v, %v, want %v", sums, err, want)
	}
	if page, err := s.Documents(t.Context(), storage.DocumentQuery{Kind: storage.DenialsKind}); err != nil || len(page.Documents) == 0 || page.Documents[0].ID == old.ID {
		t.Errorf("%v, %v", page, err)
	}
}
