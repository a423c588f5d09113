package handler

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("jira_token_auth", parseHandler)
	// Before all that forwards, and before `handle` and `route`: a site that
	// asks for tokens asks everywhere.
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
//		context_path <path>
//		affinity_cookie <name>
//	}
//
// reads, allow_ip and deny_ip can be repeated. Ranges are CIDR ranges, single
// addresses or private_ranges.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: jira_token_auth takes a block only", d.Val())
	}
	seen := make(optionsSeen)
	for d.NextBlock(0) {
		known, err := h.unmarshalOption(d, seen)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		switch d.Val() {
		case "context_path":
			err = seen.one(d, &h.ContextPath)
		case "affinity_cookie":
			err = seen.one(d, &h.AffinityCookie)
		default:
			err = d.Errf("unknown option %q of jira_token_auth: want %s, context_path or affinity_cookie", d.Val(), strings.Join(optionNames, ", "))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// optionNames are the options that jira_token_auth and jira_gateway share.
var optionNames = []string{"front", "passwords", "scope_by", "reads", "paths", "allow_ip", "deny_ip", "accounts", "headers"}

// unmarshalOption reads the option at d, if it is one of optionNames.
func (h *Handler) unmarshalOption(d *caddyfile.Dispenser, seen optionsSeen) (known bool, err error) {
	switch d.Val() {
	case "front":
		return true, seen.choice(d, &h.Front, frontAPI, frontSite)
	case "passwords":
		return true, seen.choice(d, &h.Passwords, passwordsDeny, passwordsPass)
	case "scope_by":
		return true, seen.choice(d, &h.ScopeBy, scopeByOperation, scopeByMethod)
	case "reads":
		var read Read
		if !d.Args(&read.Method, &read.Path) || d.NextArg() {
			return true, d.Err("reads: want a method and a path, such as reads POST /rest/tempo-timesheets/4/worklogs/search")
		}
		h.Reads = append(h.Reads, read)
		return true, nil
	case "paths":
		if err := seen.first(d); err != nil {
			return true, err
		}
		h.Paths, err = values(d)
		return true, err
	case "accounts":
		if err := seen.first(d); err != nil {
			return true, err
		}
		h.Accounts, err = values(d)
		return true, err
	case "headers":
		if err := seen.first(d); err != nil {
			return true, err
		}
		if h.Headers, err = values(d); err != nil {
			return true, err
		}
		if _, err := newHeaderLists(h.Headers); err != nil {
			return true, d.WrapErr(err)
		}
		return true, nil
	case "allow_ip":
		return true, ranges(d, &h.AllowIP)
	case "deny_ip":
		return true, ranges(d, &h.DenyIP)
	}
	return false, nil
}

// ranges reads the arguments of allow_ip or deny_ip.
func ranges(d *caddyfile.Dispenser, list *[]string) error {
	args, err := values(d)
	if err != nil {
		return err
	}
	for _, arg := range args {
		if arg == "private_ranges" {
			for _, private := range caddyhttp.PrivateRangesCIDR() {
				prefix, err := caddyhttp.CIDRExpressionToPrefix(private)
				if err != nil {
					return d.WrapErr(err)
				}
				// One of them is 127.0.0.1/8.
				*list = append(*list, prefix.Masked().String())
			}
			continue
		}
		if _, err := parseRanges([]string{arg}, nil); err != nil {
			return d.WrapErr(err)
		}
		*list = append(*list, arg)
	}
	return nil
}

// values reads the one or more arguments of an option.
func values(d *caddyfile.Dispenser) ([]string, error) {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return nil, d.Errf("%s: wants at least one value", option)
	}
	return args, nil
}

// optionsSeen are the options that were given, to refuse a second one.
type optionsSeen map[string]bool

// first refuses an option that was given before.
func (seen optionsSeen) first(d *caddyfile.Dispenser) error {
	if seen[d.Val()] {
		return d.Errf("%s is given twice", d.Val())
	}
	seen[d.Val()] = true
	return nil
}

// one reads the single value of an option.
func (seen optionsSeen) one(d *caddyfile.Dispenser, value *string) error {
	if err := seen.first(d); err != nil {
		return err
	}
	option := d.Val()
	if !d.NextArg() {
		return d.Errf("%s: wants a value", option)
	}
	*value = d.Val()
	if d.NextArg() {
		return d.Errf("%s: unexpected %q after %q", option, d.Val(), *value)
	}
	return nil
}

// choice reads the single value of an option that has two.
func (seen optionsSeen) choice(d *caddyfile.Dispenser, value *string, a, b string) error {
	option := d.Val()
	if err := seen.one(d, value); err != nil {
		return err
	}
	if err := oneOf(option, *value, a, b); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
