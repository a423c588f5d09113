package pool

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// countTimeout bounds how long a count of tokens is waited for.
const countTimeout = 2 * time.Second

// count returns how many tokens the store has, if it can tell.
func (s *Store) count(ctx context.Context) (int, bool) {
	if s.counter == nil || s.breaker.Away() != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	n, err := s.counter.Count(ctx)
	return n, err == nil
}

// checkEmpty returns an error if this store has no tokens while that of the
// running configuration has some: it is far more likely misspelt than meant, and
// every token would be refused.
func (s *Store) checkEmpty(ctx context.Context) error {
	for _, running := range others(s) {
		had, known := running.count(ctx)
		if !known || had == 0 {
			continue
		}
		if n, known := s.count(ctx); known && n == 0 {
			return fmt.Errorf("%s has no tokens, but the running configuration's, %s, has %d: is its name right? "+
				"To begin with an empty one, add the option create: store … { create }", s.name, running.name, had)
		}
	}
	return nil
}

// others are the stores in service beside s: those of the running configuration,
// while another one is loaded.
func others(s *Store) (running []*Store) {
	stores.Range(func(_, value any) bool {
		if other, ok := value.(*Store); ok && other != s && other.started.Load() {
			running = append(running, other)
		}
		return true
	})
	return running
}

// announce tells the log which store is in use, and how many tokens it has.
func (s *Store) announce(ctx context.Context, logger *zap.Logger) {
	fields := []zap.Field{zap.String("store", s.name)}
	n, known := s.count(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case known:
		fields = append(fields, zap.Int("tokens", n))
	case s.counter != nil && s.breaker.Away() == nil:
		fields = append(fields, zap.String("tokens", "not known"))
	}
	logger.Info("token store", fields...)
}

// nameOf returns how a store is called in messages.
func nameOf(module storage.Module) string {
	if named, ok := module.(fmt.Stringer); ok {
		return named.String()
	}
	return module.Key()
}
