package tree

import (
	"bytes"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
)

// BenchmarkAppend measures what the tree adds to recording an event: batches of events
// are recorded in a file store, without the tree and with it.
func BenchmarkAppend(b *testing.B) {
	for _, name := range []string{"without the tree", "with the tree"} {
		b.Run(name, func(b *testing.B) {
			s := filestore.New(filepath.Join(b.TempDir(), "tokens.db"), zap.NewNop())
			defer s.Close()
			l, _ := newLog(s, newKeep())
			for left := b.N; left > 0; left -= storage.MaxEvents {
				addEvents(b, s, min(left, storage.MaxEvents))
				if name == "with the tree" {
					integrate(b, l)
				}
			}
		})
	}
}

// BenchmarkVerify measures verification, per event.
func BenchmarkVerify(b *testing.B) {
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	addEvents(b, s, b.N)
	integrate(b, l)
	var exported bytes.Buffer
	if err := l.Export(b.Context(), &exported); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(exported.Len() / b.N))
	b.ResetTimer()
	if report, err := proof.Verify(&exported, proof.Options{}); err != nil || !report.OK {
		b.Fatal(report, err)
	}
}
