package confine

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Request is a request of a confined token. [Guard.Admit] rewrites its query and
// body to confine it.
type Request struct {
	// Method is the HTTP method, Changes reports whether the operation changes
	// anything in Jira.
	Method  string
	Changes bool
	// Match is the operation, with its rule and the parameters in the path.
	Match jira.Match
	// RawQuery is the query string.
	RawQuery string
	// Body is the JSON body if the rule reads one; nil if there is none. The caller
	// limits its size.
	Body []byte
	// Explain is set to add hints for administrators to errors. It is not for the
	// requests of clients: looking for a hint takes longer for what is hidden than for
	// what does not exist.
	Explain bool
}

// Jira answers questions of the guard.
type Jira interface {
	// Ask sends a request to Jira as the token's account and returns the status
	// and body of the answer. uri is relative to Jira's base URL, such as
	// /rest/api/2/issue/ACME-1?fields=project. body is JSON, or nil. Ask limits the
	// size of the answer.
	Ask(ctx context.Context, method, uri string, body []byte) (status int, answer []byte, err error)
	// Key identifies the Jira and the account: answers are remembered for both.
	Key() string
}
