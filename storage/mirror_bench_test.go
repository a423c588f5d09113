package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// counted is a store of documents whose versions count how often they were read.
type counted struct {
	Store
	version uint64
}

func (c *counted) Document(_ context.Context, name DocumentName) (Document, error) {
	c.version++
	return Document{name, c.version, json.RawMessage(`{"name":"owner","state":"active","groups":["a","b","c"]}`)}, nil
}

// BenchmarkMirrorChange measures how long a mirror of 10,000 documents takes to publish
// changes: one, or a hundred at once.
func BenchmarkMirrorChange(b *testing.B) {
	for _, changes := range []int{1, 100} {
		b.Run(fmt.Sprint(changes), func(b *testing.B) {
			m := NewMirror(new(counted), "owner", CacheOptions{TTL: time.Hour, ReadTimeout: time.Hour})
			all, ids := make(Mirrored), make(map[string]struct{})
			for i := range 10_000 {
				id := fmt.Sprintf("owner-%d@example.com", i)
				all[id] = MirroredDocument{}
				if i < changes {
					ids[id] = struct{}{}
				}
			}
			m.publish(all)
			b.ReportAllocs()
			for b.Loop() {
				if err := m.refreshAll(b.Context(), ids); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
