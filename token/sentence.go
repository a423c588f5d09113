package token

import (
	"fmt"
	"net/netip"
	"strings"
)

// Sentence says in words what a token may do: "Reads issues of ACME and OPS, not internal
// comments, from 203.0.113.0/24, until 24 February 2027."
func (r *Record) Sentence() string {
	parts := []string{r.Scope.verbs() + " " + r.Confine.object()}
	for _, part := range []string{hiddenText(r.Confine.Hide), whereText(r.Networks)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	until := "without an end"
	if !r.ExpiresAt.IsZero() {
		until = "until " + r.ExpiresAt.UTC().Format("2 January 2006, 15:04 UTC")
	}
	return strings.Join(append(parts, until), ", ") + "."
}

func (s Scope) verbs() string {
	switch s {
	case ScopeReadAll:
		return "Reads content and administration:"
	case ScopeWrite:
		return "Reads and changes"
	case ScopeAdmin:
		return "Reads, changes and administers"
	}
	return "Reads"
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
