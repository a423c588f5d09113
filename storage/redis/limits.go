package redisstore

import (
	"context"
	"fmt"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Take takes up to most requests out of the bucket of a token. The bucket is a
// key that redis_rate names with "rate:" before the prefix of all others.
func (s *store) Take(ctx context.Context, id string, limit token.Limit, most int) (storage.Grant, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	result, err := redis_rate.NewLimiter(s.client).AllowAtMost(bounded, s.key("limit:"+id),
		redis_rate.Limit{Rate: limit.Requests, Period: limit.Period, Burst: limit.Burst}, most)
	if _, answered := err.(redis.Error); answered && !redis.IsLoadingError(err) {
		// Reading may well go on: a replica, a full memory, a missing permission.
		return storage.Grant{}, fmt.Errorf("%s does not count requests: %w", s.settings.describe(), err)
	}
	if err != nil {
		return storage.Grant{}, s.fail(ctx, "count requests", err)
	}
	return storage.Grant{Granted: result.Allowed, Remaining: result.Remaining, RetryAfter: result.RetryAfter}, nil
}

var _ storage.Limiter = (*store)(nil)
