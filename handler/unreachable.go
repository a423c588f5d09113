package handler

import (
	"errors"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// forwardingError marks a failure to reach Jira, as opposed to another handler's
// error.
type forwardingError struct{ error }

func (e forwardingError) Unwrap() error { return e.error }

// deniedBy turns a transport error into a denial; nil if the error should count
// against the upstream's health.
func deniedBy(d *Decision, err error) *denial {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok {
		return accountRefused(d, refused)
	}
	if outside, ok := errors.AsType[*confine.Error](err); ok {
		return confinedDenial(d, outside)
	}
	if denied, ok := errors.AsType[deniedError](err); ok {
		return denied.denial
	}
	if failed, ok := errors.AsType[clientError](err); ok {
		return bodyDenial(failed)
	}
	if unrecorded, ok := errors.AsType[unrecordedError](err); ok {
		return notOnRecord(unrecorded)
	}
	if _, ok := errors.AsType[jira.NotJiraError](err); ok {
		return &denial{
			reason:  ReasonJiraUnreachable,
			message: "The response did not come from Jira, but from a maintenance page or a proxy. Try again later; if the request was a change, it may or may not have been made.",
			cause:   err,
		}
	}
	return nil
}

// noUpstream reports whether the proxy had no upstream available. Its error has no
// type of its own.
func noUpstream(err error) bool {
	var proxy caddyhttp.HandlerError
	return errors.As(err, &proxy) && proxy.Err != nil && proxy.Err.Error() == "no upstreams available"
}

// accountRefused denies a request whose account Jira refuses.
func accountRefused(d *Decision, refused jira.RefusedError) *denial {
	message := "Jira does not accept the gateway's own account at the moment. Nothing is wrong with the request or its API token: tell an administrator."
	if d.Record.Account == token.OwnAccount && d.Account.Site() != "" {
		message = "This API token acts as its owner, but Jira does not accept the owner's credential: it may have expired or been revoked." + askForOwn
	}
	return &denial{
		reason:     ReasonJiraRejectedAccount,
		message:    message,
		retryAfter: d.Account.Interval(),
		cause:      refused,
	}
}

// notForwarded turns a failure to forward into a denial: the proxy's errors would
// show clients the names of upstreams.
func notForwarded(err error) *denial {
	if err == nil {
		return nil
	}
	var forwarding forwardingError
	if !errors.As(err, &forwarding) && !noUpstream(err) {
		return nil
	}
	if forwarding.error != nil {
		err = forwarding.error // without the proxy's wrapping
	}
	return &denial{
		reason:  ReasonJiraUnreachable,
		message: "The gateway could not reach Jira. Try again later; if the request was a change, it may or may not have been made.",
		cause:   err,
	}
}
