package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Take takes up to most requests out of the bucket of a token.
func (s *store) Take(ctx context.Context, id string, limit token.Limit, most int) (storage.Grant, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	result, err := s.allow(bounded, id, limit, most)
	if err == nil && result.Allowed == 0 && most > 1 {
		// AllowAtMost would do both at once, but takes the fraction of a
		// request that is left, too, and grants nothing for it.
		result, err = s.allow(bounded, id, limit, 1)
	}
	if _, answered := errors.AsType[redis.Error](err); answered && !redis.IsLoadingError(err) {
		// Reading may well go on: a replica, a full memory, a missing permission.
		return storage.Grant{}, fmt.Errorf("cannot count requests: %s %s (%w)", s.settings.describe(), explain(err, s.settings), err)
	}
	if err != nil {
		return storage.Grant{}, s.fail(ctx, "count requests", err)
	}
	return storage.Grant{Granted: result.Allowed, RetryAfter: result.RetryAfter}, nil
}

func (s *store) allow(ctx context.Context, id string, limit token.Limit, n int) (*redis_rate.Result, error) {
	bucket := redis_rate.Limit{Rate: limit.Requests, Period: limit.Period, Burst: limit.Burst}
	return s.limiter.AllowN(ctx, s.limitKey(id, limit), bucket, n)
}

// limitKey names a bucket; redis_rate puts "rate:" before it. A limit that was
// changed has another one, which is full.
func (s *store) limitKey(id string, limit token.Limit) string {
	return s.key(fmt.Sprintf("limit:%s:%d:%d:%d", id, limit.Requests, limit.Period/time.Second, limit.Burst))
}

var _ storage.Limiter = (*store)(nil)
