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
	key := "in."
	if t.Before(h.now()) {
		key = "ago."
	}
	const month, year = 30, 365 // in days
	n, unit := token.Rounded(t.Sub(h.now()))
	switch {
	case unit == time.Second:
		return page.Moment{At: t, Words: h.say(key + "now")}
	case unit == time.Minute:
		return page.Moment{At: t, Words: h.count(key+"minutes", n)}
	case unit == time.Hour:
		return page.Moment{At: t, Words: h.count(key+"hours", n)}
	case n <= 3*month: // tokens often get 90 days
		return page.Moment{At: t, Words: h.count(key+"days", n)}
	case n < 2*year:
		return page.Moment{At: t, Words: h.count(key+"months", (n+month/2)/month)}
	}
	return page.Moment{At: t, Words: h.count(key+"years", (n+year/2)/year)}
}

// span says how long a time is.
func (h *Handler) span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0:
		return h.count("span.days", int(d/day))
	case d%time.Hour == 0:
		return h.count("span.hours", int(d/time.Hour))
	}
	return h.count("span.minutes", int(d/time.Minute))
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
