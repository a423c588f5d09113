package filestore

import (
	"path/filepath"
	"testing"

	"go.uber.org/zap/zaptest"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		s := New(filepath.Join(t.TempDir(), "tokens.db"), zaptest.NewLogger(t))
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
