package redisstore

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// The server is inspected every hour: its settings change without us. One that
// could not be asked is asked again soon.
const (
	inspectEvery = time.Hour
	inspectAgain = time.Minute
)

// oldest is the first version of Redis that this is tested with.
const oldest = "7.0"

// inspection is when the server is looked at next.
type inspection struct {
	mu  sync.Mutex
	due time.Time
}

// inspectIfDue inspects the server unless somebody else does or has.
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
		s.inspection.due = now.Add(inspectAgain)
		s.logger.Debug("the server cannot be inspected: is the user permitted +info?",
			zap.String("server", s.settings.describe()), zap.Error(err))
	}
}

// inspect warns of settings that could lose tokens, at every inspection.
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
		log.Warn("the token store is one node of a Redis Cluster: with the tokens' slot on another node, or moved there, " +
			"nothing works: add the option cluster")
	}
	if info["role"] == "slave" {
		log.Warn("the token store is a replica: no token can be created, changed or revoked here: give the address of the primary, or use sentinel_master",
			zap.String("primary", info["master_host"]+":"+info["master_port"]), zap.String("link", info["master_link_status"]))
	}
	// A Valkey says here which Redis it is like, 7.2 or later.
	if version := info["redis_version"]; version != "" && older(version, oldest) {
		log.Warn("this version of Redis is older than what the token store is tested with: run "+oldest+" or later",
			zap.String("version", version))
	}
	if policy := info["maxmemory_policy"]; info["maxmemory"] != "0" && policy != "" && policy != "noeviction" {
		log.Warn("Redis may evict tokens when its memory is full: set its maxmemory-policy to noeviction",
			zap.String("maxmemory", info["maxmemory"]), zap.String("maxmemory_policy", policy))
	}
	if info["aof_enabled"] == "0" && savesNothing(bounded, node) {
		log.Warn("Redis keeps nothing on disk: tokens, and what revoked them, are gone when it restarts: set its appendonly to yes")
	}
	if have, want := replicas(info), s.settings.MinReplicas; info["role"] == "master" && have < want {
		log.Warn("Redis has fewer replicas than min_replicas: no token can be created, changed or revoked",
			zap.Int("replicas", have), zap.Int("min_replicas", want))
	}
	return nil
}

// savesNothing reports whether the server is known to make no snapshots. INFO
// does not say so, and who may not ask further, as on many managed services,
// does not know.
func savesNothing(ctx context.Context, node *redis.Client) bool {
	points, err := node.ConfigGet(ctx, "save").Result()
	save, known := points["save"]
	return err == nil && known && save == ""
}

// infoOf reads what a server tells of itself. INFO tells nearly all that CONFIG
// GET would, and is more often permitted.
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
