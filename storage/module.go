package storage

import (
	"context"

	"go.uber.org/zap"
)

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

// A Module may also be a fmt.Stringer: messages then name the store so. It must
// not show secrets. Without it they show its Key.

// MayBeginEmpty is a Module whose configuration can say that the store may be
// empty where the running configuration's has tokens. That is an error otherwise.
type MayBeginEmpty interface {
	MayBeginEmpty() bool
}

// Counter is a store that can say how many records it has without reading them.
type Counter interface {
	Count(ctx context.Context) (int, error)
}
