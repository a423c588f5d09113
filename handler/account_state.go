package handler

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// usable returns nil when the account does not rest after Jira refused it.
func (t *Transport) usable(ctx context.Context, account *jira.Account) error {
	probe, refused := account.Usable(t.URL, time.Now())
	if !probe {
		return refused
	}
	// Jira is asked for all, not for the client that happened to come: one that
	// leaves at once must not keep the account resting.
	if err := t.askMyself(context.WithoutCancel(ownContext{ctx}), account); err != nil {
		return err
	}
	account.Accepted(t.URL)
	return nil
}

// refused lets the account rest if Jira surely refuses it. Otherwise it finds
// that out in the background; the caller gets the first answer.
func (t *Transport) refused(account *jira.Account, err error) error {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok && refused.Doubtful {
		// Not with the request's context: its values are the request's own.
		ctx := context.WithValue(t.ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
		account.Confirm(t.URL, func() { _ = t.askMyself(ctx, account) })
		return err
	}
	return t.refusedBy(account, err)
}

// askMyself asks Jira who the account is, and lets the account rest if Jira
// refuses it, with a new access token too if it has one.
func (t *Transport) askMyself(ctx context.Context, account *jira.Account) error {
	_, err := jira.Myself(ctx, t.upstream, t.URL, account)
	if refused, ok := errors.AsType[jira.RefusedError](err); ok && !refused.Page && account.Forget() {
		_, err = jira.Myself(ctx, t.upstream, t.URL, account)
	}
	return t.refusedBy(account, err)
}

// refusedBy lets an account rest when err is Jira's own refusal of it. A log-in
// page or a firewall's does not: everybody's requests would stop for it.
func (t *Transport) refusedBy(account *jira.Account, err error) error {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok && !refused.Page {
		account.Refused(t.URL, refused, time.Now())
	}
	return err
}
