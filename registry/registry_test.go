package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var admin = storage.Actor{Kind: storage.ActorAdmin, Name: "test", Address: "127.0.0.1"}

// newRegistry returns a registry for a file store, and the clock, which the test sets.
func newRegistry(t *testing.T) (*Registry, *time.Time) {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	cache := storage.NewCache(t.Context(), store, storage.CacheOptions{Size: 100, TTL: time.Minute, Grace: time.Minute, ReadTimeout: time.Second})
	ctx, cancel := context.WithCancel(context.Background()) // until the end of the test
	running := background.New(ctx)
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	r := New(catalog.New(store, nil, running), cache, storage.NewUseLog(store, func(int, error) {}), nil, func() []string { return []string{"default", "reporting"} })
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return now }
	return r, &now
}

func edit(t *testing.T, fields map[string]any) token.Edit {
	t.Helper()
	edit, err := token.NewEdit(fields)
	if err != nil {
		t.Fatal(err)
	}
	return edit
}

func create(t *testing.T, r *Registry, fields map[string]any) (*token.Record, token.Token) {
	t.Helper()
	issued, err := r.Create(t.Context(), admin, edit(t, fields))
	if err != nil {
		t.Fatal(err)
	}
	return issued.Record, issued.Token
}

func TestTokenLife(t *testing.T) {
	r, now := newRegistry(t)
	ctx := t.Context()
	record, first := create(t, r, map[string]any{"owner": "alice", "name": "BI"})
	if record.Scope != token.ScopeRead || record.Account != token.DefaultAccount {
		t.Errorf("defaults are %s and %s", record.Scope, record.Account)
	}
	works := func(secret token.Token, want bool) {
		t.Helper()
		if _, err := r.Lookup(ctx, secret); (err == nil) != want {
			t.Errorf("lookup of %v: %v", secret, err)
		}
	}
	works(first, true)
	works(token.New(), false)

	rotated, err := r.Rotate(ctx, admin, record.ID, time.Hour)
	second := rotated.Token
	if err != nil {
		t.Fatal(err)
	}
	works(first, true)
	works(second, true)
	*now = now.Add(time.Hour)
	works(second, true)
	replaced := func(secret token.Token, overlap bool) {
		t.Helper()
		found, err := r.Lookup(ctx, secret)
		if !errors.Is(err, token.ErrRotated) || found == nil || found.RotatedWithOverlap() != overlap {
			t.Errorf("lookup of a replaced token: %v, %v", found, err)
		}
	}
	replaced(first, true)
	rotated, err = r.Rotate(ctx, admin, record.ID, 0)
	third := rotated.Token
	if err != nil {
		t.Fatal(err)
	}
	replaced(second, false)
	works(third, true)
	if _, err := r.Lookup(ctx, first); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("lookup of the token replaced by the rotation before: %v", err)
	}
	second = third

	for _, step := range []struct {
		change func() (*token.Record, error)
		want   token.Status
	}{
		{func() (*token.Record, error) { return r.Disable(ctx, admin, record.ID) }, token.StatusDisabled},
		{func() (*token.Record, error) { return r.Disable(ctx, admin, record.ID) }, token.StatusDisabled},
		{func() (*token.Record, error) { return r.Enable(ctx, admin, record.ID) }, token.StatusActive},
		{func() (*token.Record, error) { return r.Revoke(ctx, admin, record.ID) }, token.StatusRevoked},
		{func() (*token.Record, error) { return r.Revoke(ctx, admin, record.ID) }, token.StatusRevoked},
	} {
		changed, err := step.change()
		if err != nil || changed.Status != step.want {
			t.Fatalf("status %v, %v, want %s", changed, err, step.want)
		}
		found, err := r.Lookup(ctx, second)
		if err != nil || found.Status != step.want {
			t.Fatalf("this node sees %v, %v right after the change", found, err)
		}
	}
	var state StateError
	if _, err := r.Enable(ctx, admin, record.ID); !errors.As(err, &state) {
		t.Errorf("enabling a revoked token: %v", err)
	}
	if _, err := r.Rotate(ctx, admin, record.ID, 0); !errors.As(err, &state) {
		t.Errorf("rotating a revoked token: %v", err)
	}
	if err := r.Delete(ctx, admin, record.ID); err != nil {
		t.Fatal(err)
	}
	works(second, false)

	events, err := r.Events(ctx, storage.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range events.Events {
		actions = append(actions, e.Action)
		if e.Actor != admin || e.TokenID != record.ID || e.Owner != "alice" {
			t.Errorf("event %+v", e)
		}
	}
	// Changes that had no effect left no event.
	if got, want := strings.Join(actions, " "), "create rotate rotate disable enable revoke delete"; got != want {
		t.Errorf("the trail is %s, want %s", got, want)
	}
	trail, _ := json.Marshal(events)
	for _, secret := range []token.Token{first, second} {
		digest := secret.Digest()
		hex, _ := digest.MarshalText()
		if bytes.Contains(trail, hex) || bytes.Contains(trail, []byte(secret.Reveal())) {
			t.Error("the trail contains a token or its digest")
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	r, now := newRegistry(t)
	for field, spec := range map[string]map[string]any{
		"owner":      {"owner": "a:b", "name": "x"},
		"name":       {"owner": "a", "name": ""},
		"account":    {"owner": "a", "name": "x", "account": "nope"},
		"expires_at": {"owner": "a", "name": "x", "expires_at": *now},
	} {
		_, err := r.Create(t.Context(), admin, edit(t, spec))
		var invalid InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%+v: %v, want an InvalidError about %s", spec, err, field)
		}
	}
	for _, spec := range []map[string]any{
		{"owner": "a", "name": "x", "not_before": now.Add(2 * time.Hour), "expires_at": now.Add(time.Hour)},
		{"owner": "a", "name": "x", "expires_at": now.AddDate(300, 0, 0)},
	} {
		if _, err := r.Create(t.Context(), admin, edit(t, spec)); err == nil {
			t.Errorf("%+v was accepted", spec)
		}
	}
	if page, err := r.List(t.Context(), Query{}); err != nil || len(page.Records) != 0 {
		t.Errorf("rejected changes left %d records, %v", len(page.Records), err)
	}
}

func TestConcurrentChangesOfDifferentFieldsAreAllKept(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "x"})
	name, scope, account := "renamed", token.ScopeWrite, "reporting"
	var done sync.WaitGroup
	for _, patch := range []map[string]any{{"name": name}, {"scope": scope}, {"account": account}} {
		done.Go(func() {
			if _, err := r.Update(t.Context(), admin, record.ID, edit(t, patch)); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	got, err := r.Show(t.Context(), record.ID)
	if err != nil || got.Name != name || got.Scope != scope || got.Account != account || got.Version != 4 {
		t.Errorf("after three concurrent changes: %+v, %v", got, err)
	}
}

func TestChangeOfAnOldVersionIsRefused(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "x"})
	a, b := "from a", "from b"
	if _, err := r.Update(t.Context(), admin, record.ID, edit(t, map[string]any{"name": a, "version": 1})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), admin, record.ID, edit(t, map[string]any{"name": b, "version": 1})); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("a change based on an old version: %v", err)
	}
	if got, _ := r.Show(t.Context(), record.ID); got.Name != a {
		t.Errorf("the name is %q", got.Name)
	}
}

func TestExportAndImport(t *testing.T) {
	from, _ := newRegistry(t)
	to, _ := newRegistry(t)
	secrets := make([]token.Token, 0, 5)
	for i := range 5 {
		_, secret := create(t, from, map[string]any{"owner": fmt.Sprintf("owner %d", i), "name": "x", "expires_at": "1h"})
		secrets = append(secrets, secret)
	}
	var file bytes.Buffer
	if end, err := from.Export(t.Context(), &file, ExportPosition{}, nil); err != nil || end != (ExportPosition{Store: end.Store, Records: 5}) {
		t.Fatalf("%+v, %v", end, err)
	}
	for _, secret := range secrets {
		if strings.Contains(file.String(), secret.Reveal()) {
			t.Fatal("the export contains a token")
		}
	}
	for _, want := range []string{"5 0 0", "0 5 0"} {
		got, err := to.Import(t.Context(), admin, bytes.NewReader(file.Bytes()), ImportOptions{})
		if text := fmt.Sprint(got.Imported, got.Unchanged, got.Left); err != nil || text != want || got.Header == nil || got.End == nil || got.End.Records != got.Records {
			t.Fatalf("import: %+v, %v, want %s", got, err, want)
		}
	}
	for _, secret := range secrets {
		if _, err := to.Lookup(t.Context(), secret); err != nil {
			t.Errorf("%v after the import: %v", secret, err)
		}
	}
	if _, err := to.Revoke(t.Context(), admin, secrets[0].ID()); err != nil {
		t.Fatal(err)
	}
	got, err := to.Import(t.Context(), admin, bytes.NewReader(file.Bytes()), ImportOptions{})
	if err != nil || got.Left != 1 || got.Unchanged != 4 || !strings.Contains(got.Skipped[0].Why, "it has changed here: version 2, and 1 in the export") {
		t.Errorf("importing a record that has changed: %+v, %v", got, err)
	}
	for _, bad := range []string{"{", `{"id":"x"}`, `{"unknown":1}`, "[]", strings.Replace(file.String(), "active", "open", 1)} {
		if _, err := to.Import(t.Context(), admin, strings.NewReader(bad), ImportOptions{}); err == nil {
			t.Errorf("%.60q was imported", bad)
		}
	}
}
