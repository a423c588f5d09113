package filestore

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

func BenchmarkStore(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tokens.db")
	s := New(path, zap.NewNop())
	defer s.Close()
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	storagetest.Bench(b, s, func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		return info.Size()
	})
}
