package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Open looks at the server and warns of what could lose tokens. A server that
// is away is no reason to fail: it may be back in a moment, and until then
// every use of the store says that it is not.
func (s *store) Open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	err := s.client.Get(bounded, s.recordKey("")).Err()
	if _, answered := errors.AsType[redis.Error](err); err != nil && !answered {
		return nil
	}
	s.inspectIfDue(ctx, time.Now())
	return nil
}
