package pool

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestReplacedCache: a request that is in flight while a reload changes the cache's
// options still finds its token, although the cache of its configuration is closed.
func TestReplacedCache(t *testing.T) {
	module := &filestore.Store{Path: filepath.Join(t.TempDir(), "tokens.db")}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	acquired := func(size int) *Cache {
		cache, err := Acquire(module, storage.CacheOptions{Size: size, TTL: time.Minute, ReadTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := cache.Start(true); err != nil {
			t.Fatal(err)
		}
		return cache
	}
	before, after := acquired(100), acquired(200)
	record := storagetest.NewRecord(1, "anna", "a")
	if err := before.Store.Apply(t.Context(), storagetest.Create(record)); err != nil {
		t.Fatal(err)
	}
	if err := before.Release(); err != nil {
		t.Fatal(err)
	}
	if found, err := before.Get(t.Context(), record.ID); err != nil || found.ID != record.ID {
		t.Errorf("while another configuration has the store: %v, %v", found, err)
	}
	if err := after.Release(); err != nil {
		t.Fatal(err)
	}
	if found, err := after.Get(t.Context(), storagetest.NewRecord(2, "anna", "b").ID); err == nil {
		t.Errorf("while nobody has the store: %v", found)
	}
}
