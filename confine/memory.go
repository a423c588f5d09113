package confine

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// maxRemembered is the maximum number of answers that a guard remembers. The least
// used make room for new ones.
const maxRemembered = 50_000

// lookTimeout bounds a look-up, which outlives the request that began it.
const lookTimeout = 30 * time.Second

// memory remembers Jira's answers for a time. Simultaneous requests that need the
// same answer share one look-up.
type memory struct {
	now     func() time.Time
	known   *otter.Cache[string, remembered]
	lookups singleflight.Group
}

// remembered is an immutable entry.
type remembered struct {
	value any
	until time.Time
}

func newMemory() *memory {
	return &memory{now: time.Now, known: otter.Must(&otter.Options[string, remembered]{MaximumSize: maxRemembered})}
}

// get returns what is remembered under key, or what look finds, which is then
// remembered for lifetime. Errors are not remembered.
func (m *memory) get(ctx context.Context, key string, lifetime time.Duration, look func(context.Context) (any, error)) (any, error) {
	if value, ok := m.peek(key); ok {
		return value, nil
	}
	// Others may wait for this look-up when the request that began it is cancelled.
	lasting := context.WithoutCancel(ctx)
	found := m.lookups.DoChan(key, func() (any, error) {
		bounded, cancel := context.WithTimeout(lasting, lookTimeout)
		defer cancel()
		value, err := look(bounded)
		if err == nil {
			m.put(key, value, lifetime)
		}
		return value, err
	})
	select {
	case result := <-found:
		return result.Val, result.Err
	case <-ctx.Done():
		return nil, unanswered(context.Cause(ctx))
	}
}

func (m *memory) peek(key string) (value any, ok bool) {
	entry, ok := m.known.GetIfPresent(key)
	if !ok || !m.now().Before(entry.until) {
		return nil, false
	}
	return entry.value, true
}

// put remembers value for lifetime; not at all if that is 0.
func (m *memory) put(key string, value any, lifetime time.Duration) {
	if lifetime > 0 {
		m.known.Set(key, remembered{value, m.now().Add(lifetime)})
	}
}
