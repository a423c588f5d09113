package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestAccept checks that a sentinel that is late or cut off does not lead back to the
// previous primary, but that sentinels that were set up again are accepted in the
// end.
func TestAccept(t *testing.T) {
	s := newSentinels("tokens", []string{"a:1", "b:1", "c:1"}, new(redis.Options), nil, new(conns))
	defer s.close()
	now := time.Now()
	for i, step := range []struct {
		says  primary
		votes int
		after time.Duration
		want  string
	}{
		{primary{"old", 1}, 3, 0, "old"},
		{primary{"new", 2}, 1, time.Second, "new"},
		{primary{"old", 1}, 2, time.Second, "new"},
		{primary{"new", 2}, 3, time.Second, "new"},
		{primary{"old", 1}, 1, 2 * forgetTerm, "new"}, // one of three
		{primary{"other", 0}, 2, time.Second, "other"},
	} {
		now = now.Add(step.after)
		if got := s.accept(step.says, step.votes, now); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}
