package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

func BenchmarkStore(b *testing.B) {
	server := redistest.Start(b)
	// Filling the store makes hundreds of changes at once.
	s := open(b, &Store{URL: server.URL(), Timeout: caddy.Duration(10 * time.Second)}, zap.NewNop())
	storagetest.Bench(b, s, func() int64 {
		var size int64
		_, rest, _ := strings.Cut(server.Do("info", "memory").(string), "used_memory:")
		if _, err := fmt.Sscan(rest, &size); err != nil {
			b.Fatal(err)
		}
		return size
	})
}
