package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// testQuietDocuments checks that quiet changes are all made or none, leave no trace in the
// trail, and conflict with others.
func testQuietDocuments(t *testing.T, s storage.Store) {
	name := func(id string) storage.DocumentName { return storage.DocumentName{Kind: "mark", ID: id} }
	quietly := func(changes ...storage.DocumentChange) error { return s.ApplyQuietly(t.Context(), changes...) }
	if err := quietly(documentChange("mark", "a b/ü", 0, `1`), documentChange("queue", "b", 0, `{"n":[2]}`)); err != nil {
		t.Fatal(err)
	}
	wantDocument(t, s, name("a b/ü"), 1, `1`)
	wantError(t, quietly(documentChange("mark", "c", 0, `3`), documentChange("queue", "b", 0, `4`)), storage.ErrConflict)
	wantError(t, quietly(documentChange("queue", "b", 1, ""), documentChange("mark", "a b/ü", 2, "")), storage.ErrConflict)
	_, err := s.Document(t.Context(), name("c"))
	wantError(t, err, storage.ErrNotFound)
	if err := quietly(documentChange("mark", "a b/ü", 1, ""), documentChange("queue", "b", 1, `5`), documentChange("mark", "c", 0, `6`)); err != nil {
		t.Fatal(err)
	}
	page, err := s.Documents(t.Context(), storage.DocumentQuery{Kind: "mark"})
	if err != nil || len(page.Documents) != 1 || page.Documents[0].ID != "c" {
		t.Errorf("documents: %+v, %v", page, err)
	}
	wantDocument(t, s, storage.DocumentName{Kind: "queue", ID: "b"}, 2, `5`)
	if events, _ := readEvents(t, s, storage.EventQuery{}); len(events) != 0 {
		t.Errorf("quiet changes are on the trail: %+v", events)
	}
	applyDocuments(t, s, documentChange("mark", "c", 1, `7`))
	wantDocument(t, s, name("c"), 2, `7`)
	if quietly() == nil || quietly(documentChange("mark", "", 0, `1`)) == nil || quietly(documentChange("mark", "d", 0, `1`), documentChange("mark", "d", 0, `2`)) == nil {
		t.Error("invalid changes were accepted")
	}
}

// testConcurrentQuietDocuments makes conflicting changes at once: exactly one each time
// must win.
func testConcurrentQuietDocuments(t *testing.T, s storage.Store) {
	for round := range 10 {
		var won atomic.Int32
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() {
				err := s.ApplyQuietly(t.Context(), documentChange("mark", fmt.Sprint(round, "-", i), 0, `1`), documentChange("counter", "n", uint64(round), `1`))
				if err == nil {
					won.Add(1)
				}
			})
		}
		running.Wait()
		page, err := s.Documents(t.Context(), storage.DocumentQuery{Kind: "mark"})
		if err != nil || won.Load() != 1 || len(page.Documents) != round+1 {
			t.Fatalf("round %d: %d changes were made, %d documents, %v", round, won.Load(), len(page.Documents), err)
		}
	}
}
