package pool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// acquire returns the cache of a configuration with this store.
func acquire(t *testing.T, path string) *Cache {
	t.Helper()
	module := &filestore.Store{Path: path}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	cache, err := Acquire(module, storage.CacheOptions{Size: 100, TTL: time.Minute, ReadTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Release() })
	return cache
}

// TestEmptyStoreOnReload checks that a misspelled path of the store fails the reload,
// rather than every token.
func TestEmptyStoreOnReload(t *testing.T) {
	dir := t.TempDir()
	running := acquire(t, filepath.Join(dir, "tokens.db"))
	if err := running.Start(false); err != nil {
		t.Fatalf("the first start: %v", err)
	}
	// There is nothing to lose yet.
	if err := acquire(t, filepath.Join(dir, "first", "tokens.db")).Start(false); err != nil {
		t.Errorf("both are empty: %v", err)
	}
	if err := running.Store.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a"))); err != nil {
		t.Fatal(err)
	}
	if err := acquire(t, filepath.Join(dir, "tokens.db")).Start(false); err != nil {
		t.Errorf("the same store: %v", err)
	}
	typo := filepath.Join(dir, "typo", "tokens.db") // the store itself finds typos in the same directory
	err := acquire(t, typo).Start(false)
	if err == nil || !strings.Contains(err.Error(), typo) || !strings.Contains(err.Error(), "tokens.db") || !strings.Contains(err.Error(), "create") {
		t.Errorf("a missing store: %v", err)
	}
	if _, err := os.Stat(typo); err == nil {
		t.Error("the rejected configuration has created its store")
	}
	if err := acquire(t, filepath.Join(dir, "meant", "tokens.db")).Start(true); err != nil {
		t.Errorf("with create: %v", err)
	}
}
