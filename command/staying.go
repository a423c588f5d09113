package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sayStaying says which documents do not move, given their numbers by kind.
func (c *client) sayStaying(what string, counts map[string]int) {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		if words := stayingWords(kind); words != "" {
			parts = append(parts, fmt.Sprintf("%s (%d)", words, counts[kind]))
		}
	}
	if len(parts) > 0 {
		c.progress("%s %s.", what, strings.Join(parts, ", "))
	}
}

// stayingWords says what documents of a kind are that stay with their store, or "" if they
// are only about the gateways that use it. See docs/moving.md.
func stayingWords(kind string) string {
	switch kind {
	case "approval":
		return "held changes, whose requests must be sent again at the new gateway"
	case "account_connect":
		return "links for connecting an account"
	case "notice_outbox":
		return "notices that wait for a webhook, which the old gateway delivers"
	case "policy", "notice_mark", "notice_scan", "notice_receiver", "session_key", "ended_session":
		return ""
	}
	return "documents of the kind " + shown(kind)
}
