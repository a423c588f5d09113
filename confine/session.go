package confine

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// How long answers are remembered. For the membership of issues the guard's ttl
// applies instead.
const (
	// deploymentLifetime is for whether this is Jira Cloud.
	deploymentLifetime = time.Hour
	// projectLifetime is for the current keys of projects, and for the fields.
	projectLifetime = 10 * time.Minute
	// thingLifetime is for what boards, versions and other things belong to.
	thingLifetime = time.Minute
)

// session answers the questions that one request raises.
type session struct {
	guard *Guard
	view  *View
	jira  Jira
	// fresh is set for requests that change something. They are decided by answers
	// that Jira gave after the request came; see [current].
	fresh bool
	// explains is set to add hints for administrators to refusals.
	explains bool
	// questions counts the requests to Jira.
	questions atomic.Int64

	mu sync.Mutex
	// asked holds the answers that a fresh session has received.
	asked map[string]any
	// inside are the issues that are known to be inside, by ID and by key as Jira
	// returned them.
	inside map[string]bool
	// boards are the IDs of the boards that are known to be inside.
	boards map[string]bool
}

func (g *Guard) session(v *View, j Jira, fresh bool) *session {
	return &session{
		guard: g, view: v, jira: j, fresh: fresh,
		asked: make(map[string]any), inside: make(map[string]bool), boards: make(map[string]bool),
	}
}

// memo returns what look finds out about this Jira as the account sees it, and
// remembers it under key for lifetime. It is for answers that may be that old even
// when they decide about a change; for all others, use [current].
func memo[T any](ctx context.Context, s *session, key string, lifetime time.Duration, look func(context.Context) (T, error)) (T, error) {
	value, err := s.guard.memory.get(ctx, s.key(key), lifetime, func(ctx context.Context) (any, error) { return look(ctx) })
	if err != nil {
		var none T
		return none, err
	}
	return value.(T), nil
}

// current is like memo, but looks anew once for each request that changes something.
func current[T any](ctx context.Context, s *session, key string, lifetime time.Duration, look func(context.Context) (T, error)) (T, error) {
	if !s.fresh {
		return memo(ctx, s, key, lifetime, look)
	}
	s.mu.Lock()
	known, ok := s.asked[key]
	s.mu.Unlock()
	if ok {
		return known.(T), nil
	}
	value, err := look(ctx)
	if err != nil {
		return value, err
	}
	s.mu.Lock()
	s.asked[key] = value
	s.mu.Unlock()
	s.guard.memory.put(s.key(key), value, lifetime)
	return value, nil
}

// known returns what is remembered under key; nil if nothing is.
func (s *session) known(key string) any {
	s.mu.Lock()
	value, ok := s.asked[key]
	s.mu.Unlock()
	if !ok {
		value, _ = s.guard.memory.peek(s.key(key))
	}
	return value
}

// key returns the key under which the guard remembers something about this Jira.
func (s *session) key(name string) string { return s.jira.Key() + "\n" + name }

// isCloud reports whether this is Jira Cloud.
func (s *session) isCloud(ctx context.Context) (bool, error) {
	return memo(ctx, s, "deployment", deploymentLifetime, func(ctx context.Context) (bool, error) {
		var info struct {
			DeploymentType string `json:"deploymentType"`
		}
		found, err := s.get(ctx, "/rest/api/2/serverInfo", &info)
		if err == nil && !found {
			err = unanswered(errNoServerInfo)
		}
		// Data Center says "Server".
		return info.DeploymentType == "Cloud", err
	})
}

// trimmed returns an ID, which Jira writes as a number or as a string.
func trimmed(id jsontext.Value) string { return strings.Trim(string(id), `"`) }

// isNumber reports whether s can be an ID: digits that fit into 64 bits.
func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil && s[0] != '-' && s[0] != '+'
}
