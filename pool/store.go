package pool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/jiratokens/caddy-jira-tokens/audit"
	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Store is a store with its metrics and the state that is kept in memory for it.
type Store struct {
	storage.Store

	Metrics *Metrics
	// UseLog collects the last uses of tokens.
	UseLog *storage.UseLog
	// Recorder writes events about requests to the audit trail.
	Recorder *audit.Recorder
	// Counters hold the state that every configuration's limits are checked against.
	Counters *limits.Counters

	// catalog answers lists of tokens. Writes go through it.
	catalog *catalog.Catalog

	name    string
	logger  *zap.Logger
	breaker *storage.Breaker
	// counter counts tokens. It is nil if the store cannot.
	counter storage.Counter
	// sweeper deletes tokens that have vanished. It is nil if the store cannot.
	sweeper storage.Sweeper
	// expiries counts tokens that expire. It is nil if the store cannot.
	expiries storage.ExpiryCounter
	// lineage identifies the history of the store's server. It is nil if that is never
	// replaced.
	lineage func(ctx context.Context) (string, error)
	// started is set once a configuration with this store is in service.
	started atomic.Bool

	end       context.CancelFunc
	running   *background.Group
	startOnce sync.Once
}

func newStore(name string, store storage.Store, logger *zap.Logger) *Store {
	var writing, counting service
	ctx, end := context.WithCancel(context.Background()) // until Destruct
	s := &Store{Metrics: newMetrics(), end: end, running: background.New(ctx), name: name, logger: logger}
	s.counter, _ = store.(storage.Counter)
	s.expiries, _ = store.(storage.ExpiryCounter)
	if replaceable, ok := store.(storage.Lineage); ok {
		s.lineage = replaceable.Lineage
	}
	vetted := storage.Vet(audit.Logged(storage.Observe(store, s.Metrics.storeCalled), newLogger("audit")), reportDamage(logger))
	follower, _ := store.(storage.UseFollower)
	s.catalog = catalog.New(vetted, follower, s.running)
	s.Store = s.catalog
	s.sweeper, _ = store.(storage.Sweeper)
	s.breaker = storage.NewBreaker(ctx, s.Store, func(cause error) {
		s.Metrics.storeUp.Set(upIf(cause == nil))
		if cause != nil {
			logger.Error("the token store does not answer: tokens in memory work for the cache's grace, others get 503, tokens cannot be changed, and each node applies limits on its own", zap.Error(cause))
		} else {
			logger.Info("the token store answers again")
		}
	})
	s.Metrics.storeUp.Set(1)
	s.UseLog = storage.NewUseLog(s.Store, func(tokens int, err error) {
		s.Metrics.active.Set(float64(tokens))
		if s.breaker.Away() == nil { // an outage has its own log line
			writing.report(err, logger, "cannot write the last uses of tokens: keeping them in memory", "writing the last uses of tokens again")
		}
	})
	s.Recorder = audit.NewRecorder(audit.Options{
		Write: s.Store.AddEvents, Away: s.breaker.Away, Lost: func(n uint64) { s.Metrics.auditLost.Add(float64(n)) },
		Logger: logger, Now: time.Now,
	})
	var shared limits.Shared
	if limiter, ok := store.(storage.Limiter); ok {
		shared = s.breaker.Limiter(storage.ObserveLimiter(limiter, s.Metrics.storeCalled))
	}
	s.Counters = limits.NewCounters(s.running, shared, func(err error) {
		if s.breaker.Away() == nil {
			counting.report(err, logger, "the token store cannot count requests: each node applies limits on its own", "the token store counts requests for all nodes again")
		}
	})
	return s
}

// Find implements storage.Finder.
func (s *Store) Find(ctx context.Context, query storage.Query) (storage.Page, error) {
	return s.catalog.Find(ctx, query)
}

// Census implements storage.Finder.
func (s *Store) Census(ctx context.Context, query storage.CensusQuery) (*storage.Census, error) {
	return s.catalog.Census(ctx, query)
}

// Owners implements storage.Finder.
func (s *Store) Owners(ctx context.Context, query storage.OwnersQuery) (*storage.Owners, error) {
	return s.catalog.Owners(ctx, query)
}

// ExpiryCounter counts tokens that expire, or is nil if the store cannot.
func (s *Store) ExpiryCounter() storage.ExpiryCounter { return s.expiries }

// Lineage identifies the history of the store's server, or is nil if that is never
// replaced by another one.
func (s *Store) Lineage() func(ctx context.Context) (string, error) { return s.lineage }

// reportDamage returns a function that logs damaged records, at most one line per
// minute, since clients can keep using a damaged token.
func reportDamage(logger *zap.Logger) func(storage.DamagedError) {
	sometimes := rate.Sometimes{Interval: time.Minute}
	return func(damaged storage.DamagedError) {
		sometimes.Do(func() {
			logger.Error("the record of a token is damaged, so the token is refused; to see all damaged ones, run caddy jira-token list --state damaged",
				zap.String("jira_token_id", damaged.ID), zap.String("error", token.Printable(damaged.Err.Error(), 500)))
		})
	}
}

// service is a secondary task of the store that may fail while reads succeed, for
// example because memory is full or a permission is missing.
type service struct{ failing atomic.Bool }

// report logs when the service starts to fail and when it works again.
func (s *service) report(err error, logger *zap.Logger, fails, works string) {
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
func (s *Store) Destruct() error {
	s.end()
	s.running.Wait()
	s.breaker.Wait()
	return s.Store.Close()
}

var (
	_ caddy.Destructor = (*Store)(nil)
	_ storage.Finder   = (*Store)(nil)
)
