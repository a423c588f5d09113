package storage

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Limiter is a store that can count the requests of all nodes together. With other
// stores, each node counts its own requests.
type Limiter interface {
	// Take takes up to n requests from the bucket of the token with this id. An
	// error with ErrUnavailable in its chain means that the store is away; any other
	// error means that it cannot count.
	Take(ctx context.Context, id string, limit token.Limit, n int) (Grant, error)
}

// Grant is what a store took from a bucket.
type Grant = token.Grant
