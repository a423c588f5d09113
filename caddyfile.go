package jiratokens

import (
	"fmt"
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
		return nil, d.Err("the jira_tokens option appears more than once")
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
//			grace <duration>|off
//		}
//		limit          <number>/s|m|h|d [burst <number>]|off
//		limit_writes   <number>/s|m|h|d [burst <number>]|off
//		max_concurrent <number>|off
//		max_failures   <number>/s|m|h|d|off
//		account <name> {
//			basic  <user> <secret>
//			bearer <secret>
//			oauth  <client_id> <client_secret>
//			cloud  <site> basic|bearer|oauth <as above...>
//			api_url        <url>
//			token_url      <url>
//			probe_interval <duration>
//			max_concurrent <number>|off
//		}
//		encryption_key <key> [<old_keys...>]
//		public_url     <url>
//		trust <issuer> { ... }
//		oauth <jira_url> {
//			client_id     <id>
//			client_secret <secret>
//			scopes        <scopes...>
//			product       cloud|data-center
//			auth_url      <url>
//			api_url       <url>
//		}
//		group <name> {
//			members <owners...>
//		}
//		groups_from jira {
//			interval <duration>
//			keep     <duration>
//			account  <name>
//			jira     <url>
//		}
//		groups_from sign_in {
//			keep <duration>
//		}
//		policy {
//			everyone {
//				scopes           <scopes...>|none
//				max_lifetime     <duration>|never
//				default_lifetime <duration>|never
//				max_tokens       <number>
//				networks         <ranges...>
//				accounts         <accounts...>
//				write_accounts   <accounts...>
//				confine          required|optional
//				approval         <scopes...>
//				on_behalf
//				manage
//			}
//			group <name> { <as for everyone...> }
//			allow_no_managers
//		}
//		notify before <times...>
//		notify webhook <url> {
//			name   <name>
//			secret <secrets...>
//			events <types...>
//			header <name> <value>
//		}
//		unused_after <time>
//		disable_unused
//		audit {
//			strict
//			retention    <duration>
//			key          <signing_key>
//			trusted_keys <verifier_keys...>
//		}
//	}
//
// See unmarshalTrust for trust, which can be repeated with other issuers.
//
// account, oauth and group can be repeated with other names, notify webhook with other URLs,
// and networks with other ranges:
// CIDR ranges, single addresses or private_ranges. An account has one credential, either
// its own line or the end of a cloud line. Credentials may contain placeholders.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option's name
	var unusedAfter caddy.Duration
	var disableUnused bool
	return option.Block{
		option.Func("store", a.unmarshalStore),
		option.Func("cache", a.unmarshalCache),
		limit("limit", &a.Limit),
		limit("limit_writes", &a.LimitWrites),
		option.Value("max_concurrent", &a.MaxConcurrent),
		limit("max_failures", &a.MaxFailures),
		option.Func("account", a.unmarshalAccount).Repeated(),
		option.Texts("encryption_key", &a.EncryptionKeys),
		option.Func("public_url", a.unmarshalPublicURL),
		option.Func("trust", a.unmarshalTrust).Repeated(),
		option.Func("oauth", a.unmarshalOAuth).Repeated(),
		option.Func("group", a.unmarshalGroup).Repeated(),
		option.Func("groups_from", a.unmarshalGroupsFrom).Repeated(),
		option.Func("policy", a.unmarshalPolicy),
		option.Func("notify", a.unmarshalNotify).Repeated(),
		option.Duration("unused_after", &unusedAfter).Then(func() error {
			a.noticesConfig().UnusedAfter = unusedAfter
			return nil
		}),
		option.Flag("disable_unused", &disableUnused).Then(func() error {
			a.noticesConfig().DisableUnused = true
			return nil
		}),
		option.Func("audit", a.unmarshalAudit),
	}.Read(d, "jira_tokens")
}

func (a *App) unmarshalStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("store: expected file [<path>] or redis <url>")
	}
	name := d.Val()
	if strings.ContainsAny(name, ":/@") { // a URL, which may contain a password
		return d.Err("store: expected file [<path>] or redis <url>: the kind of store comes first")
	}
	id := "jira_tokens.stores." + name
	if _, err := caddy.GetModule(id); err != nil {
		return d.Errf("unknown store %q: expected file, redis or another store that is compiled in", name)
	}
	module, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(module, "module", name, nil)
	return nil
}

func (a *App) unmarshalCache(d *caddyfile.Dispenser) error {
	a.Cache = new(Cache)
	var grace Grace
	return option.Block{
		option.Number("size", &a.Cache.Size, 1),
		option.Duration("ttl", &a.Cache.TTL),
		option.Value("grace", &grace).Then(func() error {
			a.Cache.Grace = &grace
			return nil
		}),
	}.Read(d, "cache")
}

// limit is an option whose value is a limit, such as 600/m burst 50.
func limit(name string, to *string) option.Option {
	return option.Func(name, func(d *caddyfile.Dispenser) error {
		words := d.RemainingArgs()
		if len(words) > 3 {
			return d.Errf("%s: too many arguments: expected a rate such as 600/m or 600/m burst 50", name)
		}
		*to = strings.Join(words, " ")
		if _, err := token.ParseLimit(*to); err != nil {
			if name != "limit" { // the error already begins with "limit"
				err = fmt.Errorf("%s: %w", name, err)
			}
			return d.WrapErr(err)
		}
		return nil
	})
}

func (a *App) unmarshalAccount(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("account: expected a name and a block, such as account default { … }")
	}
	name := d.Val()
	if a.Accounts[name] != nil {
		return d.Errf("there is more than one account %s", name)
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
