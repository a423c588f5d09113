package admin

import (
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// Base begins the paths of all endpoints.
const Base = "/jira_tokens/"

// VersionHeader is a header of every answer, by which the command knows whom it
// talks to: the version of this API.
const VersionHeader = "X-Jira-Tokens-Api"

// MaxPageSize is the greatest limit that a list or the audit trail takes.
const MaxPageSize = registry.MaxPageSize

// What the endpoints send, in JSON.
type (
	// Token is a token's record, and in the answer that made it the token.
	Token = registry.View
	// DamagedToken is what is known of a token whose record cannot be used.
	DamagedToken = registry.DamagedView
	// Use is when a token was last used, and from where.
	Use = registry.Use
	// ConfineCheck is what Jira says about a token's confinement.
	ConfineCheck = registry.ConfineCheck
	// Event is an entry of the audit trail.
	Event = registry.Event
	// Explanation is what one gateway would do with a request.
	Explanation = handler.Explanation
	// ImportResult says what became of the records of an import.
	ImportResult = registry.ImportResult
)

// DamagedTrailer is the HTTP trailer of an export that says how many records it
// left out because they are damaged.
const DamagedTrailer = "X-Jira-Tokens-Damaged"

// TokenPage is a part of a list of tokens.
type TokenPage struct {
	// Tokens are Tokens and DamagedTokens: the state tells them apart.
	Tokens []any `json:"tokens"`
	// Next is the cursor of the next page; empty on the last.
	Next string `json:"next,omitempty"`
}

// EventPage is a part of the audit trail.
type EventPage struct {
	Events []Event `json:"events"`
	// Next is the cursor to continue from, even when there is no more yet.
	Next string `json:"next"`
	More bool   `json:"more"`
}

// Explanations are what the gateways of the configuration would do.
type Explanations struct {
	Gateways []Explanation `json:"gateways"`
}

// CheckResults say which Jira accepts which account.
type CheckResults struct {
	Accounts []CheckResult `json:"accounts"`
}

// CheckResult says whether one Jira accepts one account.
type CheckResult struct {
	Account string `json:"account"`
	Jira    string `json:"jira"`
	OK      bool   `json:"ok"`
	// User is who the account is in Jira; Version and Deployment say which
	// Jira that is.
	User       string `json:"user,omitempty"`
	Version    string `json:"version,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	// Error is what is wrong.
	Error string `json:"error,omitempty"`
}

// Health says whether everything that requests need works.
type Health struct {
	OK       bool                     `json:"ok"`
	Store    StoreHealth              `json:"store"`
	Accounts map[string]AccountHealth `json:"accounts"`
}

// StoreHealth says whether the token store answers.
type StoreHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// AccountHealth says whether Jira accepts an account, as far as is known.
type AccountHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}
