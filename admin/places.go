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
		w := walk{places: places}
		w.routes(server.Routes, strings.Join(server.Listen, " "))
	}
	return places
}

// walk traverses the routes of a server.
type walk struct {
	places map[*handler.Handler]place
	// last is the latest gateway without a proxy: the next proxy belongs to it.
	last *handler.Handler
}

func (w *walk) routes(routes caddyhttp.RouteList, site string) {
	for _, route := range routes {
		here := site
		if matched := sitesOf(route.MatcherSets); matched != "" {
			here = matched
		}
		for _, h := range route.Handlers {
			w.handler(h, here)
		}
	}
}

func (w *walk) handler(h caddyhttp.MiddlewareHandler, site string) {
	switch h := h.(type) {
	case *caddyhttp.Subroute:
		w.routes(h.Routes, site)
	case *handler.Handler:
		w.last, w.places[h] = h, place{site: site}
	case *reverseproxy.Handler:
		transport, ok := h.Transport.(*handler.Transport)
		if ok && w.last != nil {
			w.places[w.last] = place{w.places[w.last].site, transport.URL}
			w.last = nil
		}
	}
}

// sitesOf returns the hosts that a route matches, or "" if it matches any.
func sitesOf(sets caddyhttp.MatcherSets) string {
	var hosts []string
	for _, set := range sets {
		for _, matcher := range set {
			if match, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *match...)
			}
		}
	}
	return strings.Join(hosts, ", ")
}
