package gatewaytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// soakTokens is the number of tokens in use at a time.
const soakTokens = 40

// admin creates and changes tokens until the end.
func (s *soak) admin(r *rand.Rand) {
	for s.on() {
		if t := s.reserve(r); t != nil {
			s.pause(r, 0, 60*time.Millisecond) // clients start to use it
			s.work(r, t)
			s.giveBack(t)
		} else {
			s.create(r)
		}
		s.pause(r, 0, 250*time.Millisecond)
	}
}

// reserve takes a token to work on, or returns nil if a new one is needed.
func (s *soak) reserve(r *rand.Rand) *soakToken {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	var live, free []*soakToken
	for _, t := range s.model.tokens {
		if !t.ended {
			live = append(live, t)
			if !t.busy {
				free = append(free, t)
			}
		}
	}
	if len(live) < soakTokens || len(free) == 0 {
		return nil
	}
	t := free[r.IntN(len(free))]
	t.busy = true
	s.hot = append(s.hot, t)
	if len(s.hot) > 4 {
		s.hot = slices.Delete(s.hot, 0, 1)
	}
	return t
}

func (s *soak) giveBack(t *soakToken) {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	t.busy = false
	// Tokens whose existence could not be determined are left to the check of
	// the audit trail.
	states := t.states()
	open := 0
	for _, c := range t.history {
		if c.outcome == unknown {
			open++
		}
	}
	if len(states) == 1 && (!states[0].exists || states[0].status == "revoked") || len(states) > 1 && open > 1 {
		t.ended = true
	}
}

// work changes a token.
func (s *soak) work(r *rand.Rand, t *soakToken) {
	s.model.mu.Lock()
	states := t.states()
	s.model.mu.Unlock()
	if len(states) == 0 {
		s.model.fail("token %s is nothing that it can be\n%s", t.id, t.describe(s.model.start))
		return
	}
	node := r.IntN(soakNodes)
	if len(states) > 1 {
		// A further change finds out whether the last one was made: an update always
		// changes something.
		s.change(t, s.draft(r, t, node, "update"), true)
		return
	}
	disabled := states[0].status == "disabled"
	switch n := r.IntN(100); {
	case n < 8:
		s.change(t, s.draft(r, t, node, "revoke"), false)
	case n < 13:
		s.change(t, s.draft(r, t, node, "delete"), false)
	case n < 20:
		s.duel(r, t, node)
	case n < 40:
		s.change(t, s.draft(r, t, node, "rotate"), false)
	case disabled:
		s.change(t, s.draft(r, t, node, "enable"), false)
	case n < 70:
		s.change(t, s.draft(r, t, node, "disable"), false)
	default:
		s.change(t, s.draft(r, t, node, "update"), false)
	}
}

// duel revokes a token on one node while the other one changes it.
func (s *soak) duel(r *rand.Rand, t *soakToken, node int) {
	actions := []string{"update", "rotate"}
	other := s.draft(r, t, 1-node, actions[r.IntN(len(actions))])
	revoke := s.draft(r, t, node, "revoke")
	// Of the two, only the revocation can be the last.
	s.model.mu.Lock()
	other.begin, revoke.begin = time.Now(), time.Now()
	t.history = append(t.history, other, revoke)
	s.model.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { s.send(other, true) })
	both.Go(func() { s.send(revoke, false) })
	both.Wait()
}

// draft returns a change that has not begun.
func (s *soak) draft(r *rand.Rand, t *soakToken, node int, action string) *soakChange {
	c := &soakChange{token: t, node: node, action: action, secret: noSecret}
	if action == "create" || action == "update" {
		c.scope = []string{"read", "write"}[r.IntN(2)]
	}
	if action == "rotate" {
		c.keeps = r.IntN(2) == 0
	}
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	c.number = len(s.model.changes) + 1
	c.name = fmt.Sprintf("soak %d", c.number)
	s.model.changes = append(s.model.changes, c)
	return c
}

func (s *soak) create(r *rand.Rand) {
	t := &soakToken{busy: true}
	c := s.draft(r, t, r.IntN(soakNodes), "create")
	t.owner = fmt.Sprintf("soak-%d@example.com", c.number)
	s.change(t, c, false)
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	t.busy = false
	if c.outcome == made {
		s.model.tokens = append(s.model.tokens, t)
	}
}

// change makes a change to a token that nobody else is working on. mayFail means that
// the token may have ended before, through a change whose outcome is unknown.
func (s *soak) change(t *soakToken, c *soakChange, mayFail bool) {
	s.model.mu.Lock()
	c.begin = time.Now()
	t.history = append(t.history, c)
	s.model.mu.Unlock()
	s.send(c, mayFail)
}

// call returns the admin request for the change.
func (c *soakChange) call() (method, path string, body map[string]any) {
	path = "/jira_tokens/tokens/" + c.token.id
	switch c.action {
	case "create":
		return "POST", "/jira_tokens/tokens", map[string]any{"owner": c.token.owner, "name": c.name, "scope": c.scope}
	case "update":
		return "PATCH", path, map[string]any{"name": c.name, "scope": c.scope}
	case "delete":
		return "DELETE", path, nil
	case "rotate":
		if c.keeps {
			body = map[string]any{"overlap": "1h"}
		}
	}
	return "POST", path + "/" + c.action, body
}

// send sends a change and records its outcome.
func (s *soak) send(c *soakChange, mayFail bool) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	method, path, body := c.call()
	status, answer, err := s.ask(c, method, path, body)
	end := time.Now()
	if status == http.StatusServiceUnavailable {
		heard()
	}

	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	c.end, c.answer = end, fmt.Sprintf("HTTP %d %.250s", status, strings.TrimSpace(hidden(answer)))
	c.token.refusals = 0
	s.counts["change: "+c.action]++
	switch {
	case err != nil:
		c.answer = err.Error()
		c.outcome = unknown
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			c.outcome = notMade
		}
		s.mustBe("a reload", c, s.model.weather.reloading(c.node, c.begin, end, soakDrained, reloaded, reloadedWithACache))
	case status == http.StatusOK || status == http.StatusCreated || status == http.StatusNoContent:
		c.outcome = made
		s.shown(c, answer)
	case status == http.StatusServiceUnavailable:
		c.outcome = notMade
		if strings.Contains(answer, "may or may not have been made") {
			c.outcome = unknown
		}
		s.mustBe("an outage", c, s.model.weather.storeMayBeAway(c.begin, end) || s.model.weather.any(c.begin, end, 0, connectionsCut))
	case status == http.StatusConflict || status == http.StatusNotFound:
		c.outcome = notMade
		s.mustBe("another change", c, mayFail)
		s.endedBefore(c, status)
	default:
		c.outcome = unknown
		s.mustBe("no", c, false)
	}
	s.counts["change: "+c.outcome.String()]++
	if len(c.token.states()) == 0 {
		s.model.violation("token %s is nothing that it can be:\n%s", c.token.id, c.token.describe(s.model.start))
	}
}

// hidden removes a token's secret from output.
func hidden(answer string) string { return plainToken.ReplaceAllString(answer, "jt_…") }

// mustBe reports an inexplicable response.
func (s *soak) mustBe(what string, c *soakChange, is bool) {
	if !is {
		s.model.violation("a change got an answer that only %s explains: %s\nhistory of the token:\n%sreloads and outages around:\n%s",
			what, c.describe(s.model.start), c.token.describe(s.model.start), s.model.weather.describe(s.model.start, c.begin, c.end))
	}
}

// shown records what the response to a change reveals.
func (s *soak) shown(c *soakChange, answer string) {
	if c.action == "delete" {
		return
	}
	var view issued
	if err := json.Unmarshal([]byte(answer), &view); err != nil {
		s.model.violation("change %d: %v in %s", c.number, err, hidden(answer))
		return
	}
	c.version = view.Version
	if view.Token != "" {
		c.token.id = view.ID
		c.secret = len(c.token.secrets)
		c.token.secrets = append(c.token.secrets, view.Token)
	}
}

// endedBefore resolves the change of unknown outcome that must have ended the token,
// since another change was rejected for that. It cannot be later than that response.
func (s *soak) endedBefore(c *soakChange, status int) {
	for _, earlier := range c.token.history {
		if earlier.outcome == unknown &&
			(earlier.action == "revoke" && status == http.StatusConflict || earlier.action == "delete" && status == http.StatusNotFound) {
			earlier.outcome, earlier.end, earlier.node = made, c.end, -1
		}
	}
}

// ask calls the admin endpoint of the change's node. The change's number serves as the
// actor, and appears in the audit trail.
func (s *soak) ask(c *soakChange, method, path string, body map[string]any) (status int, answer string, err error) {
	text := []byte{}
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return 0, "", err
		}
	}
	return s.adminCall(c.node, method, path, c.actor(), "application/json", string(text))
}

func (c *soakChange) actor() string { return fmt.Sprintf("soak/%d", c.number) }

// adminCall calls the admin endpoint of a node.
func (s *soak) adminCall(node int, method, path, actor, contentType, body string) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.nodes[node].admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("User-Agent", actor)
	request.Header.Set("Content-Type", contentType)
	response, err := s.http.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}
