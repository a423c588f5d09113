package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Fingerprint returns a short text that is the same for configurations with the same
// rules and groups, wherever they are written.
func Fingerprint(config *Config, groups map[string]Group) string {
	var rules Config
	if config != nil {
		rules = Config{Everyone: config.Everyone, Groups: slices.Clone(config.Groups)}
	}
	if rules.Everyone != nil {
		everyone := *rules.Everyone
		everyone.Place = ""
		rules.Everyone = &everyone
	}
	for i := range rules.Groups {
		rules.Groups[i].Place = ""
	}
	// Their order and case mean nothing.
	members := make(map[string]Group, len(groups))
	for name, group := range groups {
		var folded []string
		for _, member := range group.Members {
			folded = append(folded, token.Fold(member))
		}
		slices.Sort(folded)
		members[name] = Group{Members: slices.Compact(folded)}
	}
	text, err := json.Marshal(struct {
		Config
		Members map[string]Group
	}{rules, members})
	if err != nil {
		return "" // cannot happen: all are plain values
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:6])
}
