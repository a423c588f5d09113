package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

//go:embed uses.lua
var usesSource string

var saveUses = redis.NewScript(usesSource)

// usesAtOnce is the maximum number of uses that one script writes, since a script
// blocks the server.
const usesAtOnce = 250

// SaveUses records the last uses of tokens.
func (s *store) SaveUses(ctx context.Context, uses map[string]storage.Use) error {
	var keys []string
	var args []any
	save := func() error {
		bounded, cancel := s.within(ctx)
		defer cancel()
		if err := saveUses.Run(bounded, s.client, keys, args...).Err(); err != nil {
			return s.fail(ctx, "write when tokens were used", err)
		}
		keys, args = nil, nil
		return nil
	}
	for id, use := range uses {
		if keys == nil {
			keys, args = []string{s.uses, s.used}, []any{usedLife.Milliseconds()}
		}
		keys = append(keys, s.recordKey(id))
		args = append(args, id, formatUse(use))
		if len(keys) > usesAtOnce {
			if err := save(); err != nil {
				return err
			}
		}
	}
	if keys == nil {
		return nil
	}
	return save()
}

// usedLife is how long a token stays among those whose uses were saved.
const usedLife = 2 * time.Hour

// usedOverlap is how far the clocks of a primary and of the replica that takes over may
// differ.
const usedOverlap = 10 * time.Second

// UsedSince returns the tokens whose uses have been saved since the mark, which is a time
// on the server's clock, in milliseconds.
func (s *store) UsedSince(ctx context.Context, mark int64) (ids []string, next int64, err error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	now, err := s.client.Time(bounded).Result()
	if err != nil {
		return nil, 0, s.fail(ctx, "read the time", err)
	}
	next = now.Add(-usedOverlap).UnixMilli()
	switch {
	case mark < 0:
		return nil, next, nil
	case mark < now.Add(usedOverlap-usedLife).UnixMilli():
		return nil, next, storage.ErrTooOld
	}
	ids, err = s.client.ZRangeArgs(bounded, redis.ZRangeArgs{Key: s.used, Start: mark, Stop: "+inf", ByScore: true}).Result()
	if err != nil {
		return nil, 0, s.fail(ctx, "read which tokens were used", err)
	}
	return ids, next, nil
}

// Interface guard
var _ storage.UseFollower = (*store)(nil)

// Uses returns the last uses of the tokens with these ids.
func (s *store) Uses(ctx context.Context, ids []string) (map[string]storage.Use, error) {
	uses := make(map[string]storage.Use, len(ids))
	if len(ids) == 0 {
		return uses, nil
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	values, err := s.client.HMGet(bounded, s.uses, ids...).Result()
	if err != nil {
		return nil, s.fail(ctx, "read when tokens were used", err)
	}
	for i, value := range values {
		text, ok := value.(string)
		if !ok {
			continue // never used
		}
		// Ignore an invalid use; the next one overwrites it.
		if use, err := parseUse(text); err == nil {
			uses[ids[i]] = use
		}
	}
	return uses, nil
}

// latestMinute is in 9999, the last year that JSON can represent.
var latestMinute = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 60

// formatUse returns the minute, which the script compares, the address and the user
// agent, separated by spaces.
func formatUse(use storage.Use) string {
	address := "-"
	if use.Address.IsValid() {
		address = use.Address.String()
	}
	return strconv.FormatInt(use.At.Unix()/60, 10) + " " + address + " " + use.UserAgent
}

func parseUse(text string) (use storage.Use, err error) {
	minute, rest, _ := strings.Cut(text, " ")
	address, userAgent, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(minute, 10, 64)
	if err != nil {
		return use, err
	}
	if n < 0 || n > latestMinute {
		return use, fmt.Errorf("minute %d is out of range", n)
	}
	if address != "-" {
		if use.Address, err = netip.ParseAddr(address); err != nil {
			return use, err
		}
	}
	use.At, use.UserAgent = time.Unix(n*60, 0).UTC(), userAgent
	return use, nil
}
