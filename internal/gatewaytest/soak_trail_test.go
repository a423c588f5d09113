package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// soakEvent is an event in the audit trail, as far as the soak needs it.
type soakEvent struct {
	storage.Event
	change *soakChange
}

// checkTrail compares the audit trail with what was done. There is one event for every
// acknowledged change, at most one for a change whose outcome is unknown, and none
// otherwise. The events of a token are in order, each continues where the previous one
// ended, and the last one leads to the token's current state. Among them are events of
// requests, of which none may be lost while Redis comes and goes.
func (s *soak) checkTrail() {
	s.t.Helper()
	s.settleStore()
	byToken := make(map[string][]soakEvent)
	for _, e := range s.trail("") {
		if e.Action == storage.ActionEventsLost {
			s.t.Errorf("seed %d: %d events of requests are lost from %s until %s", s.model.seed, e.Count, e.At, e.Until)
		}
		if isAboutRequest(e) {
			s.checkRequest(e)
			continue
		}
		change := s.changeOf(e)
		if change == nil {
			s.t.Errorf("seed %d: event %s %s of token %s belongs to no change: %+v", s.model.seed, e.ID, e.Action, e.TokenID, e.Actor)
			continue
		}
		byToken[e.TokenID] = append(byToken[e.TokenID], soakEvent{e, change})
	}
	for _, c := range s.model.changes {
		if c.action == "create" && c.outcome == unknown {
			// Nobody was told its ID, but if it was made, it is in the trail.
			for id, events := range byToken {
				if events[0].change == c {
					c.token.id = id
				}
			}
			if c.token.id == "" {
				continue
			}
		} else if c.action == "create" && c.outcome != made {
			continue
		}
		if c.action == "create" {
			s.checkEvents(c.token, byToken[c.token.id])
			delete(byToken, c.token.id)
		}
	}
	for id, events := range byToken {
		s.t.Errorf("seed %d: token %s has events, but was not created: %v", s.model.seed, id, events)
	}
}

// isAboutRequest reports whether an event is about a request, or says that such events
// are lost.
func isAboutRequest(e storage.Event) bool {
	return e.Request != nil || e.Action == storage.ActionEventsLost
}

// checkRequest checks that an event about a request is complete.
func (s *soak) checkRequest(e storage.Event) {
	s.t.Helper()
	if e.Request == nil {
		return // it says that events are lost
	}
	several := e.Count > 1 && !e.Until.Before(e.At) || e.Count == 0 && e.Until.IsZero()
	alike := e.Request.Method != "" && e.Request.Path != "" && e.Request.Status > 0 && e.Actor.Address != "" || e.Count > 1
	if e.Action != storage.ActionDenied && e.Action != storage.ActionWrite || !several || !alike ||
		(e.Action == storage.ActionDenied) != (e.Request.Reason != "" || e.Request.Method == "") {
		s.t.Errorf("seed %d: event %+v of request %+v", s.model.seed, e, *e.Request)
	}
}

// settleStore waits until every node uses the store.
func (s *soak) settleStore() {
	s.t.Helper()
	for node := range s.nodes {
		eventually(s.t, "the store to be used again", func() error {
			status, answer, err := s.adminCall(node, "GET", "/jira_tokens/health", "soak", "", "")
			if err != nil || status != http.StatusOK {
				return fmt.Errorf("HTTP %d %s %w", status, answer, err)
			}
			return nil
		})
	}
}

// trail reads the audit trail, of one token or of all, each page on a different node.
func (s *soak) trail(id string) []storage.Event {
	s.t.Helper()
	var events []storage.Event
	query := url.Values{"limit": {"500"}}
	if id != "" {
		query.Set("token", id)
	}
	for page := 0; ; page++ {
		var answer struct {
			Events []storage.Event `json:"events"`
			Next   string          `json:"next"`
			More   bool            `json:"more"`
		}
		s.nodes[page%soakNodes].call("GET", "/jira_tokens/audit?"+query.Encode(), nil, http.StatusOK, &answer)
		events = append(events, answer.Events...)
		if !answer.More {
			return events
		}
		query.Set("cursor", answer.Next)
	}
}

// changeOf returns the change that an event belongs to, found by its actor.
func (s *soak) changeOf(e storage.Event) *soakChange {
	var n int
	if _, err := fmt.Sscanf(e.Actor.Claim, "soak/%d", &n); err != nil || n < 1 || n > len(s.model.changes) {
		return nil
	}
	return s.model.changes[n-1]
}

// checkEvents compares the events of a token with its history.
func (s *soak) checkEvents(t *soakToken, events []soakEvent) {
	s.t.Helper()
	fault := func(format string, args ...any) {
		var b strings.Builder
		for _, e := range events {
			fmt.Fprintf(&b, "  %s %s of change %d, at %s\n", e.ID, e.Action, e.change.number, e.At.Format(time.RFC3339Nano))
		}
		s.t.Errorf("seed %d: token %s: %s\nhistory:\n%sevents:\n%s", s.model.seed, t.id, fmt.Sprintf(format, args...), t.describe(s.model.start), b.String())
	}
	state, rest, values := soakState{}, events, make(map[string]string)
	for _, c := range t.history {
		if len(rest) == 0 || rest[0].change != c {
			if c.outcome == made {
				fault("no event of change %d, or in another place", c.number)
				return
			}
			continue
		}
		if c.outcome == notMade {
			fault("change %d has an event", c.number)
			return
		}
		var possible bool
		if state, possible = c.apply(state); !possible || rest[0].Action != c.action || c.version != 0 && c.version != state.version {
			fault("event %s cannot have been made", rest[0].ID)
			return
		}
		if link := chain(values, rest[0].Changes); link != "" {
			fault("event %s: %s", rest[0].ID, link)
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		fault("event %s is one too many, or in another place", rest[0].ID)
		return
	}
	if own := slices.DeleteFunc(s.trail(t.id), isAboutRequest); len(own) != len(events) {
		fault("%d events in the trail of the token, %d in the trail of all", len(own), len(events))
	}
	for node := range s.nodes {
		if wrong := s.differs(node, t.id, state); wrong != "" {
			fault("node %d: %s", node, wrong)
		}
	}
}

// chain follows the values of fields through the changes of an event, and returns those
// that do not continue from the previous event.
func chain(values map[string]string, changes []storage.FieldChange) (fault string) {
	for _, change := range changes {
		if values[change.Field] != string(change.Old) {
			fault = fmt.Sprintf("%s was %s, not %s", change.Field, values[change.Field], change.Old)
		}
		values[change.Field] = string(change.New)
	}
	return fault
}

// differs compares a token on a node with the result of its events.
func (s *soak) differs(node int, id string, want soakState) string {
	status, answer, err := s.adminCall(node, "GET", "/jira_tokens/tokens/"+id, "soak", "", "")
	if err != nil {
		return err.Error()
	}
	if !want.exists {
		if status != http.StatusNotFound {
			return fmt.Sprintf("deleted, and there: HTTP %d %s", status, answer)
		}
		return ""
	}
	var view issued
	if err := json.Unmarshal([]byte(answer), &view); err != nil || status != http.StatusOK {
		return fmt.Sprintf("HTTP %d %s", status, answer)
	}
	if view.State != want.status || view.Scope != want.scope || view.Version != want.version || view.Name != want.name {
		return fmt.Sprintf("%s, want %+v", answer, want)
	}
	return ""
}

// checkSecrets looks for tokens in the logs and in what reached Jira. The gateways' own
// sweep looks for the account's secrets.
func (s *soak) checkSecrets() {
	s.t.Helper()
	for node, g := range s.nodes {
		if secret := tokenIn(g.log.String()); secret != "" {
			s.t.Errorf("seed %d: the token %s is in the log of node %d", s.model.seed, secret, node)
		}
	}
	if secret := tokenIn(s.nodes[0].up.bytes()); secret != "" {
		s.t.Errorf("seed %d: the token %s reached Jira", s.model.seed, secret)
	}
}
