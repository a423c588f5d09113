package proof

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The actions of events that are about the trail itself.
const (
	// ActionTrimmed says that old events are removed, as configured. The change of the
	// field removed_through is the number of the last one. Only a signed Removal proves
	// that.
	ActionTrimmed = "audit_trimmed"
	// ActionLost says that the trail no longer had events that a checkpoint covers.
	ActionLost = "audit_lost"
	// ActionKey says that checkpoints are signed with another key from now on.
	ActionKey = "audit_key"
)

const (
	// FieldRemovedThrough is the field of ActionTrimmed.
	FieldRemovedThrough = "removed_through"
	// FieldCheckpoint is the field of ActionLost with the checkpoint that was known and
	// the one of what was left.
	FieldCheckpoint = "checkpoint"
)

// leaf is what verification needs of an event.
type leaf struct {
	Seq     uint64    `json:"seq"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Action  string    `json:"action"`
	TokenID string    `json:"token_id"`
	Name    string    `json:"name"`
	Changes []struct {
		Field string          `json:"field"`
		New   json.RawMessage `json:"new"`
	} `json:"changes"`
}

func decodeLeaf(raw []byte) (e leaf) {
	_ = json.Unmarshal(raw, &e) // a damaged event is described as far as possible
	return e
}

// String describes the event in a message.
func (e leaf) String() string {
	text := token.Printable(e.Action, 40)
	if text == "" {
		return "unreadable event"
	}
	if e.TokenID != "" {
		text += " of token " + token.Printable(e.TokenID, 20)
	} else if e.Name != "" {
		text += " of " + token.Printable(e.Name, 60)
	}
	if !e.At.IsZero() {
		text += " at " + e.At.UTC().Format(time.RFC3339)
	}
	return text
}

// numberPrefix is how the JSON of a numbered event begins.
const numberPrefix = `{"seq":`

// NumberOf returns the number of an event, from 1, or 0 if an earlier version wrote it
// without one.
func NumberOf(raw []byte) uint64 {
	rest, ok := bytes.CutPrefix(raw, []byte(numberPrefix))
	if !ok {
		return 0
	}
	digits, _, ok := bytes.Cut(rest, []byte{','})
	if !ok {
		return 0
	}
	n, _ := strconv.ParseUint(string(digits), 10, 63) // 0 if invalid
	return n
}

// Gap returns what stands in the tree for an event that was already missing when it
// was to be added.
func Gap(number uint64) []byte {
	return []byte(numberPrefix + strconv.FormatUint(number, 10) + `,"action":"missing"}`)
}
