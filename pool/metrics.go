package pool

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const namespace = "jira_tokens"

// Metrics are the metrics of one store and of what is in front of it. They live as long
// as the store, so that counts survive a reload, and are registered with the registry of
// every configuration.
type Metrics struct {
	requests  *prometheus.CounterVec
	decision  prometheus.Histogram
	storeTime *prometheus.HistogramVec
	storeUp   prometheus.Gauge
	active    prometheus.Gauge

	// counters caches the counters of requests by outcome, since finding one by its
	// labels takes a lock that all requests share.
	counters sync.Map

	mu sync.Mutex
	// accounts holds the account_up sources of the configurations that have started and
	// not stopped, the oldest first.
	accounts []*AccountSource
	caches   map[*storage.Cache]struct{}
	// gone holds the counts of former caches.
	gone cacheCounts
}

type cacheCounts struct{ hits, misses, unknown, stale, failures uint64 }

func newMetrics() *Metrics {
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "requests_total",
			Help: "Requests by decision (allowed, denied, or passed, which means without a token with front site), reason of the denial, and access (what the operation does in Jira).",
		}, []string{"decision", "reason", "access"}),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "decision_seconds",
			Help:    "Time to decide on a request, in seconds.",
			Buckets: []float64{1e-6, 2e-6, 5e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1},
		}),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_seconds",
			Help:    "Duration of calls to the token store by operation, in seconds.",
			Buckets: []float64{1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10},
		}, []string{"op"}),
		storeUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "store_up",
			Help: "Whether the token store answers: 0 while requests are decided without it.",
		}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "active",
			Help: "Tokens that were used through this gateway in the last full minute.",
		}),
		caches: make(map[*storage.Cache]struct{}),
	}
}

// AccountSource returns whether Jira accepts each account of one configuration,
// by name.
type AccountSource func() iter.Seq2[string, bool]

// ShowAccounts makes source the source of account_up, once all configurations that
// called it earlier have called HideAccounts. So a configuration that fails to start has
// no effect.
func (m *Metrics) ShowAccounts(source *AccountSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts = append(m.accounts, source)
}

// HideAccounts undoes ShowAccounts, if it was called for source.
func (m *Metrics) HideAccounts(source *AccountSource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts = slices.DeleteFunc(m.accounts, func(s *AccountSource) bool { return s == source })
}

// accountCollector collects account_up for the accounts of the running configuration.
type accountCollector struct{ *Metrics }

var accountUp = prometheus.NewDesc(namespace+"_account_up",
	"Whether Jira accepts the account: 1 until Jira refuses it.", []string{"account"}, nil)

// Describe implements prometheus.Collector.
func (c accountCollector) Describe(descs chan<- *prometheus.Desc) { descs <- accountUp }

// Collect implements prometheus.Collector.
func (c accountCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	var source *AccountSource
	if len(c.accounts) > 0 {
		source = c.accounts[0]
	}
	c.mu.Unlock()
	if source == nil {
		return
	}
	for name, up := range (*source)() {
		metrics <- prometheus.MustNewConstMetric(accountUp, prometheus.GaugeValue, upIf(up), name)
	}
}

// upIf returns the value of an up gauge.
func upIf(up bool) float64 {
	if up {
		return 1
	}
	return 0
}

// Register registers the metrics with a configuration's registry. Doing so twice is an
// error, since two apps never share a registry.
func (m *Metrics) Register(registry *prometheus.Registry) error {
	for _, collector := range []prometheus.Collector{m.requests, m.decision, m.storeTime, m.storeUp, m.active, accountCollector{m}, cacheCollector{m}} {
		if err := registry.Register(collector); err != nil {
			return err
		}
	}
	return nil
}

// Decided records a decision on a request and how long it took.
func (m *Metrics) Decided(decision, reason, access string, took time.Duration) {
	m.counter(outcome{decision, reason, access}).Inc()
	m.decision.Observe(took.Seconds())
}

// outcome is one combination of the labels of the requests metric.
type outcome struct{ decision, reason, access string }

// counter returns the counter of an outcome.
func (m *Metrics) counter(of outcome) prometheus.Counter {
	if known, ok := m.counters.Load(of); ok {
		return known.(prometheus.Counter)
	}
	counter := m.requests.WithLabelValues(of.decision, of.reason, of.access)
	m.counters.Store(of, counter)
	return counter
}

// storeCalled is the store's observer.
func (m *Metrics) storeCalled(op string, took time.Duration, _ error) {
	m.storeTime.WithLabelValues(op).Observe(took.Seconds())
}

// watch counts the lookups of a cache.
func (m *Metrics) watch(cache *storage.Cache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.caches[cache] = struct{}{}
}

// unwatch stops watching a cache that is no longer used, and keeps its counts.
func (m *Metrics) unwatch(cache *storage.Cache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.caches, cache)
	m.gone.add(cache)
}

func (c *cacheCounts) add(cache *storage.Cache) {
	c.hits += cache.Stats.Hits.Load()
	c.misses += cache.Stats.Misses.Load()
	c.unknown += cache.Stats.Unknown.Load()
	c.stale += cache.Stats.Stale.Load()
	c.failures += cache.Stats.Failures.Load()
}

// cacheCollector collects the caches' own counts.
type cacheCollector struct{ *Metrics }

var cacheTotal = prometheus.NewDesc(namespace+"_cache_total",
	"Token lookups in the cache by result: hit, miss, unknown (an id remembered as unknown), "+
		"stale (served while the store was unavailable) and failure (not served because the store was unavailable).",
	[]string{"result"}, nil)

// Describe implements prometheus.Collector.
func (c cacheCollector) Describe(descs chan<- *prometheus.Desc) { descs <- cacheTotal }

// Collect implements prometheus.Collector.
func (c cacheCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	counts := c.gone
	for cache := range c.caches {
		counts.add(cache)
	}
	c.mu.Unlock()
	for result, count := range map[string]uint64{
		"hit": counts.hits, "miss": counts.misses, "unknown": counts.unknown,
		"stale": counts.stale, "failure": counts.failures,
	} {
		metrics <- prometheus.MustNewConstMetric(cacheTotal, prometheus.CounterValue, float64(count), result)
	}
}
