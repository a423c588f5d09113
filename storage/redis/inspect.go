package redisstore

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// The server is inspected every hour, since its settings may change at any time, and
// sooner after a failed inspection.
const (
	inspectEvery = time.Hour
	inspectRetry = time.Minute
)

// oldest is the oldest version of Redis that we test with.
const oldest = "7.0"

// inspection holds the time of the next inspection.
type inspection struct {
	mu  sync.Mutex
	due time.Time
}

// inspectIfDue inspects the server if an inspection is due and none is running.
func (s *store) inspectIfDue(ctx context.Context, now time.Time) {
	if !s.inspection.mu.TryLock() {
		return
	}
	defer s.inspection.mu.Unlock()
	if now.Before(s.inspection.due) {
		return
	}
	s.inspection.due = now.Add(inspectEvery)
	if err := s.inspect(ctx); err != nil {
		s.inspection.due = now.Add(inspectRetry)
		s.logger.Debug("cannot inspect the server: does the user have +info?",
			zap.String("server", s.settings.describe()), zap.Error(err))
	}
}

// inspect logs warnings about settings with which tokens could be lost.
func (s *store) inspect(ctx context.Context) error {
	bounded, cancel := s.within(ctx)
	defer cancel()
	node, err := s.primary(bounded)
	if err != nil {
		return err
	}
	info, err := infoOf(bounded, node, "server", "memory", "persistence", "replication")
	if err != nil {
		return err
	}
	log := s.logger.With(zap.String("server", s.settings.describe()))
	if info["redis_mode"] == "cluster" && !s.settings.Cluster {
		log.Warn("the token store is a node of a Redis Cluster, and stops working if the tokens' slot is on another node: " +
			"add the option cluster")
	}
	if info["role"] == "slave" {
		log.Warn("the token store is a replica, so tokens cannot be created, changed or revoked: configure the address of the primary, or use sentinel_master",
			zap.String("primary", info["master_host"]+":"+info["master_port"]), zap.String("link", info["master_link_status"]))
	}
	// Valkey reports the version of Redis that it is compatible with, 7.2 or later.
	if version := info["redis_version"]; version != "" && older(version, oldest) {
		log.Warn("this version of Redis is too old to be supported: upgrade to "+oldest+" or later",
			zap.String("version", version))
	}
	if policy := info["maxmemory_policy"]; info["maxmemory"] != "0" && policy != "" && policy != "noeviction" {
		log.Warn("Redis may evict tokens when its memory is full: set its maxmemory-policy to noeviction",
			zap.String("maxmemory", info["maxmemory"]), zap.String("maxmemory_policy", policy))
	}
	if info["aof_enabled"] == "0" && savesNothing(bounded, node) {
		log.Warn("Redis keeps nothing on disk, so all tokens are lost when it restarts: set its appendonly to yes")
	}
	if have, want := replicas(info), s.settings.MinReplicas; info["role"] == "master" && have < want {
		log.Warn("Redis has fewer replicas than min_replicas, so tokens cannot be created, changed or revoked",
			zap.Int("replicas", have), zap.Int("min_replicas", want))
	}
	return nil
}

// Lineage returns the ID of the history that the primary replicates. A replica that takes
// over begins another one: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
func (s *store) Lineage(ctx context.Context) (string, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	node, err := s.primary(bounded)
	if err != nil {
		return "", err
	}
	info, err := infoOf(bounded, node, "replication")
	return info["master_replid"], err
}

// savesNothing reports whether the server is known not to make snapshots. INFO does
// not tell, and CONFIG GET, which does, is often not permitted on managed services.
func savesNothing(ctx context.Context, node *redis.Client) bool {
	points, err := node.ConfigGet(ctx, "save").Result()
	save, known := points["save"]
	return err == nil && known && save == ""
}

// infoOf returns sections of a server's INFO. It has nearly everything that CONFIG
// GET has, and is more often permitted.
func infoOf(ctx context.Context, node *redis.Client, sections ...string) (map[string]string, error) {
	info := make(map[string]string)
	for _, section := range sections {
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

// older reports whether version a is older than version b, both major.minor[.patch].
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

// Interface guard
var _ storage.Lineage = (*store)(nil)
