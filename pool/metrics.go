package pool

import (
	"iter"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const namespace = "jira_tokens"

// Metrics are those of one store and what is in front of it. They live as long
// as the store, so that a reload of the configuration loses no count, and are
// registered anew with every configuration's registry.
type Metrics struct {
	requests  *prometheus.CounterVec
	decision  prometheus.Histogram
	storeTime *prometheus.HistogramVec
	storeUp   prometheus.Gauge
	accountUp *prometheus.GaugeVec
	active    prometheus.Gauge

	mu     sync.Mutex
	caches map[*storage.Cache]struct{}
	// gone holds the counts of caches that are no more.
	gone cacheCounts
}

type cacheCounts struct{ hits, misses, unknown, stale, failures uint64 }

func newMetrics() *Metrics {
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "requests_total",
			Help: "Requests by decision (allowed, denied, or passed: no token, front site), reason of the denial and access (what the operation does in Jira).",
		}, []string{"decision", "reason", "access"}),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "decision_seconds",
			Help:    "Time to decide about a request.",
			Buckets: []float64{1e-6, 2e-6, 5e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1},
		}),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_seconds",
			Help:    "Time of calls to the token store, by operation.",
			Buckets: []float64{1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10},
		}, []string{"op"}),
		storeUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "store_up",
			Help: "Whether the token store answers: 0 while requests are decided without it.",
		}),
		accountUp: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "account_up",
			Help: "Whether Jira takes the account: 1 until it was seen to refuse it.",
		}, []string{"account"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "active",
			Help: "Tokens that were used through this gateway in the last full minute.",
		}),
		caches: make(map[*storage.Cache]struct{}),
	}
}

// AccountsConfigured begins anew: what was seen of the accounts of an earlier
// configuration says nothing of these.
func (m *Metrics) AccountsConfigured(names iter.Seq[string]) {
	m.accountUp.Reset()
	for name := range names {
		m.AccountChanged(name, true)
	}
}

// AccountChanged says whether Jira takes the account.
func (m *Metrics) AccountChanged(account string, accepted bool) {
	m.accountUp.WithLabelValues(account).Set(upIf(accepted))
}

// upIf is the value of a gauge that says whether something is up.
func upIf(up bool) float64 {
	if up {
		return 1
	}
	return 0
}

// Register makes the metrics known to a configuration's registry. Two apps
// never share one; a second registration is a fault.
func (m *Metrics) Register(registry *prometheus.Registry) error {
	for _, collector := range []prometheus.Collector{m.requests, m.decision, m.storeTime, m.storeUp, m.accountUp, m.active, cacheCollector{m}} {
		if err := registry.Register(collector); err != nil {
			return err
		}
	}
	return nil
}

// Decided counts a decision about a request, and the time that it took.
func (m *Metrics) Decided(decision, reason, access string, took time.Duration) {
	m.requests.WithLabelValues(decision, reason, access).Inc()
	m.decision.Observe(took.Seconds())
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

// unwatch keeps the counts of a cache that is given up.
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

// cacheCollector collects what the caches count themselves.
type cacheCollector struct{ *Metrics }

var cacheTotal = prometheus.NewDesc(namespace+"_cache_total",
	"Lookups of tokens by what the cache said: hit, miss, unknown (an id remembered to be no token's), "+
		"stale (served while the store was unavailable) and failure (not served for that).",
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
