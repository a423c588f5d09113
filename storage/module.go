package storage

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Module is a Caddy guest module in the namespace jira_tokens.stores: the
// configuration of a store. Provisioning and validating it must not connect to or
// open anything.
type Module interface {
	// Key identifies the whole configuration: two configurations with the same key
	// share a store, so that a reload keeps its connections. The key is not secret:
	// it contains secrets only as a hash.
	Key() string

	// NewStore returns a store that is not connected yet.
	NewStore(logger *zap.Logger) (Store, error)
}

// A Module may also be a fmt.Stringer that describes the store in messages, without
// secrets. Otherwise, messages show its Key.

// MayBeginEmpty is a Module whose configuration can allow a reload from a store that
// has tokens to one that is empty, which is an error otherwise.
type MayBeginEmpty interface {
	MayBeginEmpty() bool
}

// Counter is a store that can count its records without reading them.
type Counter interface {
	Count(ctx context.Context) (int, error)
}

// Lineage is a store whose server can be replaced by another one, which may lack the
// newest changes.
type Lineage interface {
	// Lineage identifies the server's history. It is another one after a failover, and
	// after a restart.
	Lineage(ctx context.Context) (string, error)
}

// ExpiryCounter is a store that can count the tokens that work and expire within each of
// several times, without reading records.
type ExpiryCounter interface {
	CountExpiring(ctx context.Context, now time.Time, within []time.Duration) ([]int, error)
}
