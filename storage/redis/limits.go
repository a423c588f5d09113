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

// Take takes up to n requests from the bucket of a token.
func (s *store) Take(ctx context.Context, id string, limit token.Limit, n int) (storage.Grant, error) {
	// Leave some connections for reading tokens.
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
	result, err := s.allowAtMost(bounded, id, limit, n)
	if err == nil && result.RetryAfter > interval(limit)+clockSlack {
		// The server's clock was ahead when the bucket was written, and the bucket
		// would stay empty until the clock gets there again.
		if err = s.limiter.Reset(bounded, s.limitKey(id, limit)); err == nil {
			result, err = s.allowAtMost(bounded, id, limit, n)
		}
	}
	if _, answered := errors.AsType[redis.Error](err); answered && !redis.IsLoadingError(err) {
		// Reads may still work: the server may be a replica, be out of memory or
		// deny a permission.
		return storage.Grant{}, fmt.Errorf("cannot count requests: %s %s", s.settings.describe(), s.explain(ctx, err))
	}
	if err != nil {
		return storage.Grant{}, s.fail(ctx, "count requests", err)
	}
	return storage.Grant{Granted: result.Allowed, Remaining: result.Remaining, RetryAfter: result.RetryAfter}, nil
}

// allowAtMost takes n requests from a bucket, or one if it does not have n. The
// limiter's own AllowAtMost would also take a remaining fraction of a request,
// without granting anything for it.
func (s *store) allowAtMost(ctx context.Context, id string, limit token.Limit, n int) (*redis_rate.Result, error) {
	result, err := s.allow(ctx, id, limit, n)
	if err == nil && result.Allowed == 0 && n > 1 {
		result, err = s.allow(ctx, id, limit, 1)
	}
	return result, err
}

// clockSlack is how far a server's clock may go back before a bucket is reset.
const clockSlack = time.Second

// interval is the time in which an empty bucket gains one request.
func interval(limit token.Limit) time.Duration { return limit.Period / time.Duration(limit.Requests) }

func (s *store) allow(ctx context.Context, id string, limit token.Limit, n int) (*redis_rate.Result, error) {
	bucket := redis_rate.Limit{Rate: limit.Requests, Period: limit.Period, Burst: limit.Burst}
	return s.limiter.AllowN(ctx, s.limitKey(id, limit), bucket, n)
}

// limitKey returns the name of a bucket, which redis_rate prefixes with "rate:".
// Changing a limit starts a new, full bucket.
func (s *store) limitKey(id string, limit token.Limit) string {
	return s.key(fmt.Sprintf("limit:%s:%d:%d:%d", id, limit.Requests, limit.Period/time.Second, limit.Burst))
}

var _ storage.Limiter = (*store)(nil)
