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
	// Not all connections: tokens are to be read meanwhile.
	waiting, cancel := s.within(ctx)
	defer cancel()
	select {
	case s.taking <- struct{}{}:
		defer func() { <-s.taking }()
	case <-waiting.Done():
		return storage.Grant{}, fmt.Errorf("cannot count requests: %s %s", s.settings.describe(), explain(storage.ErrBusy, s.settings))
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	result, err := s.allowAtMost(bounded, id, limit, most)
	if err == nil && result.RetryAfter > interval(limit)+clockSlack {
		// The server's clock was ahead when the bucket was written: it would
		// be empty until the clock is there again.
		if err = s.limiter.Reset(bounded, s.limitKey(id, limit)); err == nil {
			result, err = s.allowAtMost(bounded, id, limit, most)
		}
	}
	if _, answered := errors.AsType[redis.Error](err); answered && !redis.IsLoadingError(err) {
		// Reading may well go on: a replica, a full memory, a missing permission.
		return storage.Grant{}, fmt.Errorf("cannot count requests: %s %s", s.settings.describe(), s.explain(ctx, err))
	}
	if err != nil {
		return storage.Grant{}, s.fail(ctx, "count requests", err)
	}
	return storage.Grant{Granted: result.Allowed, RetryAfter: result.RetryAfter}, nil
}

// allowAtMost takes n requests out of a bucket, or one if it has not as many.
// The limiter's own AllowAtMost takes the fraction of a request that is left,
// too, and grants nothing for it.
func (s *store) allowAtMost(ctx context.Context, id string, limit token.Limit, n int) (*redis_rate.Result, error) {
	result, err := s.allow(ctx, id, limit, n)
	if err == nil && result.Allowed == 0 && n > 1 {
		result, err = s.allow(ctx, id, limit, 1)
	}
	return result, err
}

// clockSlack is how far a server's clock may go back before buckets notice.
const clockSlack = time.Second

// interval is how long an empty bucket needs for one more request.
func interval(limit token.Limit) time.Duration { return limit.Period / time.Duration(limit.Requests) }

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
