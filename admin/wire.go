package admin

import (
	"time"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
)

// Base is the path prefix of all endpoints.
const Base = "/jira_tokens/"

// VersionHeader is a header of every response: the version of this API. It tells
// the command that it is talking to this API.
const VersionHeader = "X-Jira-Tokens-Api"

// MaxPageSize is the maximum limit for a page of tokens or of the audit trail.
const MaxPageSize = registry.MaxPageSize

// JSON that the endpoints return.
type (
	// Token is a token's record. When the token is created or rotated, it includes
	// the token itself.
	Token = registry.View
	// DamagedToken is what is known about a token whose record cannot be used.
	DamagedToken = registry.DamagedView
	// Use is when a token was last used, and from where.
	Use = registry.Use
	// Activity is how much a token was used on one day.
	Activity = registry.Activity
	// Handover is a link that shows a token once.
	Handover = registry.HandoverView
	// HandoverState says whether a hand-over link can be opened.
	HandoverState = registry.HandoverState
	// ConfineCheck is what Jira says about a token's confinement.
	ConfineCheck = registry.ConfineCheck
	// Owner is an owner that has tokens.
	Owner = registry.OwnerView
	// OwnerResult says what became of an owner's tokens.
	OwnerResult = registry.OwnerResult
	// Actor is who made a change.
	Actor = registry.Actor
	// GroupsHealth says whether Jira tells the groups of owners.
	GroupsHealth = facts.Health
	// Event is an entry of the audit trail.
	Event = registry.Event
	// EventRequest is the request that an event is about.
	EventRequest = registry.EventRequest
	// Explanation describes what one gateway would do with a request.
	Explanation = handler.Explanation
	// Account is an account, without its credential.
	Account = accounts.View
	// ConnectLink is a link with which an owner connects by OAuth.
	ConnectLink = accounts.Link
	// Reencrypted counts the accounts that were encrypted with the first key.
	Reencrypted = accounts.Reencrypted
	// ImportResult says what an import has done, or would do.
	ImportResult = registry.ImportResult
	// Skipped is something that was not imported.
	Skipped = registry.Skipped
	// ExportPosition says how far an export has come.
	ExportPosition = registry.ExportPosition
	// ExportHeader is the first line of an export.
	ExportHeader = registry.ExportHeader
)

// StateExpiring is the state of an account whose credential expires soon or has expired.
const StateExpiring = accounts.StateExpiring

// DamagedTrailer is the HTTP trailer of an export with the number of records that
// it left out because they are damaged.
const DamagedTrailer = "X-Jira-Tokens-Damaged"

// TokenPage is a page of a list of tokens.
type TokenPage struct {
	// Tokens holds Tokens and DamagedTokens, which differ in their state.
	Tokens []any `json:"tokens"`
	// Next is the cursor of the next page, or empty on the last page.
	Next string `json:"next,omitempty"`
}

// OwnerList is a list of owners.
type OwnerList struct {
	Owners []Owner `json:"owners"`
	// Total is how many there are, if a limit leaves some out.
	Total int `json:"total,omitempty"`
	// Damaged counts the tokens that are left out because their records are damaged,
	// so that their owners are unknown.
	Damaged int `json:"damaged,omitempty"`
}

// Accounts holds all accounts.
type Accounts struct {
	Accounts []Account `json:"accounts"`
}

// EventPage is a page of the audit trail.
type EventPage struct {
	Events []Event `json:"events"`
	// Next is the cursor to continue from, even if there are no more events yet.
	Next string `json:"next"`
	More bool   `json:"more"`
}

// Explanations holds an explanation for every configured gateway.
type Explanations struct {
	Gateways []Explanation `json:"gateways"`
}

// CheckResults says which Jira accepts which account.
type CheckResults struct {
	Accounts []CheckResult `json:"accounts"`
}

// CheckResult says whether one Jira accepts one account.
type CheckResult struct {
	// Account is empty if no account is used with the Jira, and Jira if the account
	// is used with none.
	Account string `json:"account"`
	Jira    string `json:"jira"`
	OK      bool   `json:"ok"`
	// User is the account's user in Jira. Version and Deployment describe that
	// Jira.
	User       string `json:"user,omitempty"`
	Version    string `json:"version,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	// ExpiresAt is when the account's credential expires, if that is soon.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// Error says what is wrong, if the account is not OK.
	Error string `json:"error,omitempty"`

	refused bool
}

// Health says whether everything that requests depend on works.
type Health struct {
	OK       bool                     `json:"ok"`
	Store    StoreHealth              `json:"store"`
	Accounts map[string]AccountHealth `json:"accounts"`
	Policy   PolicyHealth             `json:"policy"`
	// GroupsFromJira says whether Jira tells the groups of owners. It is nil if Jira
	// is not asked. Only if it has lapsed, Health is not OK.
	GroupsFromJira *GroupsHealth `json:"groups_from_jira,omitempty"`
}

// PolicyHealth says whether all gateways that share the store have the same policy. It
// does not count for Health.OK: while a new policy is rolled out, the gateways that do
// not have it yet must not lose their traffic.
type PolicyHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// StoreHealth says whether the token store answers.
type StoreHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// AccountHealth says whether Jira accepts an account, as far as the gateway knows.
type AccountHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}
