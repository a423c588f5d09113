package admin

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/handler"
)

// place describes where a gateway is in the configuration.
type place struct {
	// site lists the hosts or addresses that the gateway serves; jira is the URL
	// that it forwards to.
	site, jira string
	// url is the address of the site, without a slash at the end; empty if it is
	// unknown, or if the gateway only serves some paths.
	url string
}

// placesOf returns the places of all gateways in a configuration. Caddy does not
// tell a handler its site, so placesOf searches the routes.
func placesOf(ctx caddy.Context) map[*handler.Handler]place {
	places := make(map[*handler.Handler]place)
	value, err := ctx.AppIfConfigured("http")
	if err != nil {
		return places
	}
	app, ok := value.(*caddyhttp.App)
	if !ok {
		return places
	}
	for _, server := range app.Servers {
		w := walk{places: places, app: app, server: server}
		w.routes(server.Routes, place{site: strings.Join(server.Listen, " ")})
	}
	return places
}

// walk traverses the routes of a server.
type walk struct {
	places map[*handler.Handler]place
	app    *caddyhttp.App
	server *caddyhttp.Server
	// last is the latest gateway without a proxy: the next proxy belongs to it.
	last *handler.Handler
}

func (w *walk) routes(routes caddyhttp.RouteList, outer place) {
	for _, route := range routes {
		here := outer
		if hosts := hostsOf(route.MatcherSets); len(hosts) > 0 {
			here = place{site: strings.Join(hosts, ", "), url: urlOfSite(w.app, w.server, hosts[0])}
		}
		if matchesMore(route.MatcherSets) {
			here.url = ""
		}
		for _, h := range route.Handlers {
			w.handler(h, here)
		}
	}
}

func (w *walk) handler(h caddyhttp.MiddlewareHandler, here place) {
	switch h := h.(type) {
	case *caddyhttp.Subroute:
		w.routes(h.Routes, here)
	case *handler.Handler:
		w.last, w.places[h] = h, here
	case *reverseproxy.Handler:
		transport, ok := h.Transport.(*handler.Transport)
		if ok && w.last != nil {
			found := w.places[w.last]
			found.jira = transport.URL
			w.places[w.last], w.last = found, nil
		}
	}
}

// hostsOf returns the hosts that a route matches; none if it matches any.
func hostsOf(sets caddyhttp.MatcherSets) (hosts []string) {
	for _, set := range sets {
		for _, matcher := range set {
			if match, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *match...)
			}
		}
	}
	return hosts
}

// matchesMore reports whether a route matches something else than hosts, such as paths.
func matchesMore(sets caddyhttp.MatcherSets) bool {
	for _, set := range sets {
		for _, matcher := range set {
			if _, ok := matcher.(*caddyhttp.MatchHost); !ok {
				return true
			}
		}
	}
	return false
}
