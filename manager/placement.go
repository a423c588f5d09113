package manager

import (
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// Misplaced reports token managers that cannot work: those behind a gateway that takes all
// requests, which nobody reaches, and those below a path that is not removed, whose links
// lead nowhere.
func Misplaced(ctx caddy.Context) []string { return placed(ctx).problems }

// Address returns the address of the token manager, for whoever gets to know it from the
// gateway, whose own is given; empty if the configuration does not say it. It is a
// manager's public_url, or below the gateway's address if the manager is on its site.
func Address(ctx caddy.Context, gateway string) string { return placed(ctx).address(gateway) }

// placed looks at all routes of the configuration.
func placed(ctx caddy.Context) (p placement) {
	value, err := ctx.AppIfConfigured("http")
	if err != nil {
		return p
	}
	app, ok := value.(*caddyhttp.App)
	if !ok {
		return p
	}
	for _, server := range app.Servers {
		p.routes(server.Routes, surroundings{})
	}
	return p
}

type placement struct {
	problems []string
	managers []placedManager
}

// placedManager is a token manager that people can get to.
type placedManager struct {
	publicURL string
	// path was removed from the beginning of the path; hosts is empty for all.
	path  string
	hosts []string
}

func (p placement) address(gateway string) string {
	for _, m := range p.managers {
		if m.publicURL != "" {
			return m.publicURL
		}
	}
	site, err := url.Parse(gateway)
	if err != nil || site.Host == "" {
		return ""
	}
	for _, m := range p.managers {
		isHost := func(host string) bool { return strings.EqualFold(host, site.Hostname()) }
		if len(m.hosts) == 0 || slices.ContainsFunc(m.hosts, isHost) {
			return site.Scheme + "://" + site.Host + m.path
		}
	}
	return ""
}

// surroundings are what a route inherits of those that it is in, or that come before it.
type surroundings struct {
	// path is the first path that requests must have; "" for all.
	path string
	// hosts are the hosts that requests can be for; empty for all.
	hosts []string
	// stripped is set if something was removed from the beginning of the path.
	stripped bool
	// taken is set if a reverse_proxy, such as that of a gateway, has taken all requests.
	taken bool
}

// routes looks at routes, and reports whether a reverse_proxy in them takes all requests
// that get there.
func (p *placement) routes(routes caddyhttp.RouteList, outer surroundings) (taken bool) {
	here := outer
	for _, route := range routes {
		inner := here
		if inner.path == "" {
			inner.path = pathOf(route)
		}
		if len(inner.hosts) == 0 {
			inner.hosts = hostsOf(route)
		}
		for _, h := range route.Handlers {
			switch h := h.(type) {
			case *caddyhttp.Subroute:
				inner.taken = p.routes(h.Routes, inner) || inner.taken
			case *rewrite.Rewrite:
				inner.stripped = inner.stripped || h.StripPathPrefix != ""
			case *reverseproxy.Handler:
				inner.taken = true
			case *Handler:
				p.manager(h, inner)
			}
		}
		if len(route.MatcherSets) == 0 {
			here.taken, here.stripped = inner.taken, inner.stripped
		}
	}
	return here.taken
}

// pathOf returns the first path that a route matches; "" if it matches all.
func pathOf(route caddyhttp.Route) string {
	for _, set := range route.MatcherSets {
		for _, matcher := range set {
			if paths, ok := matcher.(*caddyhttp.MatchPath); ok && len(*paths) > 0 && strings.Trim((*paths)[0], "/*") != "" {
				return (*paths)[0]
			}
		}
	}
	return ""
}

// hostsOf returns the hosts that a route matches; nil if it matches all.
func hostsOf(route caddyhttp.Route) (hosts []string) {
	for _, set := range route.MatcherSets {
		for _, matcher := range set {
			if matched, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *matched...)
			}
		}
	}
	return hosts
}

func (p *placement) manager(h *Handler, at surroundings) {
	var why string
	switch {
	case at.taken:
		why = "nobody can get to jira_token_manager, since a reverse_proxy or jira_gateway before it takes all requests: put it into `handle_path /tokens* { … }`"
	case at.path != "" && !at.stripped:
		why = "jira_token_manager is below " + at.path + ", which is not removed from the path, so its links lead nowhere: use handle_path instead of handle or a matcher"
	default:
		p.managers = append(p.managers, placedManager{h.PublicURL, strings.TrimRight(at.path, "/*"), at.hosts})
		return
	}
	if !slices.Contains(p.problems, why) {
		p.problems = append(p.problems, why)
	}
}
