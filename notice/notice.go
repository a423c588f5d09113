// Package notice defines notices: what a gateway tells people and programs by itself, such
// as that a token is about to expire. The packages below deliver them.
package notice

import (
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"strings"
	"time"
)

// Types of notices. They are the names of Caddy events and the types of CloudEvents, so
// they never change.
const (
	TokenExpiring     = "jira_tokens.token.expiring"
	TokenUnused       = "jira_tokens.token.unused"
	TokenPending      = "jira_tokens.token.pending"
	AccountExpiring   = "jira_tokens.account.expiring"
	AccountFailing    = "jira_tokens.account.failing"
	AccountRecovered  = "jira_tokens.account.recovered"
	ApprovalRequested = "jira_tokens.approval.requested"
	TrailCheckpoint   = "jira_tokens.trail.checkpoint"
	Test              = "jira_tokens.test"
)

// Types returns all types of notices.
func Types() []string {
	return []string{
		TokenExpiring, TokenUnused, TokenPending, AccountExpiring, AccountFailing, AccountRecovered, ApprovalRequested, TrailCheckpoint, Test,
	}
}

// Notice is one thing to tell. It must contain no secret.
type Notice struct {
	// Type is one of Types.
	Type string
	// Subject is what the notice is about, such as "tokens/4fT0aB9xYz".
	Subject string
	// Sentence says for people what has happened, and what to do.
	Sentence string
	// Data says the same to programs. Values must be encodable as JSON.
	Data map[string]any
	// Once, if set, identifies what has happened among the notices of its type: a notice
	// that has been published is not published again, by whichever gateway with the same
	// store.
	Once string
	// Until is when Once can be forgotten, because the same cannot come up again. Zero
	// means never.
	Until time.Time
	// ID identifies the notice. Publishing sets it if it is empty.
	ID string
	// At is when the notice was made. Publishing sets it if it is zero.
	At time.Time
}

// OnceID returns an ID that is the same for all notices with this type and Once.
func (n Notice) OnceID() string {
	sum := sha256.Sum256([]byte(n.Type + "\x00" + n.Once))
	return "msg_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// Fields returns Data with the members that all notices have: id, type, subject, time and
// sentence.
func (n Notice) Fields() map[string]any {
	fields := make(map[string]any, len(n.Data)+5)
	maps.Copy(fields, n.Data)
	fields["id"], fields["type"], fields["subject"] = n.ID, n.Type, n.Subject
	fields["time"], fields["sentence"] = n.At.UTC().Format(time.RFC3339), n.Sentence
	return fields
}

// Publisher publishes notices. The jira_tokens app is one.
type Publisher interface {
	// Notify publishes a notice in the background: as a Caddy event, in the log, and to
	// the configured webhooks. It never blocks.
	Notify(n Notice)
}
