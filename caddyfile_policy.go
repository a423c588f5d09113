package jiratokens

import (
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/policy"
)

func (a *App) unmarshalGroup(d *caddyfile.Dispenser) error {
	var name string
	if !d.Args(&name) {
		return d.Err("group: expected a name and a block, as in group integrators { members alice@example.com }")
	}
	if _, ok := a.Groups[name]; ok {
		return d.Errf("the group %s is defined twice", name)
	}
	var group policy.Group
	err := option.Block{
		option.Each("members", func(member string) error {
			group.Members = append(group.Members, member)
			return nil
		}),
	}.Read(d, "group "+name)
	if err != nil {
		return err
	}
	if a.Groups == nil {
		a.Groups = make(map[string]policy.Group)
	}
	a.Groups[name] = group
	return nil
}

func (a *App) unmarshalPolicy(d *caddyfile.Dispenser) error {
	a.Policy = new(policy.Config)
	return option.Block{
		option.Func(policy.Everyone, func(d *caddyfile.Dispenser) error {
			a.Policy.Everyone = new(policy.Rule)
			return unmarshalRule(d, a.Policy.Everyone)
		}),
		option.Func("group", func(d *caddyfile.Dispenser) error {
			var rule policy.Rule
			if !d.Args(&rule.Group) {
				return d.Err("group: expected a name and a block of rights, as in group integrators { scopes read write }")
			}
			if err := unmarshalRule(d, &rule); err != nil {
				return err
			}
			a.Policy.Groups = append(a.Policy.Groups, rule)
			return nil
		}).Repeated(),
		option.Flag("allow_no_managers", &a.Policy.AllowNoManagers),
	}.Read(d, "policy")
}

// unmarshalRule reads the rights in a block, with d at the last word before it.
func unmarshalRule(d *caddyfile.Dispenser, rule *policy.Rule) error {
	rule.Place = fmt.Sprintf("%s:%d", filepath.Base(d.File()), d.Line())
	return option.Block{
		option.Texts("scopes", &rule.Scopes),
		option.Value("max_lifetime", &rule.MaxLifetime),
		option.Value("default_lifetime", &rule.DefaultLifetime),
		option.Number("max_tokens", &rule.MaxTokens, 1),
		handler.Ranges("networks", &rule.Networks),
		option.Texts("accounts", &rule.Accounts),
		option.Texts("write_accounts", &rule.WriteAccounts),
		option.Choice("confine", &rule.Confine, policy.ConfineRequired, policy.ConfineOptional),
		option.Texts("approval", &rule.Approval),
		option.Flag("on_behalf", &rule.OnBehalf),
		option.Flag("manage", &rule.Manage),
	}.Read(d, "the policy")
}
