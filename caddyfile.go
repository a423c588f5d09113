package jiratokens

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("jira_tokens", parseApp)
}

func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next()
		return nil, d.Err("jira_tokens is given twice")
	}
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "jira_tokens", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from Caddyfile tokens. Syntax:
//
//	jira_tokens {
//		store <module> [<arguments...>]
//		cache {
//			size  <number>
//			ttl   <duration>
//			grace <duration>
//		}
//		limit          <number>/s|m|h|d [burst <number>]|off
//		max_concurrent <number>
//		max_failures   <number>/s|m|h|d|off
//		account <name> {
//			basic  <user> <secret>
//			bearer <secret>
//			oauth  <client_id> <client_secret>
//			cloud  <site> basic|bearer|oauth <as above...>
//			api_url        <url>
//			token_url      <url>
//			probe_interval <duration>
//			max_concurrent <number>
//		}
//	}
//
// account can be repeated with other names; it has one credential, after cloud
// or without. Credentials take placeholders.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the option's name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: jira_tokens takes a block only", d.Val())
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "store":
			err = a.unmarshalStore(d)
		case "cache":
			err = a.unmarshalCache(d)
		case "account":
			err = a.unmarshalAccount(d)
		case "limit":
			err = unmarshalLimit(d, &a.Limit)
		case "max_failures":
			err = unmarshalLimit(d, &a.MaxFailures)
		case "max_concurrent":
			err = option.MaxConcurrent(d, &a.MaxConcurrent)
		default:
			err = d.Errf("unknown option %q of jira_tokens: want store, cache, limit, max_concurrent, max_failures or account", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *App) unmarshalStore(d *caddyfile.Dispenser) error {
	if a.StoreRaw != nil {
		return d.Err("store is given twice")
	}
	if !d.NextArg() {
		return d.Err("store: want file [<path>] or redis <url>")
	}
	name := d.Val()
	id := "jira_tokens.stores." + name
	if _, err := caddy.GetModule(id); err != nil {
		return d.Errf("unknown store %q: want file or redis, or another store that is compiled in", name)
	}
	module, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(module, "module", name, nil)
	return nil
}

func (a *App) unmarshalCache(d *caddyfile.Dispenser) error {
	if a.Cache != nil {
		return d.Err("cache is given twice")
	}
	if d.NextArg() {
		return d.Errf("cache: unexpected %q: want a block", d.Val())
	}
	a.Cache = new(Cache)
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] {
			return d.Errf("cache: %s is given twice", option)
		}
		seen[option] = true
		if err := a.Cache.unmarshalOption(d, option); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cache) unmarshalOption(d *caddyfile.Dispenser, option string) error {
	switch option {
	case "size", "ttl", "grace":
	default:
		return d.Errf("unknown option %q of cache: want size, ttl or grace", option)
	}
	var value string
	if !d.Args(&value) || d.NextArg() {
		return d.Errf("cache: %s wants one value", option)
	}
	if option == "size" {
		size, err := strconv.Atoi(value)
		if err != nil || size < 1 {
			return d.Errf("cache: size %q: want a number of tokens, at least 1", value)
		}
		c.Size = size
		return nil
	}
	duration, err := caddy.ParseDuration(value)
	if err != nil || duration < 0 {
		return d.Errf("cache: %s %q: want a duration such as 30s or 10m", option, value)
	}
	if option == "grace" {
		grace := caddy.Duration(duration)
		c.Grace = &grace
		return nil
	}
	if duration == 0 {
		return d.Errf("cache: ttl %q: want at least 1s", value)
	}
	c.TTL = caddy.Duration(duration)
	return nil
}

// unmarshalLimit reads a limit, such as 600/m burst 50.
func unmarshalLimit(d *caddyfile.Dispenser, value *string) error {
	option := d.Val()
	if *value != "" {
		return d.Errf("%s is given twice", option)
	}
	*value = strings.Join(d.RemainingArgs(), " ")
	if _, err := token.ParseLimit(*value); err != nil {
		if option != "limit" { // which the error begins with
			err = fmt.Errorf("%s: %w", option, err)
		}
		return d.WrapErr(err)
	}
	return nil
}

func (a *App) unmarshalAccount(d *caddyfile.Dispenser) error {
	var name string
	if !d.Args(&name) || d.NextArg() {
		return d.Err("account: want one name and a block, such as account default { … }")
	}
	if a.Accounts[name] != nil {
		return d.Errf("account %s is given twice", name)
	}
	account := new(accounts.Account)
	if err := account.UnmarshalCaddyfile(d); err != nil {
		return err
	}
	if a.Accounts == nil {
		a.Accounts = make(map[string]*accounts.Account)
	}
	a.Accounts[name] = account
	return nil
}

var _ caddyfile.Unmarshaler = (*App)(nil)
