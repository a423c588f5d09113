package jiratokens

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jiratokens/caddy-jira-tokens/pool"
)

func init() {
	caddy.RegisterModule(adminMetrics{})
}

// metrics collects the metrics of the running configuration, whichever configuration's
// registry it is in: after a reload that failed, Caddy's admin endpoint serves the
// registry of the configuration that failed.
type metrics struct{}

// Describe implements prometheus.Collector.
func (metrics) Describe(descs chan<- *prometheus.Desc) { pool.Describe(descs) }

// Collect implements prometheus.Collector.
func (metrics) Collect(found chan<- prometheus.Metric) {
	running, err := caddy.ActiveContext().AppIfConfigured("jira_tokens")
	if err != nil {
		return // not started yet, or without the app
	}
	if a, ok := running.(*App); ok {
		a.tokens.Store.Metrics.Collect(found, a.accountStates())
	}
}

// registerMetrics adds the metrics to a configuration's registry.
func registerMetrics(ctx caddy.Context) error {
	err := ctx.GetMetricsRegistry().Register(metrics{})
	if errors.As(err, new(prometheus.AlreadyRegisteredError)) {
		return nil
	}
	return err
}

// adminMetrics adds the metrics to the registry that Caddy's admin endpoint serves.
// The app does so too, for other endpoints, but only once it is provisioned: a
// configuration can fail before that.
type adminMetrics struct{}

// CaddyModule returns the Caddy module information.
func (adminMetrics) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.jira_tokens_metrics",
		New: func() caddy.Module { return new(adminMetrics) },
	}
}

// Provision adds the metrics.
func (*adminMetrics) Provision(ctx caddy.Context) error { return registerMetrics(ctx) }

// Routes implements caddy.AdminRouter. The metrics are served at /metrics.
func (*adminMetrics) Routes() []caddy.AdminRoute { return nil }

// Interface guards
var (
	_ caddy.Provisioner    = (*adminMetrics)(nil)
	_ caddy.AdminRouter    = (*adminMetrics)(nil)
	_ prometheus.Collector = metrics{}
)
