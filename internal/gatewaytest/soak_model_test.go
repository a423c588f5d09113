package gatewaytest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// soakModel knows what was done to every token and when, and judges the response to
// every request by that. All times are from this process's monotonic clock.
//
// A change takes place at a moment between the beginning and the end of its call. A node
// may respond by the state before it until the change's deadline there, and never after
// that.
type soakModel struct {
	seed  uint64
	start time.Time
	// found is closed with the first violation.
	found chan struct{}

	mu         sync.Mutex
	weather    weather
	tokens     []*soakToken
	changes    []*soakChange
	violations []string
}

func newSoakModel(seed uint64) *soakModel {
	return &soakModel{seed: seed, start: time.Now(), found: make(chan struct{})}
}

// soakToken is a token of the soak, guarded by the model's lock.
type soakToken struct {
	id, owner string
	// secrets are all secrets that it has had, oldest first.
	secrets []string
	// history has all changes, in an order in which they can have been made.
	history []*soakChange
	// busy means that an admin is working on it, ended that none will any more.
	busy, ended bool
	// refusals counts denied requests since the last change.
	refusals int
}

// outcome is what is known about a change.
type outcome int

const (
	underWay outcome = iota
	made
	notMade
	unknown // the response said so, or there was none
)

func (o outcome) String() string { return [...]string{"under way", "made", "not made", "unknown"}[o] }

// soakChange is a call that changes a token.
type soakChange struct {
	number     int // also the name of the actor in the audit trail
	token      *soakToken
	node       int // -1 if it only turned out later to have been made
	action     string
	scope      string // for create and update
	name       string // for create and update
	keeps      bool   // for rotate: the old secret still works
	secret     int    // for rotate and create: the new secret's index; noSecret if it was not shown
	version    uint64 // as returned; 0 if none was
	begin, end time.Time
	outcome    outcome
	answer     string
}

// Indexes for secrets that nobody has.
const noSecret = -1

// soakState is the state of a token after some changes.
type soakState struct {
	exists            bool
	status            string
	scope, name       string
	current, previous int // secrets that work
	version           uint64
}

// apply returns the state after a change, and whether the change was possible.
func (c *soakChange) apply(s soakState) (soakState, bool) {
	s.version++
	switch {
	case c.action == "create":
		return soakState{
			exists: true, status: "active", scope: c.scope, name: c.name,
			current: c.secret, previous: noSecret, version: 1,
		}, !s.exists
	case !s.exists:
		return s, false
	case c.action == "delete":
		return soakState{}, true
	case s.status == "revoked":
		return s, false
	}
	switch c.action {
	case "update":
		s.scope, s.name = c.scope, c.name
	case "disable":
		s.status = "disabled"
	case "enable":
		s.status = "active"
	case "revoke":
		s.status = "revoked"
	case "rotate":
		s.previous = noSecret
		if c.keeps {
			s.previous = s.current
		}
		s.current = c.secret
	}
	return s, true
}

// step returns the possible states after a change.
func (c *soakChange) step(states []soakState) []soakState {
	var after []soakState
	for _, s := range states {
		if next, ok := c.apply(s); ok && (c.version == 0 || next.version == c.version) {
			after = append(after, next)
		}
	}
	if c.outcome != made {
		after = append(after, states...)
	}
	slices.SortFunc(after, func(a, b soakState) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(after)
}

// states returns the states that the token can be in now.
func (t *soakToken) states() []soakState {
	states := []soakState{{}}
	for _, c := range t.history {
		if c.outcome != notMade {
			states = c.step(states)
		}
	}
	return states
}

// The result of a request that is allowed.
const soakPasses = "passes"

// soakRequest is a request with a token, and its result.
type soakRequest struct {
	number     int
	node       int
	token      *soakToken
	secret     int
	write      bool
	begin, end time.Time
	// result is soakPasses or the reason for the denial.
	result string
	answer string
}

// expect returns the result of a request at a node that sees the token in this state.
func (s soakState) expect(r *soakRequest) string {
	switch {
	case !s.exists || r.secret != s.current && r.secret != s.previous:
		return "invalid_token"
	case s.status == "revoked":
		return "token_revoked"
	case s.status == "disabled":
		return "token_disabled"
	case r.write && s.scope == "read":
		return "scope_insufficient"
	}
	return soakPasses
}

// judge reports a request whose result no state explains that its node may see.
func (m *soakModel) judge(r *soakRequest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.result != soakPasses {
		r.token.refusals++
	}
	if r.result == "store_unavailable" {
		if !m.weather.storeMayBeAway(r.begin, r.end) {
			m.report(r, "the store was not away")
		}
		return
	}
	var allowed []string
	remembered := soakGrace
	for _, s := range m.visible(r) {
		allowed = append(allowed, s.expect(r))
		if !s.exists {
			remembered = soakUnknown
		}
	}
	if gone := m.weather.goneFor(r.begin); gone > remembered && m.weather.goneFor(r.end) > gone {
		m.report(r, fmt.Sprintf("the store was away for %s, and nothing can be remembered so long", gone))
		return
	}
	if !slices.Contains(allowed, r.result) {
		slices.Sort(allowed)
		m.report(r, "want "+strings.Join(slices.Compact(allowed), " or "))
	}
}

// visible returns the states in which the node may see the token during a request.
func (m *soakModel) visible(r *soakRequest) []soakState {
	states := []soakState{{}}
	visible := states
	for i, c := range r.token.history {
		if c.outcome == notMade {
			continue
		}
		if c.begin.After(r.end) {
			break
		}
		states = c.step(states)
		if c.outcome == made && m.deadline(r, i).Before(r.begin) {
			visible = nil
		}
		visible = append(slices.Clip(visible), states...)
	}
	return visible
}

// never is later than any request.
const never = 1000 * time.Hour

// deadline returns when the node of a request must start to honor a change that was
// made. It follows from docs/architecture.md, "The cache".
func (m *soakModel) deadline(r *soakRequest, change int) time.Time {
	c := r.token.history[change]
	switch {
	case c.action == "create":
		return c.end // no node can have it in memory
	case c.node == r.node && !m.weather.reloading(r.node, c.begin, c.end, 0, reloadedWithACache):
		return c.end
	}
	// The node trusts what it read before the change, or wrote itself.
	believed := c.end
	for _, earlier := range r.token.history[:change] {
		if earlier.node == r.node && earlier.outcome == underWay {
			return c.end.Add(never)
		}
		if earlier.node == r.node && earlier.end.After(believed) {
			believed = earlier.end
		}
	}
	pushed := believed.Add(soakPush)
	if m.weather.any(c.begin, pushed, soakSubscribed, storeAway) {
		pushed = c.end.Add(never) // the node may not have been notified
	}
	if m.weather.storeMayBeAway(r.begin, r.end) {
		// A node that knows about the change never serves an older state. One that
		// only knows that it missed something may, through the grace period.
		if m.weather.any(c.begin, pushed, 0, subscriptionsCut, connectionsCut) ||
			m.weather.reloading(r.node, c.begin, pushed, 0, reloadedWithACache) {
			pushed = c.end.Add(never)
		}
		return earliest(pushed, believed.Add(soakGrace))
	}
	return earliest(pushed, believed.Add(soakTTL))
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// report records a violation by a request. The caller holds the lock.
func (m *soakModel) report(r *soakRequest, why string) {
	method := "GET"
	if r.write {
		method = "PUT"
	}
	m.violation("request %d, a %s on node %d with secret %d of token %s, from %s to %s, got %s, %s\nanswer: %s\nhistory of the token:\n%sreloads and outages around:\n%s",
		r.number, method, r.node, r.secret, r.token.id, since(m.start, r.begin), since(m.start, r.end), r.result, why,
		r.answer, r.token.describe(m.start), m.weather.describe(m.start, r.begin, r.end))
}

// fail records a violation that no request belongs to.
func (m *soakModel) fail(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.violation(format, args...)
}

// violation records a violation. The caller holds the lock.
func (m *soakModel) violation(format string, args ...any) {
	if len(m.violations) == 0 {
		close(m.found)
	}
	if len(m.violations) < 5 {
		m.violations = append(m.violations, fmt.Sprintf("seed %d, at %s: ", m.seed, since(m.start, time.Now()))+fmt.Sprintf(format, args...))
	}
}

func (t *soakToken) describe(start time.Time) string {
	var b strings.Builder
	for _, c := range t.history {
		fmt.Fprintf(&b, "  %s\n", c.describe(start))
	}
	return b.String()
}

func (c *soakChange) describe(start time.Time) string {
	detail := ""
	switch c.action {
	case "create", "update":
		detail = " scope " + c.scope
	case "rotate":
		detail = fmt.Sprintf(" to secret %d, the old one works on: %t", c.secret, c.keeps)
	}
	return fmt.Sprintf("change %d on node %d from %s to %s: %s%s: %s, version %d (%s)",
		c.number, c.node, since(start, c.begin), since(start, c.end), c.action, detail, c.outcome, c.version, c.answer)
}

// begins records the start of a spell of trouble, which the returned function ends.
func (m *soakModel) begins(s *spell) (ends func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.from.IsZero() {
		s.from = time.Now()
	}
	m.weather = append(m.weather, s)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		s.to = time.Now()
	}
}

// gone records that the store does not respond to anybody from now on in this spell.
func (m *soakModel) gone(s *spell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.gone = time.Now()
}

// answersAgain records that the store may respond again.
func (m *soakModel) answersAgain(s *spell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.gone = time.Time{}
}
