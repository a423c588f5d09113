package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Damage tests how a store handles records that something else has written. open
// returns an empty store and a function that replaces the stored record with this
// id by data or, if data is nil, by something that cannot be a record.
func Damage(t *testing.T, open func(t *testing.T) (s storage.Store, overwrite func(id string, data []byte))) {
	t.Helper()
	other := NewRecord(9, "mallory", "other")
	for name, damage := range map[string]func(record string) []byte{
		"not a record at all":    func(string) []byte { return nil },
		"empty":                  func(string) []byte { return []byte{} },
		"not JSON":               func(string) []byte { return []byte("{]\x1b[2J") },
		"cut off":                func(record string) []byte { return []byte(record[:len(record)/2]) },
		"null":                   func(string) []byte { return []byte("null") },
		"other JSON":             func(string) []byte { return []byte(`[1,2]`) },
		"another token's record": func(string) []byte { return []byte(asJSON(t, other)) },
		"no digest":              replace(`"digest":"`, `"dig":"`),
		"an owner on two lines":  replace(`"anna"`, `"anna\nbert"`),
		"a right-to-left owner":  replace(`"anna"`, `"anna\u202egro.elpmaxe"`),
		"an invisible name":      replace(`"damaged"`, `"\u200b"`),
		"an escape sequence":     replace(`"damaged"`, `"\u001b]0;x\u0007"`),
		"a very long name":       replace(`"damaged"`, `"`+strings.Repeat("x", 100_000)+`"`),
		"version 0":              replace(`"version":1`, `"version":0`),
		"a version past 2^53":    replace(`"version":1`, `"version":9007199254740993`),
		"the highest version":    replace(`"version":1`, `"version":18446744073709551615`),
		"an overflowing version": replace(`"version":1`, `"version":18446744073709551616`),
		"an unknown status":      replace(`"active"`, `"superuser"`),
		"an unknown scope":       replace(`"read"`, `"root"`),
		"an invalid network":     replace(`"account"`, `"networks":{"allow":["0.0.0.0/99"]},"account"`),
	} {
		t.Run(name, func(t *testing.T) {
			s, overwrite := open(t)
			damaged, good := NewRecord(1, "anna", "damaged"), NewRecord(2, "anna", "good")
			apply(t, s, Create(good), Create(damaged))
			overwrite(damaged.ID, damage(asJSON(t, damaged)))

			_, err := s.Get(t.Context(), damaged.ID)
			wantError(t, err, storage.ErrDamaged)
			var damagedErr storage.DamagedError
			if !errors.As(err, &damagedErr) || damagedErr.ID != damaged.ID {
				t.Errorf("the error does not name the record: %v", err)
			}
			wantStored(t, s, good)
			for _, q := range []storage.Query{{}, {Owner: "ANNA"}, {State: token.StateActive, Now: epoch}, {Search: "damaged"}} {
				wantDamaged(t, s, q, damaged.ID)
			}
			if got := listAll(t, s, storage.Query{}); !slices.Equal(got, []string{good.ID}) {
				t.Errorf("undamaged records: %v", got)
			}
			wantDamaged(t, s, storage.Query{State: token.StateDamaged}, damaged.ID)

			wantError(t, s.Apply(t.Context(), Create(damaged)), storage.ErrConflict)
			wantError(t, s.Apply(t.Context(), storage.Change{Damaged: good.ID, Event: event("delete", good)}), storage.ErrConflict)
			deletion := storage.Change{Damaged: damaged.ID, Event: event("delete", damaged)}
			apply(t, s, deletion)
			wantError(t, s.Apply(t.Context(), deletion), storage.ErrConflict)
			_, err = s.Get(t.Context(), damaged.ID)
			wantError(t, err, storage.ErrNotFound)
			for _, q := range []storage.Query{{}, {Owner: "anna"}, {State: token.StateDamaged}} {
				wantDamaged(t, s, q)
			}
			events, _ := readEvents(t, s, storage.EventQuery{TokenID: damaged.ID})
			if got := described(events); !slices.Equal(got, []string{"create " + damaged.ID, "delete " + damaged.ID}) {
				t.Errorf("events of the token: %v", got)
			}
			// Nothing that is left of it prevents a new one.
			apply(t, s, Create(damaged))
			wantStored(t, s, damaged)
		})
	}
}

// DamagedDocuments tests that a store deletes and replaces documents that something else
// has damaged, and no others. open returns an empty store and a function that replaces a stored
// document by data or, if data is nil, by something that cannot be a document.
func DamagedDocuments(t *testing.T, open func(t *testing.T) (s storage.Store, overwrite func(name string, data []byte))) {
	t.Helper()
	for what, data := range map[string][]byte{
		"not a document at all": nil, "empty": {}, "not JSON": []byte("{]"), "null": []byte("null"), "no data": []byte(`{"version":1}`),
		"version 0": []byte(`{"version":0,"data":1}`), "unknown fields": []byte(`{"version":1,"data":1,"x":1}`),
	} {
		t.Run(what, func(t *testing.T) {
			s, overwrite := open(t)
			applyDocuments(t, s, documentChange("group", "bad", 0, `1`), documentChange("group", "good", 0, `1`))
			bad := storage.DocumentName{Kind: "group", ID: "bad"}
			overwrite(bad.String(), data)
			_, err := s.Document(t.Context(), bad)
			wantError(t, err, storage.ErrDamaged)
			damaged := func(id, data string) storage.DocumentChange {
				change := documentChange("group", id, 0, data)
				change.Damaged = true
				return change
			}
			for _, id := range []string{"good", "missing"} {
				wantError(t, s.ApplyDocument(t.Context(), damaged(id, "")), storage.ErrConflict)
				wantError(t, s.ApplyDocument(t.Context(), damaged(id, "2")), storage.ErrConflict)
			}
			wantError(t, s.ApplyDocument(t.Context(), documentChange("group", "bad", 0, `2`)), storage.ErrConflict)
			applyDocuments(t, s, damaged("bad", "2"))
			wantDocument(t, s, bad, 1, "2")
			overwrite(bad.String(), data)
			applyDocuments(t, s, damaged("bad", ""))
			_, err = s.Document(t.Context(), bad)
			wantError(t, err, storage.ErrNotFound)
			page, err := s.Documents(t.Context(), storage.DocumentQuery{Kind: "group"})
			if err != nil || len(page.Documents) != 1 || len(page.Damaged) != 0 {
				t.Errorf("%+v, %v", page, err)
			}
			applyDocuments(t, s, documentChange("group", "bad", 0, `1`))
		})
	}
}

func replace(old, new string) func(string) []byte {
	return func(record string) []byte {
		return []byte(strings.Replace(record, old, new, 1))
	}
}

// wantDamaged reads all pages of a list and checks which records are damaged.
func wantDamaged(t *testing.T, s storage.Store, q storage.Query, want ...string) {
	t.Helper()
	var got []string
	for range 100 {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("list %+v: %v", q, err)
		}
		for _, damaged := range page.Damaged {
			got = append(got, damaged.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v: damaged records %v, want %v", q, got, want)
	}
}

// testVet tests Vet with a store that does not check its records.
func testVet(t *testing.T, s storage.Store) {
	bad, good := NewRecord(1, "anna", "bad"), NewRecord(2, "anna", "good")
	apply(t, s, Create(bad), Create(good))
	var reported []string
	vetted := storage.Vet(careless{s, bad.ID}, func(d storage.DamagedError) { reported = append(reported, d.ID) })
	_, err := vetted.Get(t.Context(), bad.ID)
	wantError(t, err, storage.ErrDamaged)
	wantStored(t, vetted, good)
	page, err := vetted.List(t.Context(), storage.Query{Now: time.Now()})
	if err != nil || len(page.Records) != 1 || len(page.Damaged) != 1 || page.Damaged[0].ID != bad.ID {
		t.Errorf("list: %+v, %v", page, err)
	}
	if !slices.Equal(reported, []string{bad.ID, bad.ID}) {
		t.Errorf("reported: %v", reported)
	}
}

// careless is a store that returns one record with an invalid owner.
type careless struct {
	storage.Store
	id string
}

func (c careless) Get(ctx context.Context, id string) (*token.Record, error) {
	record, err := c.Store.Get(ctx, id)
	return c.spoil(record), err
}

func (c careless) List(ctx context.Context, q storage.Query) (storage.Page, error) {
	page, err := c.Store.List(ctx, q)
	for i, record := range page.Records {
		page.Records[i] = c.spoil(record)
	}
	return page, err
}

func (c careless) spoil(record *token.Record) *token.Record {
	if record == nil || record.ID != c.id {
		return record
	}
	spoilt := *record
	spoilt.Owner = "anna\u202e"
	return &spoilt
}
