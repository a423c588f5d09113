package handler

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// usable returns an error while the gateway backs off from an account that Jira
// refused.
func (t *Transport) usable(ctx context.Context, account *jira.Account) error {
	probe, refused := account.Usable(t.URL, time.Now())
	if !probe {
		return refused
	}
	// The probe serves every client: one that disconnects must not cancel it and
	// keep the account out of use.
	return account.Recheck(context.WithoutCancel(ownContext{ctx}), t.upstream, t.URL)
}

// refused asks Jira in the background whether it refuses the account as such, if
// one answer says so; err goes to the caller either way.
func (t *Transport) refused(account *jira.Account, err error) error {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok {
		// The request's context would carry the request's values.
		ctx := context.WithValue(t.ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
		account.Confirm(t.URL, refused, func() { _ = account.Recheck(ctx, t.upstream, t.URL) })
	}
	return err
}

// refusedBy backs off from an account if err is Jira's own refusal of it. A login
// or firewall page is not enough: it would stop everybody's requests.
func (t *Transport) refusedBy(account *jira.Account, err error) error {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok && !refused.Page {
		account.Refused(t.URL, refused, time.Now())
	}
	return err
}
