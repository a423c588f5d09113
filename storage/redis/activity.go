package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

//go:embed activity.lua
var activitySource string

const (
	// batchLife is how long Redis remembers a batch of activity, so that adding it again
	// has no effect: longer than a node waits before it tries again.
	batchLife = 10 * time.Minute
	// activityLife is how long Redis keeps a token's activity after it was last used.
	activityLife = (storage.DaysKept + 1) * 24 * time.Hour
)

func (s *store) activityKey(id string) string { return s.key("activity:" + id) }

// AddActivity adds to how much tokens were used, in one script.
func (s *store) AddActivity(ctx context.Context, batch storage.ActivityBatch) error {
	if len(batch.Counts) == 0 {
		return nil
	}
	keys := []string{s.key("receipt:" + batch.ID)}
	args := []any{batchLife.Milliseconds(), activityLife.Milliseconds(), int(batch.Today.Oldest())}
	for day, counts := range batch.Counts {
		keys = append(keys, s.recordKey(day.TokenID), s.activityKey(day.TokenID))
		args = append(args, int(day.Day), counts.Requests, counts.Denials, counts.Bytes)
	}
	_, err := s.write(ctx, "write how much tokens were used", s.addActivity, keys, args)
	return err
}

// Activity returns how much a token was used on each day.
func (s *store) Activity(ctx context.Context, id string, since storage.Day) ([]storage.Activity, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	text, err := s.client.Get(bounded, s.activityKey(id)).Result()
	switch {
	case errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "WRONGTYPE"): // the next use overwrites it
		return nil, nil
	case err != nil:
		return nil, s.fail(ctx, "read how much tokens were used", err)
	}
	var activity []storage.Activity
	for entry := range strings.SplitSeq(text, ",") {
		day, rest, _ := strings.Cut(entry, " ")
		n, err := strconv.Atoi(day)
		counts, ok := storage.ParseCounts(rest)
		if err == nil && ok && storage.Day(n) >= since {
			activity = append(activity, storage.Activity{Day: storage.Day(n), Counts: counts})
		}
	}
	slices.Reverse(activity)
	return activity, nil
}
