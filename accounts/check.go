package accounts

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Check asks the Jira at url who the account is. It also updates the account's health
// there according to the answer.
func Check(ctx context.Context, account *jira.Account, url string, transport http.RoundTripper) (jira.Identity, error) {
	identity, err := jira.Identify(ctx, transport, url, account)
	var refused jira.RefusedError
	switch {
	case err == nil:
		account.Accepted(url)
	case errors.As(err, &refused) && !refused.Page:
		account.Refused(url, refused, time.Now())
	}
	return identity, err
}
