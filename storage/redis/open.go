package redisstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// oldest is the first version of Redis that this is tested with.
const oldest = "7.0"

// Open looks at the server and warns of what could lose tokens. A server that
// is away is no reason to fail: it may be back in a moment, and until then
// every use of the store says that it is not.
func (s *store) Open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	where := zap.String("server", s.settings.describe())
	bounded, cancel := s.within(ctx)
	defer cancel()
	if err := s.client.Get(bounded, s.recordKey("")).Err(); err != nil && err != redis.Nil {
		s.logger.Warn("the token store cannot be reached yet", where, zap.Error(s.fail(ctx, "open it", err)))
		return nil
	}
	info, err := s.info(bounded)
	if err != nil {
		s.logger.Debug("the server does not tell its version and memory policy: is the user permitted +info?", where, zap.Error(err))
		return nil
	}
	if version := info["redis_version"]; version != "" && older(version, oldest) {
		s.logger.Warn("this version of Redis is older than what the token store is tested with",
			where, zap.String("version", version), zap.String("oldest", oldest))
	}
	if policy := info["maxmemory_policy"]; info["maxmemory"] != "0" && policy != "" && policy != "noeviction" {
		s.logger.Warn("Redis may evict tokens when its memory is full: set its maxmemory-policy to noeviction",
			where, zap.String("maxmemory", info["maxmemory"]), zap.String("maxmemory_policy", policy))
	}
	return nil
}

// info reads what the server that holds the tokens tells of itself. INFO tells
// all that CONFIG GET would, and is more often permitted.
func (s *store) info(ctx context.Context) (map[string]string, error) {
	var node redis.Cmdable = s.client
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, s.index)
		if err != nil {
			return nil, err
		}
		node = master
	}
	info := make(map[string]string)
	for _, section := range []string{"server", "memory"} {
		text, err := node.Info(ctx, section).Result()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[name] = value
			}
		}
	}
	return info, nil
}

// older tells whether version a is before version b, both major.minor[.patch].
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs), 2) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		if errX != nil || errY != nil || x != y {
			return errX == nil && errY == nil && x < y
		}
	}
	return false
}
