package manager

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/jiratokens/caddy-jira-tokens/handler"
)

// TestMisplaced: who puts the page where nobody can get to it is told so.
func TestMisplaced(t *testing.T) {
	gateway := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&caddyhttp.Subroute{Routes: caddyhttp.RouteList{
		{Handlers: []caddyhttp.MiddlewareHandler{new(handler.Handler), new(reverseproxy.Handler)}},
	}}}}
	page := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{new(Handler)}}
	strip := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&rewrite.Rewrite{StripPathPrefix: "/tokens"}}}
	below := func(path string, routes ...caddyhttp.Route) caddyhttp.Route {
		return caddyhttp.Route{
			MatcherSets: caddyhttp.MatcherSets{{&caddyhttp.MatchPath{path}}},
			Handlers:    []caddyhttp.MiddlewareHandler{&caddyhttp.Subroute{Routes: routes}},
		}
	}
	site := func(routes ...caddyhttp.Route) caddyhttp.RouteList {
		return caddyhttp.RouteList{{
			MatcherSets: caddyhttp.MatcherSets{{&caddyhttp.MatchHost{"jira.example.com"}}},
			Handlers:    []caddyhttp.MiddlewareHandler{&caddyhttp.Subroute{Routes: routes}},
		}}
	}
	other := func(routes ...caddyhttp.Route) caddyhttp.RouteList {
		elsewhere := site(routes...)
		elsewhere[0].MatcherSets = caddyhttp.MatcherSets{{&caddyhttp.MatchHost{"other.example.com"}}}
		return elsewhere
	}
	public := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&Handler{PublicURL: "https://tokens.example.com/t"}}}
	for name, c := range map[string]struct {
		routes caddyhttp.RouteList
		want   string
		// address is the manager's if the gateway's is https://JIRA.example.com:8443.
		address string
	}{
		"alone":                  {site(page), "", "https://JIRA.example.com:8443"},
		"handle_path":            {site(below("/tokens*", strip, page), gateway), "", "https://JIRA.example.com:8443/tokens"},
		"handle_path at the end": {site(below("/rest/*", gateway), below("/tokens*", strip, page)), "", "https://JIRA.example.com:8443/tokens"},
		"sites of their own":     {append(site(gateway), site(page)...), "", "https://JIRA.example.com:8443"},
		"all paths":              {site(below("/*", page)), "", "https://JIRA.example.com:8443"},
		"behind the gateway":     {site(gateway, page), "jira_gateway before it", ""},
		"behind it in a handle":  {site(gateway, below("/tokens*", strip, page)), "jira_gateway before it", ""},
		"handle":                 {site(below("/tokens*", page), gateway), "is below /tokens*", ""},
		"another host":           {other(below("/tokens*", strip, page)), "", ""},
		"with a public URL":      {other(public), "", "https://tokens.example.com/t"},
	} {
		var p placement
		p.routes(c.routes, surroundings{})
		if got := strings.Join(p.problems, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := p.address("https://JIRA.example.com:8443"); got != c.address {
			t.Errorf("%s: the address is %q, want %q", name, got, c.address)
		}
		if got := p.address(""); got != "" && c.address != "https://tokens.example.com/t" {
			t.Errorf("%s: the address is %q without the gateway's", name, got)
		}
	}
}
