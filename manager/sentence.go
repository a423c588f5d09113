package manager

import (
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// sentence says in words what a token can do.
func (h *Handler) sentence(r *token.Record) string {
	parts := []string{h.say("sentence."+r.Scope.String(), h.inside(r.Confine))}
	for _, field := range r.Confine.Hide {
		if field == token.HideInternalComments {
			field = h.say("sentence.comments")
		}
		parts = append(parts, h.say("sentence.hidden", field))
	}
	if networks := networkTexts(r); networks != nil {
		parts = append(parts, h.say("sentence.from", h.list(networks)))
	}
	if r.Limit != (token.Limit{}) {
		parts = append(parts, h.say("sentence.limit", r.Limit.String()))
	}
	if r.ExpiresAt.IsZero() {
		parts = append(parts, h.say("sentence.forever"))
	} else {
		parts = append(parts, h.say("sentence.until", r.ExpiresAt.UTC().Format("2 January 2006")))
	}
	return strings.Join(parts, ", ") + "."
}

// inside says which part of Jira a confinement leaves.
func (h *Handler) inside(c token.Confinement) string {
	var keys []string
	for _, project := range c.Projects {
		keys = append(keys, project.Key)
	}
	switch {
	case keys == nil && c.JQL == "":
		return h.say("sentence.everything")
	case keys == nil:
		return h.say("sentence.jql", c.JQL)
	case c.JQL == "":
		return h.say("sentence.projects", h.list(keys))
	}
	return h.say("sentence.both", h.list(keys), c.JQL)
}

// list joins texts as in "a, b and c".
func (h *Handler) list(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	last := len(texts) - 1
	return h.say("and", strings.Join(texts[:last], ", "), texts[last])
}

func networkTexts(r *token.Record) []string {
	var texts []string
	for _, network := range r.Networks.Allow {
		texts = append(texts, network.String())
	}
	return texts
}

// moment says how far away a time is.
func (h *Handler) moment(t time.Time) page.Moment {
	if t.IsZero() {
		return page.Moment{}
	}
	distance := t.Sub(h.now())
	key := "in."
	if distance < 0 {
		key, distance = "ago.", -distance
	}
	const day = 24 * time.Hour
	switch {
	case distance < time.Minute:
		return page.Moment{At: t, Words: h.say(key + "now")}
	case distance < time.Hour:
		return page.Moment{At: t, Words: h.count(key+"minutes", int(distance/time.Minute))}
	case distance < 2*day:
		return page.Moment{At: t, Words: h.count(key+"hours", int(distance/time.Hour))}
	case distance < 90*day:
		return page.Moment{At: t, Words: h.count(key+"days", int(distance/day))}
	case distance < 730*day:
		return page.Moment{At: t, Words: h.count(key+"months", int(distance/(30*day)))}
	}
	return page.Moment{At: t, Words: h.count(key+"years", int(distance/(365*day)))}
}

// tones are how states are tinted.
var tones = map[token.State]page.Tone{
	token.StateActive: page.ToneGood, token.StatePending: page.ToneWarn, token.StateNotYetValid: page.ToneWarn,
	token.StateSuspended: page.ToneBad, token.StateDamaged: page.ToneBad,
	token.StateExpired: page.ToneQuiet, token.StateDisabled: page.ToneQuiet, token.StateRevoked: page.ToneQuiet,
}

func (h *Handler) state(state token.State, reason string) page.State {
	return page.State{Word: h.say("state." + string(state)), Reason: reason, Tone: tones[state]}
}
