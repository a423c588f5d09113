package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

func init() {
	httpcaddyfile.RegisterDirective("jira_gateway", parseGateway)
	httpcaddyfile.RegisterDirectiveOrder("jira_gateway", httpcaddyfile.Before, "reverse_proxy")
}

// parseGateway parses the jira_gateway directive. Syntax:
//
//	jira_gateway [<matcher>] <url> {
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
//		rewrite_links on|off
//		jira_base_url <urls...>
//		attachments proxy|redirect
//		<any subdirective of reverse_proxy>
//	}
//
// It is shorthand for jira_token_auth and a reverse_proxy with the jira
// transport, with a rewrite in between if the URL has a path:
//
//	jira_token_auth { … }
//	reverse_proxy <url> {
//		transport jira { … }
//	}
func parseGateway(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	h.Next() // again: ExtractMatcherSet resets the dispenser
	g, err := readGateway(h.Dispenser.NewFromNextSegment())
	if err != nil {
		return nil, err
	}
	route, err := g.route(h)
	if err != nil {
		return nil, err
	}
	if matchers != nil {
		route.MatcherSetsRaw = caddyhttp.RawMatcherSets{matchers}
	}
	// h.NewRoute takes a single handler, which would have to be a subroute, and
	// Caddy compiles a subroute for every request.
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: route}}, nil
}

// gateway is a parsed jira_gateway directive.
type gateway struct {
	d        *caddyfile.Dispenser
	jira     *url.URL
	handler  Handler
	links    *bool
	baseURLs []string
	// attachments is proxy or redirect.
	attachments string
	// proxy holds the subdirectives for reverse_proxy.
	proxy []caddyfile.Token
}

func readGateway(d *caddyfile.Dispenser) (*gateway, error) {
	g := &gateway{d: d}
	d.Next()           // the directive's name
	first := d.Token() // gives reverse_proxy's tokens their file and line
	if !d.NextArg() {
		return nil, d.Err("jira_gateway: missing Jira's URL, such as https://acme.atlassian.net")
	}
	var err error
	if g.jira, err = parseJiraURL(d.Val()); err != nil {
		return nil, d.WrapErr(err)
	}
	g.handler.ContextPath = g.jira.Path
	err = g.options().ReadOr(d, "jira_gateway", func() error {
		g.proxy = append(g.proxy, d.NextSegment()...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	g.proxy = proxyTokens(first, g.jira, g.proxy)
	return g, nil
}

// options returns the options other than reverse_proxy's.
func (g *gateway) options() option.Block {
	return append(g.handler.options(),
		option.OnOff("rewrite_links", &g.links),
		option.Each("jira_base_url", func(value string) error {
			_, err := parseJiraURL(value)
			g.baseURLs = append(g.baseURLs, value)
			return err
		}),
		option.Choice("attachments", &g.attachments, attachmentsProxy, attachmentsRedirect),
	)
}

// proxyTokens returns the tokens of the reverse_proxy directive.
func proxyTokens(at caddyfile.Token, jira *url.URL, subdirectives []caddyfile.Token) []caddyfile.Token {
	token := func(text string) caddyfile.Token {
		t := at
		t.Text = text
		return t
	}
	tokens := []caddyfile.Token{token("reverse_proxy"), token(jira.Scheme + "://" + jira.Host)}
	if len(subdirectives) == 0 {
		return tokens
	}
	tokens = append(tokens, token("{"))
	tokens = append(tokens, subdirectives...)
	end := subdirectives[len(subdirectives)-1]
	end.Line++
	end.Text = "}"
	return append(tokens, end)
}

// parseJiraURL parses Jira's base URL.
func parseJiraURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	shown := s[strings.LastIndexByte(s, '@')+1:] // the part before it may be a password
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("jira URL %q: expected a URL such as https://acme.atlassian.net or https://jira.example.com/jira", shown)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("jira URL of host %q: must have no user, query or fragment; credentials belong in an account of jira_tokens", u.Host)
	case strings.Contains(s, "{"):
		return nil, fmt.Errorf("jira URL %q: placeholders are not supported; use {$NAME} for an environment variable", shown)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// route returns a route with the handlers that the directive expands to.
func (g *gateway) route(h httpcaddyfile.Helper) (caddyhttp.Route, error) {
	proxy, err := g.reverseProxy(h)
	if err != nil {
		return caddyhttp.Route{}, err
	}
	if g.handler.AffinityCookie, err = affinityCookie(proxy); err != nil {
		return caddyhttp.Route{}, g.d.WrapErr(err)
	}
	handlers := []json.RawMessage{caddyconfig.JSONModuleObject(&g.handler, "handler", "jira_token_auth", nil)}
	if path := g.handler.ContextPath; path != "" {
		handlers = append(handlers, caddyconfig.JSONModuleObject(intoContext(path), "handler", "rewrite", nil))
	}
	handlers = append(handlers, caddyconfig.JSONModuleObject(proxy, "handler", "reverse_proxy", nil))
	return caddyhttp.Route{HandlersRaw: handlers}, nil
}

// intoContext returns a rewrite handler that adds a prefix to paths without it.
func intoContext(path string) any {
	type replacement struct {
		Find    string `json:"find"`
		Replace string `json:"replace"`
	}
	return struct {
		PathRegexp []replacement `json:"path_regexp"`
	}{[]replacement{{
		Find:    "^(?:" + regexp.QuoteMeta(path) + ")?(?:/|$)",
		Replace: strings.ReplaceAll(path, "$", "$$") + "/",
	}}}
}

// reverseProxy returns the proxy with defaults for Jira: the jira transport and
// Jira's Host.
func (g *gateway) reverseProxy(h httpcaddyfile.Helper) (*reverseproxy.Handler, error) {
	proxy := new(reverseproxy.Handler)
	d := caddyfile.NewDispenser(g.proxy)
	if err := proxy.UnmarshalCaddyfile(d); err != nil {
		return nil, g.explain(err)
	}
	if err := proxy.FinalizeUnmarshalCaddyfile(h.WithDispenser(d)); err != nil {
		return nil, err
	}
	if g.jira.Scheme == "https" {
		setHost(proxy, g.jira.Host)
	}
	return proxy, g.setTransport(proxy)
}

// explain adds the allowed names to reverse_proxy's own error.
func (g *gateway) explain(err error) error {
	if !strings.Contains(err.Error(), "unrecognized subdirective") {
		return err
	}
	return fmt.Errorf("%w; jira_gateway takes %s, and reverse_proxy's subdirectives", err, g.options().Names())
}

// setHost sends Jira its own host, unless the directive sets another one.
func setHost(proxy *reverseproxy.Handler, host string) {
	if proxy.Headers == nil {
		proxy.Headers = new(headers.Handler)
	}
	if proxy.Headers.Request == nil {
		proxy.Headers.Request = new(headers.HeaderOps)
	}
	if proxy.Headers.Request.Set == nil {
		proxy.Headers.Request.Set = make(http.Header)
	}
	if proxy.Headers.Request.Set.Get("Host") == "" {
		proxy.Headers.Request.Set.Set("Host", host)
	}
}

// setTransport makes the proxy's http transport a jira one.
func (g *gateway) setTransport(proxy *reverseproxy.Handler) error {
	var transport Transport
	if proxy.TransportRaw != nil {
		var protocol struct {
			Protocol string `json:"protocol"`
		}
		if err := json.Unmarshal(proxy.TransportRaw, &protocol); err != nil {
			return g.d.WrapErr(err)
		}
		if protocol.Protocol != "http" {
			return g.d.Errf("jira_gateway: transport %s: expected http", protocol.Protocol)
		}
		if err := json.Unmarshal(proxy.TransportRaw, &transport); err != nil {
			return g.d.WrapErr(err)
		}
	}
	transport.URL = g.jira.String()
	transport.BaseURLs = g.baseURLs
	transport.Paths = g.handler.Paths
	transport.Attachments = g.attachments
	transport.Accounts = g.handler.Accounts
	if g.links != nil && !*g.links { // on is the default
		transport.RewriteLinks = g.links
	}
	proxy.TransportRaw = caddyconfig.JSONModuleObject(&transport, "protocol", "jira", nil)
	return nil
}
