package accounts

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Check asks the Jira at url who the account is there. What Jira answers counts
// for the account's health too, but for the refusal of one of several Jiras
// (only is false): another one may well accept the account.
func Check(ctx context.Context, account *jira.Account, url string, transport http.RoundTripper, only bool) (jira.Identity, error) {
	identity, err := jira.Identify(ctx, transport, url, account)
	var refused jira.RefusedError
	switch {
	case err == nil:
		account.Accepted()
	case errors.As(err, &refused) && only:
		account.Refused(refused, time.Now())
	}
	return identity, err
}
