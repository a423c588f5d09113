package accounts

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// UnmarshalCaddyfile sets up an account from the block of the option account, with d
// just after the account's name. Syntax:
//
//	{
//		basic  <user> <secret>
//		bearer <secret>
//		oauth  <client_id> <client_secret>
//		cloud  <site> basic|bearer|oauth <as above...>
//		api_url        <url>
//		token_url      <url>
//		probe_interval <duration>
//		max_concurrent <number>|off
//	}
//
// An account has exactly one credential, which may follow cloud.
func (a *Account) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	err := option.Block{
		option.Func("basic", a.unmarshalCredential),
		option.Func("bearer", a.unmarshalCredential),
		option.Func("oauth", a.unmarshalCredential),
		option.Func("cloud", a.unmarshalCloud),
		option.Func("api_url", func(d *caddyfile.Dispenser) error {
			return option.Args(d, "a URL", &a.cloud().APIURL)
		}),
		option.Func("token_url", func(d *caddyfile.Dispenser) error {
			if a.OAuth == nil {
				return d.Err("account: token_url requires oauth: write it after the oauth line")
			}
			return option.Args(d, "a URL", &a.OAuth.TokenURL)
		}),
		option.Duration("probe_interval", &a.ProbeInterval),
		option.Value("max_concurrent", &a.MaxConcurrent),
	}.Read(d, "account")
	if err != nil {
		return err
	}
	if !a.hasCredential() {
		return d.Errf("account: %s", errNoCredential)
	}
	return nil
}

// unmarshalCredential reads a credential, with d at basic, bearer or oauth.
func (a *Account) unmarshalCredential(d *caddyfile.Dispenser) error {
	if a.hasCredential() {
		return d.Err("account: it already has a credential")
	}
	switch d.Val() {
	case "basic":
		a.Basic = new(Basic)
		return option.Args(d, "a user and a secret", &a.Basic.User, &a.Basic.Secret)
	case "bearer":
		return option.Args(d, "a secret", &a.Bearer)
	case "oauth":
		a.OAuth = new(OAuth)
		return option.Args(d, "a client id and a client secret", &a.OAuth.ClientID, &a.OAuth.ClientSecret)
	}
	// Do not show the argument: it may be a secret.
	return d.Err("account: cloud: expected basic, bearer or oauth after the site")
}

func (a *Account) hasCredential() bool { return a.Basic != nil || a.Bearer != "" || a.OAuth != nil }

func (a *Account) unmarshalCloud(d *caddyfile.Dispenser) error {
	if !d.Args(&a.cloud().Site) || !d.NextArg() {
		return d.Err("account: cloud: expected a site and a credential, such as cloud acme.atlassian.net basic <user> <secret>")
	}
	return a.unmarshalCredential(d)
}

// cloud returns a.Cloud, which it creates if necessary.
func (a *Account) cloud() *Cloud {
	if a.Cloud == nil {
		a.Cloud = new(Cloud)
	}
	return a.Cloud
}
