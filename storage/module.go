package storage

import "go.uber.org/zap"

// Module is a Caddy guest module in the namespace jira_tokens.stores: the
// configuration of a store. Provisioning and validating one connects to
// nothing and opens nothing.
type Module interface {
	// Key names the whole configuration: two configurations with one key can
	// share one store, so that a reload keeps its connections. It is no
	// secret: what is secret is in it as a hash only.
	Key() string

	// NewStore returns a store that is not connected yet.
	NewStore(logger *zap.Logger) (Store, error)
}
