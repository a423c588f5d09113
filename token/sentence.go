package token

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Sentence says in words what a token may do: "Reads issues of ACME and OPS, not internal
// comments, from 203.0.113.0/24, until 24 February 2027." Everything that describes a
// token to people uses it, so that they never read two descriptions that differ.
func (r *Record) Sentence() string { return r.SentenceBut(nil) }

// SentenceBut returns the sentence about a token of which some fields are not known yet. It
// says nothing about these: in the place of what the token sees, there are three dots. Of the
// confinement, only "projects" can be unknown.
func (r *Record) SentenceBut(unknown map[string]bool) string {
	known, object := r.without(unknown), "…"
	if !unknown["confine"] && !unknown["projects"] {
		object = known.Confine.object() + r.Scope.besides()
	}
	parts := []string{r.Scope.verbs() + " " + object}
	for _, part := range []string{known.heldText(), hiddenText(known.Confine.Hide), whereText(known.Networks), known.rateText(), known.whenText(!unknown["expires_at"])} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ") + "."
}

// without returns a copy of a record without some of the fields that its sentence is about.
func (r *Record) without(unknown map[string]bool) *Record {
	known := *r
	for field := range unknown {
		switch field {
		case "confine":
			known.Confine = Confinement{}
		case "allow_ip":
			known.Networks.Allow = nil
		case "deny_ip":
			known.Networks.Deny = nil
		case "limit":
			known.Limit = Limit{}
		case "limit_writes":
			known.LimitWrites = Limit{}
		case "max_concurrent":
			known.MaxConcurrent = 0
		case "not_before":
			known.NotBefore = time.Time{}
		case "expires_at":
			known.ExpiresAt = time.Time{}
		}
	}
	return &known
}

func (s Scope) verbs() string {
	if s.Changes() {
		return "Reads and changes"
	}
	return "Reads"
}

// besides says what a scope allows beside Jira's content.
func (s Scope) besides() string {
	if s == ScopeReadAll || s == ScopeAdmin {
		return ", and Jira's administration"
	}
	return ""
}

// heldText says that changes are held. A token that only reads has none.
func (r *Record) heldText() string {
	if !r.HoldWrites || !r.Scope.Changes() {
		return ""
	}
	return "each change once somebody has approved it"
}

// object says what is inside a confinement, without hidden fields.
func (c Confinement) object() string {
	keys := make([]string, len(c.Projects))
	for i, project := range c.Projects {
		keys[i] = project.Key
	}
	text := "everything that its account sees in Jira"
	if len(keys) > 0 {
		text = "issues of " + listText(keys, "and")
	}
	if c.JQL == "" {
		return text
	}
	if len(keys) == 0 {
		text = "issues"
	}
	return text + " that match “" + c.JQL + "”"
}

func hiddenText(fields []string) string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = "the field " + field
		if field == HideInternalComments {
			names[i] = "internal comments"
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "not " + listText(names, "or")
}

func whereText(n Networks) string {
	var parts []string
	if len(n.Allow) > 0 {
		parts = append(parts, "from "+listText(prefixTexts(n.Allow), "or"))
	}
	if len(n.Deny) > 0 {
		parts = append(parts, "not from "+listText(prefixTexts(n.Deny), "or"))
	}
	return strings.Join(parts, ", ")
}

func prefixTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		if texts[i] = prefix.String(); prefix.IsSingleIP() {
			texts[i] = prefix.Addr().String()
		}
	}
	return texts
}

// rateText says how much a token may be used. What it leaves to the gateway is not said.
func (r *Record) rateText() string {
	var bounds []string
	if requests := r.Limit.bound("request"); requests != "" {
		bounds = append(bounds, requests)
	}
	if changes := r.LimitWrites.bound("change"); changes != "" && r.Scope.Changes() {
		bounds = append(bounds, changes)
	}
	if r.MaxConcurrent > 0 {
		bounds = append(bounds, strconv.Itoa(int(r.MaxConcurrent))+" at a time")
	}
	if len(bounds) == 0 {
		return ""
	}
	return "at most " + listText(bounds, "and")
}

// bound says how many things a limit allows; "" if it is unset, or is none.
func (l Limit) bound(thing string) string {
	if l.Requests <= 0 {
		return ""
	}
	text := strconv.Itoa(l.Requests) + " " + thing
	if l.Requests != 1 {
		text += "s"
	}
	switch l.Period {
	case time.Second:
		text += " a second"
	case time.Minute:
		text += " a minute"
	case time.Hour:
		text += " an hour"
	default:
		text += " a day"
	}
	if l.Burst != l.Requests {
		text += fmt.Sprintf(" (up to %d at once)", l.Burst)
	}
	return text
}

// whenText says from when until when a token works. It does not speak of the end unless it
// is known.
func (r *Record) whenText(endKnown bool) string {
	var parts []string
	if !r.NotBefore.IsZero() {
		parts = append(parts, "from "+r.dayText(r.NotBefore))
	}
	switch {
	case !endKnown:
	case r.ExpiresAt.IsZero():
		parts = append(parts, "without an end")
	default:
		parts = append(parts, "until "+r.dayText(r.ExpiresAt))
	}
	return strings.Join(parts, " ")
}

// dayText returns the day of a time, and also the time of day if the token is short-lived.
func (r *Record) dayText(t time.Time) string {
	format := "2 January 2006"
	if !r.ExpiresAt.IsZero() && r.ExpiresAt.Sub(r.CreatedAt) < 72*time.Hour {
		format += ", 15:04 UTC"
	}
	return t.UTC().Format(format)
}

// maxListed is how many items a list in a sentence has.
const maxListed = 8

// listText joins items to "a, b and c".
func listText(items []string, conjunction string) string {
	if n := len(items); n > maxListed {
		items = append(items[:maxListed-1:maxListed-1], fmt.Sprintf("%d others", n-maxListed+1))
	}
	last := len(items) - 1
	if last == 0 {
		return items[0]
	}
	return strings.Join(items[:last], ", ") + " " + conjunction + " " + items[last]
}
