package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestMisspelledPath: a file is not created next to another store's, unless the
// configuration says so.
func TestMisspelledPath(t *testing.T) {
	dir := t.TempDir()
	open := func(name string, create bool) error {
		t.Helper()
		s, err := (&Store{resolved: filepath.Join(dir, name), Create: create}).NewStore(zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		return errors.Join(s.Open(t.Context()), s.Close())
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.db"), []byte("not a database, but long enough to be one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		create bool
		says   string
	}{
		{"tokens.db", false, ""},
		{"tokens.db", false, ""},
		{"tokns.db", false, "tokns.db, but there is " + filepath.Join(dir, "tokens.db") + ": is the name right?"},
		{"other/tokens.db", false, ""},
		{"tokns.db", true, ""},
		{"tokns.db", false, ""},
	} {
		err := open(step.name, step.create)
		if (err == nil) != (step.says == "") || err != nil && (!strings.Contains(err.Error(), step.says) || !errors.Is(err, storage.ErrUnavailable)) {
			t.Errorf("%s, create %v: %v", step.name, step.create, err)
		}
	}
}
