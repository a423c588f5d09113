package handler

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("jira_token_auth", parseHandler)
	// Before everything that forwards, and before `handle` and `route`, so that
	// the whole site asks for tokens.
	httpcaddyfile.RegisterDirectiveOrder("jira_token_auth", httpcaddyfile.Before, "basicauth")
}

func parseHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	jira_token_auth [<matcher>] {
//		front     api|site
//		passwords deny|pass
//		scope_by  operation|method
//		reads     <method> <path>
//		paths     <paths...>
//		allow_ip  <ranges...>
//		deny_ip   <ranges...>
//		accounts  <names...>
//		headers   <names...>
//		cors {
//			origins <origins...>
//		}
//		confine {
//			projects <keys...>
//			jql      <condition>
//			hide     <fields...>
//			ttl      <duration>
//		}
//		pat_api on|off
//		context_path <path>
//		affinity_cookie <name>
//	}
//
// reads, allow_ip, deny_ip and hide may be repeated. Ranges are CIDR ranges, single
// addresses or private_ranges.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	return append(h.options(),
		option.Text("context_path", &h.ContextPath),
		option.Text("affinity_cookie", &h.AffinityCookie),
	).Read(d, "jira_token_auth")
}

// options returns the options that jira_token_auth and jira_gateway share.
func (h *Handler) options() option.Block {
	var patAPI *bool
	return option.Block{
		option.Choice("front", &h.Front, frontAPI, frontSite),
		option.Choice("passwords", &h.Passwords, passwordsDeny, passwordsPass),
		option.Choice("scope_by", &h.ScopeBy, scopeByOperation, scopeByMethod),
		option.Func("reads", h.unmarshalRead).Repeated(),
		option.Texts("paths", &h.Paths),
		Ranges("allow_ip", &h.AllowIP),
		Ranges("deny_ip", &h.DenyIP),
		option.Texts("accounts", &h.Accounts),
		option.Texts("headers", &h.Headers).Then(func() error {
			_, err := newHeaderLists(h.Headers)
			return err
		}),
		option.Func("cors", h.unmarshalCORS),
		option.Func("confine", h.unmarshalConfine),
		option.OnOff("pat_api", &patAPI).Then(func() error {
			h.PATAPI = *patAPI
			return nil
		}),
	}
}

func (h *Handler) unmarshalRead(d *caddyfile.Dispenser) error {
	var read Read
	err := option.Args(d, "a method and a path, such as reads POST /rest/tempo-timesheets/4/worklogs/search", &read.Method, &read.Path)
	h.Reads = append(h.Reads, read)
	return err
}

// Ranges is a repeated option with CIDR ranges, single addresses or private_ranges.
func Ranges(name string, list *[]string) option.Option {
	return option.Each(name, func(value string) error {
		if value != "private_ranges" {
			*list = append(*list, value)
			_, err := parseRanges([]string{value}, nil)
			return err
		}
		for _, private := range caddyhttp.PrivateRangesCIDR() {
			prefix, err := caddyhttp.CIDRExpressionToPrefix(private)
			if err != nil {
				return err
			}
			// Caddy spells one of them 127.0.0.1/8.
			*list = append(*list, prefix.Masked().String())
		}
		return nil
	})
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
