package manager

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("jira_token_manager", parseManager)
	httpcaddyfile.RegisterDirectiveOrder("jira_token_manager", httpcaddyfile.Before, "reverse_proxy")
}

func parseManager(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	manager := new(Handler)
	return manager, manager.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	jira_token_manager {
//		identity   jira
//		identity   oidc <issuer> { … }
//		identity   atlassian { … }
//		identity   placeholder <user> [groups <groups>]
//		identity   token
//		public_url <url>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // jira_token_manager
	return option.Block{
		option.Func("identity", h.readIdentity).Repeated(),
		option.Text("public_url", &h.PublicURL),
	}.Read(d, "jira_token_manager")
}

func (h *Handler) readIdentity(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("missing the kind of identity: expected jira, oidc, atlassian, placeholder or token")
	}
	name := d.Val()
	if _, err := caddy.GetModule(identity.Namespace + "." + name); err != nil {
		return d.Errf("unknown identity %q: expected jira, oidc, atlassian, placeholder, token, or one that another plugin provides", name)
	}
	module, err := caddyfile.UnmarshalModule(d, identity.Namespace+"."+name)
	if err != nil {
		return err
	}
	h.IdentitiesRaw = append(h.IdentitiesRaw, caddyconfig.JSONModuleObject(module, "identity", name, nil))
	return nil
}
