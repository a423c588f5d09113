package storagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

func documentChange(kind, id string, version uint64, data string) storage.DocumentChange {
	change := storage.DocumentChange{
		DocumentName: storage.DocumentName{Kind: kind, ID: id}, Version: version,
		Event: storage.Event{Action: "document_changed", Name: id, Actor: storage.Actor{Kind: storage.ActorAdmin}},
	}
	if data != "" {
		change.Data = json.RawMessage(data)
	}
	return change
}

func applyDocuments(t testing.TB, s storage.Store, changes ...storage.DocumentChange) {
	t.Helper()
	for _, change := range changes {
		if err := s.ApplyDocument(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
}

func wantDocument(t testing.TB, s storage.Store, name storage.DocumentName, version uint64, data string) {
	t.Helper()
	got, err := s.Document(t.Context(), name)
	if err != nil || got.DocumentName != name || got.Version != version || string(got.Data) != data {
		t.Fatalf("document %s: %+v, %v; want version %d of %s", name, got, err, version, data)
	}
}

// testDocuments creates, updates, deletes and recreates documents.
func testDocuments(t *testing.T, s storage.Store) {
	bi := storage.DocumentName{Kind: "group", ID: "bi"}
	_, err := s.Document(t.Context(), bi)
	wantError(t, err, storage.ErrNotFound)

	applyDocuments(t, s, documentChange("group", "bi", 0, `{"members":["anna"]}`), documentChange("account", "bi", 0, `1`))
	wantDocument(t, s, bi, 1, `{"members":["anna"]}`)
	applyDocuments(t, s, documentChange("group", "bi", 1, `{"members":[]}`))
	wantDocument(t, s, bi, 2, `{"members":[]}`)
	wantDocument(t, s, storage.DocumentName{Kind: "account", ID: "bi"}, 1, `1`)

	for name, conflicting := range map[string]storage.DocumentChange{
		"create of an existing one": documentChange("group", "bi", 0, `3`),
		"update of an old version":  documentChange("group", "bi", 1, `3`),
		"update of a later version": documentChange("group", "bi", 3, `3`),
		"delete of an old version":  documentChange("group", "bi", 1, ""),
		"update of a missing one":   documentChange("group", "other", 1, `3`),
		"delete of a missing one":   documentChange("group", "other", 1, ""),
	} {
		if err := s.ApplyDocument(t.Context(), conflicting); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
	wantDocument(t, s, bi, 2, `{"members":[]}`)

	applyDocuments(t, s, documentChange("group", "bi", 2, ""))
	_, err = s.Document(t.Context(), bi)
	wantError(t, err, storage.ErrNotFound)
	applyDocuments(t, s, documentChange("group", "bi", 0, `null`), documentChange("group", "bi1", 0, `{}`))
	wantDocument(t, s, bi, 1, `null`)

	// Every change left its event, and the conflicts left none.
	events, _ := readEvents(t, s, storage.EventQuery{Document: bi.String()})
	if len(events) != 4 {
		t.Fatalf("%d events of %s, want 4", len(events), bi)
	}
	for _, event := range events {
		if event.Document != "group/bi" || event.Action != "document_changed" || event.ID == "" {
			t.Errorf("event %+v", event)
		}
	}
	if events, _ := readEvents(t, s, storage.EventQuery{}); len(events) != 6 {
		t.Errorf("%d events in all, want 6", len(events))
	}
	if ids := listAll(t, s, storage.Query{}); len(ids) != 0 {
		t.Errorf("documents are listed as tokens: %v", ids)
	}
}

// testDocumentNames checks that documents with all sorts of names stay distinct,
// and that invalid changes are rejected.
func testDocumentNames(t *testing.T, s storage.Store) {
	ids := []string{"a", "A", "a b", "a/b", "a%2Fb", "..", "anna@example.com", "j\u00fcrgen", "\u65e5\u672c", `"{}'`, strings.Repeat("x", 512)}
	for i, id := range ids {
		applyDocuments(t, s, documentChange("owner", id, 0, fmt.Sprint(i)))
	}
	for i, id := range ids {
		wantDocument(t, s, storage.DocumentName{Kind: "owner", ID: id}, 1, fmt.Sprint(i))
	}
	for _, bad := range []storage.DocumentChange{
		documentChange("", "a", 0, "1"), documentChange("Owner", "a", 0, "1"), documentChange("o/o", "a", 0, "1"),
		documentChange(strings.Repeat("o", 33), "a", 0, "1"), documentChange("owner", "", 0, "1"),
		documentChange("owner", strings.Repeat("x", 513), 0, "1"), documentChange("owner", "a\x00", 0, "1"),
		documentChange("owner", "a\u202eb", 0, "1"), documentChange("owner", "a\xff", 0, "1"),
		documentChange("owner", "new", 0, ""), documentChange("owner", "new", 0, "{"),
		documentChange("owner", "new", 1<<53, "1"), documentChange("owner", "new", 0, `"`+strings.Repeat("x", 1<<20)+`"`),
	} {
		if err := s.ApplyDocument(t.Context(), bad); err == nil {
			t.Errorf("%s with %.20s was accepted", bad.DocumentName, bad.Data)
		}
		if _, err := s.Document(t.Context(), bad.DocumentName); err == nil {
			t.Errorf("%s exists", bad.DocumentName)
		}
	}
}

// testDocumentPages lists documents of one kind, page by page.
func testDocumentPages(t *testing.T, s storage.Store) {
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("n%02d", i)
		want = append(want, id)
		applyDocuments(t, s, documentChange("group", id, 0, "1"))
	}
	applyDocuments(t, s, documentChange("groups", "n00", 0, "1"), documentChange("grou", "n00", 0, "1"), documentChange("group", "n07", 1, ""))
	want = slices.DeleteFunc(want, func(id string) bool { return id == "n07" })
	for _, limit := range []int{0, 1, 7, 24, 25} {
		var got []string
		query := storage.DocumentQuery{Kind: "group", Limit: limit}
		for {
			page, err := s.Documents(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range page.Documents {
				got = append(got, document.ID)
			}
			if page.Next == "" {
				break
			}
			query.Cursor = page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v, want %v", limit, got, want)
		}
	}
	var all []string
	for query := (storage.DocumentQuery{Limit: 7}); ; {
		page, err := s.Documents(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range page.Documents {
			all = append(all, document.Kind+"/"+document.ID)
		}
		if query.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if len(all) != 26 || all[0] != "grou/n00" || all[1] != "group/n00" || all[25] != "groups/n00" {
		t.Errorf("documents of all kinds: %v", all)
	}
	if page, err := s.Documents(t.Context(), storage.DocumentQuery{Kind: "none"}); err != nil || len(page.Documents) != 0 {
		t.Errorf("kind without documents: %+v, %v", page, err)
	}
	for _, cursor := range []string{"n05", "groups/n00", "group/", "group/%zz"} {
		_, err := s.Documents(t.Context(), storage.DocumentQuery{Kind: "group", Cursor: cursor})
		wantError(t, err, storage.ErrBadCursor)
	}
}

// testConcurrentDocuments checks that of concurrent changes based on the same
// version, exactly one succeeds.
func testConcurrentDocuments(t *testing.T, s storage.Store) {
	applyDocuments(t, s, documentChange("group", "bi", 0, "0"))
	for version := uint64(1); version <= 5; version++ {
		var made atomic.Int32
		var changing sync.WaitGroup
		for i := range 8 {
			changing.Go(func() {
				err := s.ApplyDocument(t.Context(), documentChange("group", "bi", version, fmt.Sprint(i)))
				if err == nil {
					made.Add(1)
				} else if !errors.Is(err, storage.ErrConflict) {
					t.Error(err)
				}
			})
		}
		changing.Wait()
		if made.Load() != 1 {
			t.Fatalf("%[2]d of 8 changes of version %[1]d succeeded", version, made.Load())
		}
	}
	if events, _ := readEvents(t, s, storage.EventQuery{Document: "group/bi"}); len(events) != 6 {
		t.Errorf("%d events, want 6", len(events))
	}
}

// HeardDocuments is a Heard that also passes on the names of changed documents.
type HeardDocuments struct{ Heard }

// DocumentChanged implements storage.DocumentWatcher.
func (h HeardDocuments) DocumentChanged(name storage.DocumentName) { h.Heard <- name.String() }

// testWatchDocuments checks that DocumentWatchers are notified of documents, and
// that other watchers are not.
func testWatchDocuments(t *testing.T, s storage.Store) {
	all := HeardDocuments{make(Heard, 100)}
	go s.Watch(t.Context(), all)
	tokens, _ := Watch(t, s)
	all.Want(t, "restored")
	tokens.Want(t, "restored")
	applyDocuments(t, s, documentChange("group", "b i", 0, "1"), documentChange("group", "b i", 1, "2"), documentChange("group", "b i", 2, ""))
	for range 3 {
		all.Want(t, "group/b%20i")
	}
	r := NewRecord(1, "anna", "a")
	apply(t, s, Create(r))
	all.Want(t, r.ID)
	tokens.Want(t, r.ID)
}
