package pool

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// countTimeout bounds one count of tokens.
const countTimeout = 2 * time.Second

// count returns how many tokens the store has, and whether that is known.
func (s *Store) count(ctx context.Context) (int, bool) {
	if s.counter == nil || s.breaker.Away() != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	n, err := s.counter.Count(ctx)
	return n, err == nil
}

// checkEmpty returns an error if this store has no tokens while the running
// configuration's has some. Most likely its name is misspelt, and every token
// would be refused.
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

// others returns the other stores in service: while a configuration is loading,
// those of the running one.
func others(s *Store) (running []*Store) {
	stores.Range(func(_, value any) bool {
		if other, ok := value.(*Store); ok && other != s && other.started.Load() {
			running = append(running, other)
		}
		return true
	})
	return running
}

// announce logs which store is in use and how many tokens it has.
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

// nameOf returns the name of a store for messages.
func nameOf(module storage.Module) string {
	if named, ok := module.(fmt.Stringer); ok {
		return named.String()
	}
	return module.Key()
}
