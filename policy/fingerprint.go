package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
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
	text, err := json.Marshal(struct {
		Config
		Members map[string]Group
	}{rules, groups})
	if err != nil {
		return "" // cannot happen: all are plain values
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:6])
}
