package handler

import (
	"context"
	"errors"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// usable returns nil when the account does not rest after Jira refused it.
func (t *Transport) usable(ctx context.Context, account *jira.Account) error {
	probe, refused := account.Usable(time.Now())
	if !probe {
		return refused
	}
	// Jira is asked for all, not for the client that happened to come: one that
	// leaves at once must not keep the account resting.
	if _, err := jira.Myself(context.WithoutCancel(ctx), t.upstream, t.URL, account); err != nil {
		return t.refusedBy(account, err)
	}
	account.Accepted()
	return nil
}

// refused finds out whether it is the account that Jira does not take.
func (t *Transport) refused(ctx context.Context, account *jira.Account, err error) error {
	var refused jira.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	account.Forget()
	if !refused.Doubtful {
		return t.refusedBy(account, err)
	}
	account.Confirm(func() {
		if _, err := jira.Myself(context.WithoutCancel(ctx), t.upstream, t.URL, account); err != nil {
			_ = t.refusedBy(account, err) // the caller gets the first answer
		}
	})
	return err
}

// refusedBy lets an account rest when err says that Jira does not take it.
func (t *Transport) refusedBy(account *jira.Account, err error) error {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok {
		account.Refused(refused, time.Now())
	}
	return err
}
