package jira

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Ask calls ask with an Asker for the Jira at site, for questions that are not part of
// forwarding a request: a form that asks as somebody types must not be what locks the
// account. While the account is paused there, Ask returns the reason instead, but lets
// one caller per interval find out whether Jira accepts the account again. If ask returns
// a RefusedError, Jira is asked in the background whether it refuses the account as such.
func (a *Account) Ask(ctx context.Context, transport http.RoundTripper, site string, ask func(Asker) error) error {
	answered, err := a.Attempt(ctx, site)
	if err != nil {
		return err
	}
	isRefused := false
	defer func() { answered(isRefused) }()
	probe, refused := a.Usable(site, time.Now())
	if refused != nil && !probe {
		return refused
	}
	lasting := context.WithoutCancel(ctx) // what is found out serves everybody
	if probe {
		if err := a.Recheck(lasting, transport, site); err != nil {
			return err
		}
	}
	err = ask(Asker{Transport: transport, URL: site, Account: a})
	var refusal RefusedError
	if isRefused = errors.As(err, &refusal); isRefused {
		a.Confirm(site, refusal, func() { _ = a.Recheck(lasting, transport, site) })
	} else if err == nil {
		a.Answered(site)
	}
	return err
}

// Recheck asks the Jira at site who the account is, with a new access token if Jira
// refuses the one that the account uses. It pauses the account there if Jira itself
// refuses it, and ends the pause if Jira accepts it. A login or firewall page is not
// enough: it would stop everybody's requests.
func (a *Account) Recheck(ctx context.Context, transport http.RoundTripper, site string) error {
	_, err := Myself(ctx, transport, site, a)
	if isOwnRefusal(err) && a.Forget() {
		_, err = Myself(ctx, transport, site, a)
	}
	switch {
	case err == nil:
		a.Accepted(site)
	case isOwnRefusal(err):
		a.Refused(site, err, time.Now())
	}
	return err
}

// isOwnRefusal reports whether Jira itself refuses the account, in answer to `myself`.
func isOwnRefusal(err error) bool {
	refused, ok := errors.AsType[RefusedError](err)
	return ok && !refused.Page
}
