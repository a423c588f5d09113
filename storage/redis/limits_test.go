package redisstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestServerClockThatWasAhead checks that buckets written while the server's clock was
// two minutes ahead are full once the clock is corrected, rather than empty for two
// minutes.
func TestServerClockThatWasAhead(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil).(*store)
	limit := token.Limit{Requests: 1, Period: time.Minute, Burst: 3}
	take := func(most int) int {
		t.Helper()
		grant, err := s.Take(t.Context(), "0123456789", limit, most)
		if err != nil {
			t.Fatal(err)
		}
		if grant.RetryAfter > time.Minute {
			t.Errorf("retry after %s", grant.RetryAfter)
		}
		return grant.Granted
	}
	if n := take(3); n != 3 {
		t.Fatalf("%d granted from a full bucket", n)
	}
	if n := take(3); n != 0 {
		t.Fatalf("%d granted from an empty bucket", n)
	}
	key := "rate:" + s.limitKey("0123456789", limit)
	var full float64 // time at which the bucket is full
	if _, err := fmt.Sscan(fmt.Sprint(server.Do("get", key)), &full); err != nil {
		t.Fatal(err)
	}
	server.Do("set", key, full+120)
	if n := take(2); n != 2 {
		t.Errorf("%d granted after the clock went back", n)
	}
	if n := take(2); n != 1 {
		t.Errorf("%d granted, want the remaining one", n)
	}
	if n := take(1); n != 0 {
		t.Errorf("%d granted from an empty bucket", n)
	}
}
