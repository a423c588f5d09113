package storage

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Limiter is a store that can count requests for all nodes together. With a
// store that is none, each node counts its own.
type Limiter interface {
	// Take takes up to most requests out of the bucket of the token with this
	// id. An error with ErrUnavailable in its chain says that the store is
	// away; any other that it cannot count.
	Take(ctx context.Context, id string, limit token.Limit, most int) (Grant, error)
}

// Grant is what a store granted out of a bucket.
type Grant = token.Grant
