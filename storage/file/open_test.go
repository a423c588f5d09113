package filestore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.etcd.io/bbolt"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// open returns the store in a file, and closes it at the end of the test.
func open(t *testing.T, path string) storage.Store {
	s := New(path, zaptest.NewLogger(t))
	t.Cleanup(func() { s.Close() })
	return s
}

func provisioned(t *testing.T, path string) *Store {
	t.Helper()
	module := &Store{Path: path}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return module
}

// wantRefusal checks that Open and other methods fail with a one-line error that
// contains path and text.
func wantRefusal(t *testing.T, s storage.Store, path, text string) {
	t.Helper()
	_, used := s.Get(t.Context(), "0123456789")
	for _, err := range []error{used, s.Open(t.Context()), s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "a", "a")))} {
		switch {
		case !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrNotFound):
			t.Fatalf("%v: want ErrUnavailable", err)
		case !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n"):
			t.Errorf("%v: want one line with the path and %q", err, text)
		}
	}
}

func TestFilesThatAreNoStore(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"text", func(t *testing.T, path string) { write(t, path, []byte("not a database")) }, "is not a token store file"},
		{"zeros", func(t *testing.T, path string) { write(t, path, make([]byte, 1<<16)) }, "is not a token store file"},
		{"noise", func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("noise"), 1<<14)) }, "is not a token store file"},
		{"truncated", func(t *testing.T, path string) {
			fill(t, path)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()/2); err != nil {
				t.Fatal(err)
			}
		}, "is damaged"},
		{"from another program", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("theirs"))
				return err
			})
		}, "of another program"},
		{"from a later version", func(t *testing.T, path string) {
			fill(t, path)
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte("2")) })
		}, `has format "2"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens.db")
			test.make(t, path)
			before := read(t, path)
			s := open(t, path)
			wantRefusal(t, s, path, test.want)
			s.Close()
			if !bytes.Equal(before, read(t, path)) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("directory", func(t *testing.T) {
		dir := t.TempDir()
		wantRefusal(t, open(t, dir), dir, "is a directory")
	})
	t.Run("below a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, nil)
		wantRefusal(t, open(t, filepath.Join(file, "tokens.db")), file, "not a directory")
	})
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "tokens.db")
	s := open(t, path)
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("something was created before the first use: %v", err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]fs.FileMode{path: 0o600, dir: 0o700 | fs.ModeDir, filepath.Dir(dir): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(file); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v; want %v", file, info.Mode(), err, want)
		}
	}
}

func TestReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	r := storagetest.NewRecord(1, "anna", "a")
	s := open(t, path)
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), r.ID); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("after Close: %v, want ErrUnavailable", err)
	}
	s = open(t, path)
	if _, err := s.Get(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
	if page, err := s.Events(t.Context(), storage.EventQuery{}); err != nil || len(page.Events) != 1 {
		t.Errorf("events: %v, %v", page.Events, err)
	}
}

func TestModule(t *testing.T) {
	t.Setenv("TOKENS", "/var/lib/tokens")
	for path, want := range map[string]string{
		"":                  filepath.Join(caddy.AppDataDir(), "jira_tokens", "tokens.db"),
		"/x/y.db":           "/x/y.db",
		"{env.TOKENS}/z.db": "/var/lib/tokens/z.db",
	} {
		if got := provisioned(t, path).Key(); got != "file "+want {
			t.Errorf("path %q: key %q, want %q", path, got, want)
		}
	}
	if got := provisioned(t, "y.db").Key(); !filepath.IsAbs(strings.TrimPrefix(got, "file ")) {
		t.Errorf("key of a relative path: %q", got)
	}
	if err := (&Store{Path: "{env.NOT_SET}/x"}).Provision(caddy.Context{}); err == nil {
		t.Error("an empty placeholder was accepted")
	}
	if _, err := new(Store).NewStore(zap.NewNop()); err == nil {
		t.Error("a store without a path was accepted")
	}
}

func TestUnmarshalCaddyfile(t *testing.T) {
	for in, want := range map[string]string{
		"file":              "",
		"file /x/y.db":      "/x/y.db",
		`file "/x y/z.db"`:  "/x y/z.db",
		"file {env.X}/y.db": "{env.X}/y.db",
	} {
		var s Store
		if err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)); err != nil || s.Path != want {
			t.Errorf("%s: path %q, %v; want %q", in, s.Path, err, want)
		}
	}
	for in, want := range map[string]string{
		"file a b":                      "store file: too many arguments",
		"file a {\n path b\n}":          "unknown option",
		"file a {\n create\n create\n}": "twice",
		"file a {\n create b\n}":        "expected none",
	} {
		err := new(Store).UnmarshalCaddyfile(caddyfile.NewTestDispenser(in))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Testfile:") {
			t.Errorf("%s: got %v, want %q and the line", in, err, want)
		}
	}
}

// fill creates a store with 100 records.
func fill(t *testing.T, path string) {
	t.Helper()
	s := New(path, zap.NewNop())
	for i := range 100 {
		if err := s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(i, "anna", "a"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// edit changes a bbolt file behind the store's back.
func edit(t *testing.T, path string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(change); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
