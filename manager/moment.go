package manager

import (
	"time"

	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

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
