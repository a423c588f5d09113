package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// needed returns the commands that an ACL user must be permitted to run, with
// arguments that the server can check permissions for.
func (r *settings) needed() [][]string {
	key, channel := r.key("token:"), r.key("changes")
	commands := [][]string{
		{"get", key},
		{"mget", key},
		{"set", key, ""},
		{"del", key},
		{"exists", key},
		{"hget", key, ""},
		{"hset", key, "", ""},
		{"hdel", key, ""},
		{"hlen", key},
		{"hmget", key, ""},
		{"zadd", key, "0", ""},
		{"zrem", key, ""},
		{"zrange", key, "0", "0"},
		{"zcard", key},
		{"zlexcount", key, "-", "+"},
		{"xadd", key, "*", "e", ""},
		{"xrange", key, "-", "+"},
		{"xrevrange", key, "+", "-"},
		{"xlen", key},
		{"xdel", key, "0"},
		{"eval", "", "0"},
		{"evalsha", "", "0"},
		{"publish", channel, ""},
		{"subscribe", channel},
		{"ping"},
		{"select", "0"},
		{"info"},
		{"wait", "0", "0"},
		{"time"},
	}
	if r.Cluster {
		commands = append(commands, []string{"cluster", "slots"}, []string{"asking"}, []string{"command"})
	}
	return commands
}

// permissions returns the ACL rules that the configured user needs.
func (r *settings) permissions() string {
	rules := []string{fmt.Sprintf("~{%s}:* ~rate:{%[1]s}:* &{%[1]s}:*", r.KeyPrefix)}
	for _, command := range r.needed() {
		rules = append(rules, "+"+permission(command))
	}
	return strings.Join(rules, " ")
}

// permission returns the name of a command in ACL rules.
func permission(command []string) string {
	if command[0] == "cluster" {
		return strings.Join(command, "|")
	}
	return command[0]
}

// askPermissions is a script that returns the positions of those of the given
// commands that the user may not run.
const askPermissions = `
local refused = {}
for i, command in ipairs(cjson.decode(ARGV[1])) do
	refused[#refused + 1] = not redis.acl_check_cmd(unpack(command)) and i or nil
end
return refused`

// missing returns the ACL rules that the user lacks, or "" if it cannot find out. The
// server's error is not enough: it names at best the command inside a script, and
// none at all in Redis 7.0.
func (s *store) missing(ctx context.Context) string {
	bounded, cancel := s.within(context.WithoutCancel(ctx))
	defer cancel()
	commands := s.settings.needed()
	bucket := len(commands) // index of the check of rate limits, which have other keys
	commands = append(commands, []string{"get", "rate:" + s.key("limit:")})
	list, err := json.Marshal(commands)
	if err != nil {
		return ""
	}
	node, err := s.primary(bounded)
	if err != nil {
		return ""
	}
	refused, err := node.Eval(bounded, askPermissions, nil, list).Int64Slice() // without keys, to which the user may have no access
	if err != nil {
		return ""
	}
	var rules []string
	keyed, refusedKeyed := 0, 0 // numbers of commands on a token's key
	for i, command := range commands[:bucket] {
		isKeyed := len(command) > 1 && command[1] == commands[0][1]
		isRefused := slices.Contains(refused, int64(i+1))
		if isKeyed {
			keyed++
		}
		if !isRefused {
			continue
		}
		if isKeyed {
			refusedKeyed++
		}
		if command[0] == "publish" || command[0] == "subscribe" {
			rules = append(rules, "&{"+s.settings.KeyPrefix+"}:*")
		}
		rules = append(rules, "+"+permission(command))
	}
	if refusedKeyed == keyed {
		rules = append([]string{"~{" + s.settings.KeyPrefix + "}:*"}, rules...)
	}
	if len(rules) == 0 && len(refused) > 0 {
		rules = []string{"~rate:{" + s.settings.KeyPrefix + "}:*"}
	}
	return strings.Join(slices.Compact(rules), " ")
}

// isPermissionError reports whether the user lacked the permission for a command,
// inside a script or outside.
func isPermissionError(err error) bool {
	return redis.IsPermissionError(err) || isScriptPermissionError(err)
}

// isScriptPermissionError reports whether the user lacked the permission for a
// command inside a script. It knows the messages of Redis 7.0 and of later versions.
func isScriptPermissionError(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "The user executing the script can't") ||
		strings.Contains(err.Error(), "ACL failure in script"))
}
