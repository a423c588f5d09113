package accounts

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// UnmarshalCaddyfile sets up an account from the block of the option account;
// the account's name is read already. Syntax:
//
//	{
//		basic  <user> <secret>
//		bearer <secret>
//		oauth  <client_id> <client_secret>
//		cloud  <site> basic|bearer|oauth <as above...>
//		api_url        <url>
//		token_url      <url>
//		probe_interval <duration>
//		max_concurrent <number>
//	}
//
// An account has one credential, after cloud or without.
func (a *Account) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("account: %s is given twice", name)
		}
		seen[name] = true
		if err := a.unmarshalOption(d, name); err != nil {
			return err
		}
	}
	if a.Basic == nil && a.Bearer == "" && a.OAuth == nil {
		return d.Errf("account: %s", errNoCredential)
	}
	return nil
}

func (a *Account) unmarshalOption(d *caddyfile.Dispenser, name string) error {
	switch name {
	case "basic", "bearer", "oauth":
		return a.unmarshalCredential(d, name)
	case "cloud":
		return a.unmarshalCloud(d)
	case "api_url":
		if a.Cloud == nil {
			a.Cloud = new(Cloud)
		}
		return oneArg(d, name, &a.Cloud.APIURL)
	case "token_url":
		if a.OAuth == nil {
			return d.Err("account: token_url is for oauth: write it after the oauth line")
		}
		return oneArg(d, name, &a.OAuth.TokenURL)
	case "probe_interval":
		var text string
		if err := oneArg(d, name, &text); err != nil {
			return err
		}
		interval, err := caddy.ParseDuration(text)
		if err != nil || interval <= 0 {
			return d.Errf("account: probe_interval %q: want a duration such as 30s", text)
		}
		a.ProbeInterval = caddy.Duration(interval)
		return nil
	case "max_concurrent":
		return option.MaxConcurrent(d, &a.MaxConcurrent)
	}
	return d.Errf("unknown option %q of account: want basic, bearer, oauth, cloud, api_url, token_url, probe_interval or max_concurrent", name)
}

// unmarshalCredential reads what follows basic, bearer or oauth.
func (a *Account) unmarshalCredential(d *caddyfile.Dispenser, kind string) error {
	if a.Basic != nil || a.Bearer != "" || a.OAuth != nil {
		return d.Errf("account: unexpected %q: it has a credential already", kind)
	}
	switch kind {
	case "basic":
		a.Basic = new(Basic)
		if !d.Args(&a.Basic.User, &a.Basic.Secret) || d.NextArg() {
			return d.Err("account: basic wants a user and a secret")
		}
	case "bearer":
		return oneArg(d, kind, &a.Bearer)
	case "oauth":
		a.OAuth = new(OAuth)
		if !d.Args(&a.OAuth.ClientID, &a.OAuth.ClientSecret) || d.NextArg() {
			return d.Err("account: oauth wants a client's id and secret")
		}
	default:
		return d.Errf("account: cloud wants basic, bearer or oauth after the site, not %q", kind)
	}
	return nil
}

func (a *Account) unmarshalCloud(d *caddyfile.Dispenser) error {
	if a.Cloud == nil {
		a.Cloud = new(Cloud)
	}
	var kind string
	if !d.Args(&a.Cloud.Site, &kind) {
		return d.Err("account: cloud wants a site and a credential, such as cloud acme.atlassian.net basic <user> <secret>")
	}
	return a.unmarshalCredential(d, kind)
}

// oneArg reads the single value of an option.
func oneArg(d *caddyfile.Dispenser, option string, value *string) error {
	if !d.Args(value) || d.NextArg() {
		return d.Errf("account: %s wants one value; is an environment variable empty?", option)
	}
	return nil
}
