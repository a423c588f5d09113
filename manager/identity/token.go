package identity

import (
	"context"
	"errors"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Token{})
}

// Token signs in people with the name of an owner and one of the owner's tokens, if the
// policy gives the owner the right to manage. With a token of another scope than admin, or with
// a limit_writes of its own, they can look, but change nothing. The session ends with the token.
type Token struct{ app App }

// CaddyModule returns the Caddy module information.
func (Token) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".token", New: func() caddy.Module { return new(Token) }}
}

// Use implements UsesApp.
func (t *Token) Use(app App) { t.app = app }

// errDenied is the same for everything that somebody without the right token could learn
// something from.
var errDenied = DeniedError{Why: "This is not the name of an owner and a token of theirs."}

// Check implements Checker. As with requests to Jira, failed attempts are counted by address
// and owner, and others count for the token's limits and its last use.
func (t *Token) Check(ctx context.Context, credential Credential) (*Person, error) {
	limits := t.app.Limits()
	if exceeded := limits.Blocked(credential.Address, credential.Owner); exceeded != nil {
		return nil, DeniedError{"There were too many attempts from your network or for this owner. Try again in a few minutes.", exceeded.RetryAfter}
	}
	record, err := t.record(ctx, credential)
	if errors.Is(err, errDenied) {
		limits.Failed(credential.Address, credential.Owner)
	}
	if err != nil {
		return nil, err
	}
	if err := Admits(t.app, record, credential.Address); err != nil {
		return nil, err
	}
	withoutAccount := *record // no request goes to Jira
	withoutAccount.Account = ""
	slot, exceeded := limits.Acquire(ctx, &withoutAccount)
	if exceeded != nil {
		return nil, DeniedError{"This token has made as many requests as it may. Try again later.", exceeded.RetryAfter}
	}
	slot.Release()
	t.app.Used(record.ID, credential.Address, credential.UserAgent)
	return &Person{Name: record.Owner, TokenID: record.ID, LooksOnly: LooksOnly(record)}, nil
}

// LooksOnly reports whether whoever signs in with the token can change nothing: it is not of
// scope admin, or may make only so many changes, which a token that is created here would
// double.
func LooksOnly(record *token.Record) bool {
	return record.Scope != token.ScopeAdmin || record.LimitWrites != token.Limit{} && record.LimitWrites != token.Unlimited
}

// Admits returns a DeniedError unless the owner of a token can sign in with it now, from an
// address. Groups that an identity provider has told give no right to: whoever the provider
// calls by the name of an owner, and who has a token of that name, may be two people.
func Admits(app App, record *token.Record, address netip.Addr) error {
	standing := app.Standing(record)
	switch state := app.Registry().State(record); {
	case state != token.StateActive:
		return DeniedError{Why: "This token does not work now: it is " + string(state) + "."}
	case !record.Networks.Permits(address) || !standing.Rights.Permits(address):
		return DeniedError{Why: "This token does not work from your address."}
	case restricted(record):
		return DeniedError{Why: "This token is limited to a part of what you may do, so nobody can sign in with it."}
	case record.Kind != token.KindUser || !app.Registry().DeskVia(record.Owner, string(Token{}.CaddyModule().ID)).Manages():
		return DeniedError{Why: "Only people who manage tokens can sign in with one."}
	}
	return nil
}

// restricted reports whether somebody has limited what the token can do. On the page, it
// could do more.
func restricted(record *token.Record) bool {
	return !record.Confine.IsZero() || record.HoldWrites || record.Exchanged()
}

func (t *Token) record(ctx context.Context, credential Credential) (*token.Record, error) {
	presented, err := token.Parse(credential.Secret)
	if err != nil {
		return nil, errDenied
	}
	record, err := t.app.Lookup(ctx, presented)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return nil, err
	case err != nil || !credential.Bearer && !record.OwnedBy(credential.Owner):
		return nil, errDenied
	case record.Replaced(presented.Digest()):
		return nil, DeniedError{Why: "This token was replaced by a rotation. Use the new one."}
	}
	return record, nil
}

// UnmarshalCaddyfile reads `token`.
func (t *Token) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // token
	if d.NextArg() {
		return d.Err("identity token: it has no arguments")
	}
	return nil
}

// Interface guards
var (
	_ Identity = (*Token)(nil)
	_ Checker  = (*Token)(nil)
	_ UsesApp  = (*Token)(nil)
)
