package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
)

func init() {
	caddy.RegisterModule(Transport{})
}

// Transport is reverse_proxy's HTTP transport for requests that
// jira_token_auth has let pass: it adds the Jira account's credential to what
// goes to Jira and takes the account's identity and session out of what comes
// back. It takes all options of the http transport. Requests that carry no
// token (a browser's session, a health check) pass untouched.
//
// The credential is added here, on the last copy of the request, and nowhere
// else: no other handler, error route or log sees it.
type Transport struct {
	reverseproxy.HTTPTransport

	// Whether links to Jira in responses are made to lead to the gateway:
	// absolute URLs in JSON, Location, Content-Location and Link.
	// Default: true
	RewriteLinks *bool `json:"rewrite_links,omitempty"`

	// Where Jira is installed, such as https://acme.atlassian.net: what its
	// links start with, and what `caddy jira-token check` asks.
	URL string `json:"url,omitempty"`

	// More URLs that links to this Jira start with, such as Data Center's
	// configured base URL, when that differs.
	BaseURLs []string `json:"base_urls,omitempty"`

	// What tokens can reach, as in jira_token_auth: only links to these
	// paths are rewritten, so that links for people (/browse/…) stay on Jira.
	// Default: as in jira_token_auth.
	Paths []string `json:"paths,omitempty"`

	mapper *links.Mapper
}

// CaddyModule returns the Caddy module information.
func (Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.jira",
		New: func() caddy.Module { return new(Transport) },
	}
}

// Provision sets up the transport.
func (t *Transport) Provision(ctx caddy.Context) error {
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	if t.URL == "" {
		return errors.New("url: wants the URL that Jira is installed at, such as https://acme.atlassian.net")
	}
	app, err := loadApp(ctx)
	if err != nil {
		return err
	}
	app.AddJira(Jira{URL: t.URL, Transport: &t.HTTPTransport})
	return t.provisionLinks()
}

func (t *Transport) provisionLinks() error {
	if t.RewriteLinks != nil && !*t.RewriteLinks {
		return nil
	}
	paths, err := reachablePaths(t.Paths)
	if err != nil {
		return err
	}
	bases := append([]string{t.URL}, t.BaseURLs...)
	if t.mapper, err = links.New(bases, paths.Strings()); err != nil {
		return fmt.Errorf("base_urls: %w", err)
	}
	return nil
}

// RoundTrip sends a request to Jira.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	d := decisionOn(r)
	if d == nil {
		return t.HTTPTransport.RoundTrip(r)
	}
	// The proxy uses its copy again for a retry, and a RoundTripper must not
	// change what it is given.
	out := r.WithContext(withoutTrace{r.Context()})
	out.Header = make(http.Header, len(r.Header)+1)
	for name, values := range r.Header {
		out.Header[name] = values
	}
	out.Header["Authorization"] = []string{d.Account.Authorization()}
	if t.mapper != nil && mayHoldLinks(r.URL.Path) {
		// Links cannot be found in compressed text. Without this header Go's
		// transport asks for gzip and unpacks it.
		delete(out.Header, "Accept-Encoding")
	}
	response, err := t.HTTPTransport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	return t.inbound(response, r, d), nil
}

// withoutTrace keeps the proxy from forwarding 1xx responses, which would pass
// the headers of an early hint to the client as they are.
type withoutTrace struct{ context.Context }

func (c withoutTrace) Value(key any) any {
	value := c.Context.Value(key)
	if _, ok := value.(*httptrace.ClientTrace); ok {
		return nil
	}
	return value
}

// Interface guards
var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ caddy.CleanerUpper                               = (*Transport)(nil)
	_ http.RoundTripper                                = (*Transport)(nil)
	_ reverseproxy.TLSTransport                        = (*Transport)(nil)
	_ reverseproxy.H2CTransport                        = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
)
