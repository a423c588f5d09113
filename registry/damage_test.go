package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// newDamaged returns a registry for a vetted file store with one damaged and one
// undamaged token, and the damaged token's secret.
func newDamaged(t *testing.T) (r *Registry, damaged token.Token, whole *token.Record) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.db")
	opened := func() (*Registry, storage.Store) {
		store := storage.Vet(filestore.New(path, zap.NewNop()), func(storage.DamagedError) {})
		cache := storage.NewCache(t.Context(), store, storage.CacheOptions{Size: 100, TTL: time.Minute, Grace: time.Minute, ReadTimeout: time.Second})
		return New(store, cache, storage.NewUseLog(store, func(int, error) {}), nil, func() []string { return []string{"default"} }), store
	}
	r, store := opened()
	record, damaged := create(t, r, map[string]any{"owner": "alice", "name": "damaged"})
	whole, _ = create(t, r, map[string]any{"owner": "bob", "name": "whole"})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("records")).Put([]byte(record.ID), []byte("\x1b[2J{"))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	r, store = opened()
	t.Cleanup(func() { _ = store.Close() })
	return r, damaged, whole
}

func TestDamagedRecord(t *testing.T) {
	r, secret, whole := newDamaged(t)
	ctx, id := t.Context(), secret.ID()
	if _, err := r.Lookup(ctx, secret); !errors.Is(err, token.ErrDamaged) || errors.Is(err, token.ErrUnavailable) {
		t.Errorf("lookup: %v", err)
	}
	for name, change := range map[string]func() error{
		"update":  func() error { _, err := r.Update(ctx, admin, id, edit(t, map[string]any{"name": "x"})); return err },
		"rotate":  func() error { _, err := r.Rotate(ctx, admin, id, 0); return err },
		"disable": func() error { _, err := r.Disable(ctx, admin, id); return err },
		"enable":  func() error { _, err := r.Enable(ctx, admin, id); return err },
		"revoke":  func() error { _, err := r.Revoke(ctx, admin, id); return err },
	} {
		var state StateError
		if err := change(); !errors.As(err, &state) || state.State != token.StateDamaged {
			t.Errorf("%s: %v", name, err)
		}
	}
	var out strings.Builder
	end, err := r.Export(ctx, &out, ExportPosition{}, nil)
	if err != nil || end != (ExportPosition{Store: end.Store, Records: 1, Damaged: 1}) || strings.Count(out.String(), "\n") != 3 || !strings.Contains(out.String(), whole.ID) {
		t.Errorf("export: %+v, %v, %q", end, err, out.String())
	}
	if err := r.Delete(ctx, admin, id); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(ctx, admin, id); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	events, err := r.Events(ctx, storage.EventQuery{TokenID: id})
	if last := events.Events[len(events.Events)-1]; err != nil || last.Action != ActionDelete || len(last.Changes) != 1 ||
		last.Changes[0].Field != "damage" || strings.Contains(string(last.Changes[0].Old), "\x1b") {
		t.Errorf("the trail is %+v, %v", events, err)
	}
}

func TestDeletedIsNotImported(t *testing.T) {
	r, _ := newRegistry(t)
	record, secret := create(t, r, map[string]any{"owner": "alice", "name": "BI"})
	backup, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), admin, record.ID); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		options ImportOptions
		want    string // imported, unchanged, deleted
	}{
		{ImportOptions{}, "0 0 1"},
		{ImportOptions{Restore: true}, "1 0 0"},
		{ImportOptions{}, "0 1 0"},
	} {
		got, err := r.Import(t.Context(), admin, strings.NewReader(string(backup)), step.options)
		if text := fmt.Sprint(got.Imported, got.Unchanged, got.Deleted); err != nil || text != step.want {
			t.Errorf("%+v: %+v, %v, want %+v", step.options, got, err, step.want)
		}
		_, err = r.Lookup(t.Context(), secret)
		if works := err == nil; works != strings.HasSuffix(step.want, "0") {
			t.Errorf("%+v: the token works: %t", step.options, works)
		}
	}
	if err := r.Delete(t.Context(), admin, record.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Import(t.Context(), admin, strings.NewReader(string(backup)), ImportOptions{}); err != nil || got.Deleted != 1 {
		t.Errorf("deleted again: %+v, %v", got, err)
	}
}

// TestImportThatIsCutOff checks that an import which ends too early fails, wherever it
// ends.
func TestImportThatIsCutOff(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "BI"})
	line, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	for name, test := range map[string]struct {
		ctx    context.Context
		reader io.Reader
		want   error
	}{
		"inside a record":   {t.Context(), strings.NewReader(string(line) + "\n" + string(line[:50])), ErrCutOff},
		"broken connection": {t.Context(), io.MultiReader(strings.NewReader(string(line)+"\n"), broken{io.ErrUnexpectedEOF}), ErrCutOff},
		"canceled request":  {ended, io.MultiReader(strings.NewReader(string(line)+"\n"), ending{end}, strings.NewReader(strings.Repeat(string(line)+"\n", 5))), context.Canceled},
	} {
		if result, err := r.Import(test.ctx, admin, test.reader, ImportOptions{}); !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v, want %v", name, result, err, test.want)
		}
	}
}

type broken struct{ error }

func (b broken) Read([]byte) (int, error) { return 0, b.error }

type ending struct{ end func() }

func (e ending) Read([]byte) (int, error) {
	e.end()
	return 0, io.EOF
}

func TestVersionsAreBounded(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "BI"})
	last := *record
	last.Version = token.MaxVersion
	if err := r.apply(t.Context(), admin, ActionUpdate, record, &last); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Disable(t.Context(), admin, record.ID); !errors.Is(err, token.ErrConflict) {
		t.Errorf("a change beyond the last version: %v", err)
	}
	line, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := newRegistry(t)
	if result, err := other.Import(t.Context(), admin, strings.NewReader(string(line)), ImportOptions{}); err == nil {
		t.Errorf("a version that leaves no room for changes was imported: %+v", result)
	}
	if err := other.apply(t.Context(), admin, ActionCreate, nil, &token.Record{ID: record.ID}); err == nil {
		t.Error("an invalid record was written")
	}
}
