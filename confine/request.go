package confine

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Request is a request of a confined token. Admit changes its query and body where
// that confines it.
type Request struct {
	// Method is the HTTP method, Changes reports whether the operation changes
	// anything in Jira.
	Method  string
	Changes bool
	// Match is the operation, with its rule and the parameters in the path.
	Match jira.Match
	// RawQuery is the query string.
	RawQuery string
	// Body is the JSON body where the rule reads one; nil if there is none.
	Body []byte
}

// Jira answers questions of the guard.
type Jira interface {
	// Ask sends a request to Jira as the token's account and returns the status
	// and body of the answer. uri is relative to Jira's base URL, such as
	// /rest/api/2/issue/ACME-1?fields=project. body is JSON, or nil.
	Ask(ctx context.Context, method, uri string, body []byte) (status int, answer []byte, err error)
	// Key identifies the Jira and the account, for what is remembered.
	Key() string
}
