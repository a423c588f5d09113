package jiratokens

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// sharedStore is a store, what was measured of it, and what is counted and
// gathered in memory for it.
type sharedStore struct {
	storage.Store
	metrics  *metrics
	breaker  *storage.Breaker
	uses     *storage.UseLog
	counters *limits.Counters

	end       context.CancelFunc
	running   *background.Group
	startOnce sync.Once
}

func newSharedStore(store storage.Store, logger *zap.Logger) *sharedStore {
	var writing, counting service
	ctx, end := context.WithCancel(context.Background()) // ended by Destruct
	s := &sharedStore{metrics: newMetrics(), end: end, running: background.New(ctx)}
	s.Store = storage.Observe(store, s.metrics.storeCalled)
	s.breaker = storage.NewBreaker(ctx, s.Store, func(cause error) {
		s.metrics.storeUp.Set(upIf(cause == nil))
		if cause != nil {
			logger.Error("the token store does not answer: tokens in memory work for the cache's grace, others get 503, nothing can be changed, and limits are each node's own", zap.Error(cause))
		} else {
			logger.Info("the token store answers again")
		}
	})
	s.metrics.storeUp.Set(1)
	s.uses = storage.NewUseLog(s.Store, func(tokens int, err error) {
		s.metrics.active.Set(float64(tokens))
		if s.breaker.Away() == nil { // of which the log tells
			writing.went(err, logger, "when tokens were used cannot be written; it waits in memory", "when tokens were used is written again")
		}
	})
	var shared storage.Limiter
	if limiter, ok := store.(storage.Limiter); ok {
		shared = s.breaker.Limiter(storage.ObserveLimiter(limiter, s.metrics.storeCalled))
	}
	s.counters = limits.NewCounters(s.running, shared, func(err error) {
		if s.breaker.Away() == nil {
			counting.went(err, logger, "the token store does not count requests: limits are each node's own", "the token store counts requests for all nodes again")
		}
	})
	return s
}

// service is something that the store does beside keeping tokens, and may fail
// to do while it answers: a full memory, a missing permission.
type service struct{ failing atomic.Bool }

// went writes a line when the service begins to fail, and one when it works
// again.
func (s *service) went(err error, logger *zap.Logger, fails, works string) {
	if failing := err != nil; s.failing.Swap(failing) == failing {
		return
	}
	if err != nil {
		logger.Warn(fails, zap.Error(err))
	} else {
		logger.Info(works)
	}
}

// Destruct closes the store when no configuration uses it any more.
func (s *sharedStore) Destruct() error {
	s.end()
	s.running.Wait()
	s.breaker.Wait()
	return s.Store.Close()
}

var _ caddy.Destructor = (*sharedStore)(nil)
