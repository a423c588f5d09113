package pool

import (
	"iter"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const namespace = "jira_tokens"

// Metrics are the metrics of one store and of what is in front of it. They live as long
// as the store, so that counts survive a reload.
type Metrics struct {
	requests  *prometheus.CounterVec
	decision  prometheus.Histogram
	storeTime *prometheus.HistogramVec
	storeUp   prometheus.Gauge
	active    prometheus.Gauge
	notices   *prometheus.CounterVec
	expiring  *prometheus.GaugeVec
	auditLost prometheus.Counter

	// counters caches the counters of requests by outcome, since finding one by its
	// labels takes a lock that all requests share.
	counters sync.Map

	mu     sync.Mutex
	caches map[*storage.Cache]struct{}
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
		auditLost: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "audit_lost_total",
			Help: "Events about requests that are missing in the audit trail, because the store did not take them for too long.",
		}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "notices_total",
			Help: "Notices by receiver (a webhook's name, or events for Caddy events and the log) and result: delivered, failed (an attempt, which is repeated) or dropped (too old, or too many waited).",
		}, []string{"receiver", "result"}),
		expiring: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "expiring",
			Help: "Tokens that work and expire within this time, as of the last scan by any gateway with this store. The times include the shorter ones.",
		}, []string{"within"}),
		caches: make(map[*storage.Cache]struct{}),
	}
}

var accountUp = prometheus.NewDesc(namespace+"_account_up",
	"Whether Jira accepts the account: 1 until Jira refuses it.", []string{"account"}, nil)

// Describe describes the metrics that Collect collects from any store.
func Describe(descs chan<- *prometheus.Desc) {
	for _, collector := range newMetrics().collectors() {
		collector.Describe(descs)
	}
	descs <- accountUp
}

// Collect collects the metrics, with an account_up for each of accounts, which yields
// names and whether Jira accepts the account.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric, accounts iter.Seq2[string, bool]) {
	for _, collector := range m.collectors() {
		collector.Collect(metrics)
	}
	for name, up := range accounts {
		metrics <- prometheus.MustNewConstMetric(accountUp, prometheus.GaugeValue, upIf(up), name)
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.decision, m.storeTime, m.storeUp, m.active, m.notices, m.expiring, m.auditLost, cacheCollector{m}}
}

// Noticed counts notices.
func (m *Metrics) Noticed(receiver, result string, n int) {
	m.notices.WithLabelValues(receiver, result).Add(float64(n))
}

// Expiring records how many tokens expire within a time.
func (m *Metrics) Expiring(within string, n int) { m.expiring.WithLabelValues(within).Set(float64(n)) }

// upIf returns the value of an up gauge.
func upIf(up bool) float64 {
	if up {
		return 1
	}
	return 0
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
