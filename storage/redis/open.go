package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Open inspects the server and logs warnings about settings with which tokens could
// be lost. It does not fail if the server is down: it may be back in a moment, and
// until then every use of the store returns an error.
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
