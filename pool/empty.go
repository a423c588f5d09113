package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// countTimeout is the timeout of one count of tokens.
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

// Count implements storage.Counter, if the store can count its tokens.
func (s *Store) Count(ctx context.Context) (int, error) {
	if s.counter == nil {
		return 0, errors.ErrUnsupported
	}
	return s.counter.Count(ctx)
}

// checkEmpty returns an error if this store has no tokens but the running
// configuration's store has. Most likely its name is misspelled, and every token would
// stop working.
func (s *Store) checkEmpty(ctx context.Context) error {
	for _, running := range others(s) {
		had, known := running.count(ctx)
		if !known || had == 0 {
			continue
		}
		if n, known := s.count(ctx); known && n == 0 {
			return fmt.Errorf("%s has no tokens, but the store of the running configuration, %s, has %d: is the name right? "+
				"To start with an empty store, add the option create: store … { create }", s.name, running.name, had)
		}
	}
	return nil
}

// others returns the other stores in service. While a configuration is loading, these
// are the stores of the running configuration.
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
		fields = append(fields, zap.String("tokens", "unknown"))
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
