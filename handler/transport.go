package handler

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

func init() {
	caddy.RegisterModule(new(Transport))
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
	// The options of the http transport, with two other defaults: idle
	// connections are closed after 15s, before Tomcat closes them after 20s,
	// and 256 of them are kept per host.
	reverseproxy.HTTPTransport

	// Where Jira is installed, such as https://acme.atlassian.net: what its
	// links start with, and what `caddy jira-token check` asks.
	URL string `json:"url,omitempty"`

	// More URLs that links to this Jira start with, such as Data Center's
	// configured base URL, when that differs.
	BaseURLs []string `json:"base_urls,omitempty"`

	// Whether links to Jira in responses are made to lead to the gateway:
	// absolute URLs in JSON and XML, Location, Content-Location and Link.
	// Default: true
	RewriteLinks *bool `json:"rewrite_links,omitempty"`

	// What tokens can reach, as in jira_token_auth: only links to these
	// paths are rewritten, so that links for people (/browse/…) stay on Jira.
	// Default: as in jira_token_auth.
	Paths []string `json:"paths,omitempty"`

	// How attachments of Jira Cloud are downloaded. `proxy`: through the
	// gateway. `redirect`: Jira's redirect to a signed URL on its media host
	// goes to the client as it is. Default: `proxy`
	Attachments string `json:"attachments,omitempty"`

	// The accounts that this Jira gets, as in jira_token_auth. Default: all
	Accounts []string `json:"accounts,omitempty"`

	// ctx ends with the configuration.
	ctx context.Context
	// upstream is the way to Jira: the http transport.
	upstream http.RoundTripper
	// homes are URL and BaseURLs, which redirects may lead to.
	homes     []*url.URL
	reachable jira.Paths
	served    []string
	own       *base
	// clouds are the bases of accounts that call the API by cloud id, by its URL.
	clouds *sync.Map
}

// CaddyModule returns the Caddy module information.
func (*Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.jira",
		New: func() caddy.Module { return new(Transport) },
	}
}

// Provision sets up the transport.
func (t *Transport) Provision(ctx caddy.Context) error {
	t.ctx = ctx
	t.setDefaults()
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	app, err := loadApp(ctx)
	if err != nil {
		return err
	}
	if err := t.provision(&t.HTTPTransport); err != nil {
		return err
	}
	return app.AddJira(Jira{URL: t.URL, Transport: t.upstream, Accounts: t.Accounts})
}

// provision sets up what is not the http transport's.
func (t *Transport) provision(upstream http.RoundTripper) error {
	t.upstream = upstream
	if t.URL == "" {
		return errors.New("url: wants the URL that Jira is installed at, such as https://acme.atlassian.net")
	}
	for _, base := range append([]string{t.URL}, t.BaseURLs...) {
		home, err := parseJiraURL(base)
		if err != nil {
			return err
		}
		t.homes = append(t.homes, home)
	}
	var err error
	if t.reachable, err = reachablePaths(t.Paths); err != nil {
		return err
	}
	t.served, t.clouds = t.servedPaths(), new(sync.Map)
	t.own, err = t.newBase(t.URL)
	return err
}

// idleTimeout is how long an idle connection to Jira is kept: Tomcat closes its
// end after 20 s, and a request that meets that end is lost.
const idleTimeout = 15 * time.Second

// idleConnections is how many idle connections to Jira are kept: with
// reverse_proxy's 32 a busy gateway opens connections all the time.
const idleConnections = 256

func (t *Transport) setDefaults() {
	if t.Attachments == "" {
		t.Attachments = attachmentsProxy
	}
	if t.KeepAlive == nil {
		t.KeepAlive = new(reverseproxy.KeepAlive)
	}
	if t.KeepAlive.IdleConnTimeout == 0 {
		t.KeepAlive.IdleConnTimeout = caddy.Duration(idleTimeout)
	}
	if t.KeepAlive.MaxIdleConnsPerHost == 0 {
		t.KeepAlive.MaxIdleConnsPerHost = idleConnections
	}
}

// Validate checks the configuration.
func (t *Transport) Validate() error {
	return option.OneOf("attachments", t.Attachments, attachmentsProxy, attachmentsRedirect)
}

// RoundTrip sends a request to Jira.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	d := decisionOn(r)
	if d == nil {
		return t.upstream.RoundTrip(r)
	}
	d.denied = nil // of an earlier attempt: the proxy may try again
	if !(Jira{Accounts: t.Accounts}).Takes(d.Account.Name()) {
		// A jira_token_auth in long hand may name other accounts than this transport.
		d.denied = deny(ReasonPathDenied, "This API token is not for this Jira.")
		return d.denied.response(r), nil
	}
	response, err := t.send(r, d)
	if err == nil {
		return response, nil
	}
	if d.denied = deniedBy(d, err); d.denied != nil {
		// No error: the proxy would take Jira for down, or try again.
		d.lingering = d.request != nil && !drainOrClose(d.writer, d.request)
		return d.denied.response(r), nil
	}
	if _, gone := errors.AsType[clientError](err); gone {
		return nil, context.Canceled // which the proxy takes for the client's doing
	}
	return nil, forwardingError{err}
}

// Interface guards
var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ caddy.Validator                                  = (*Transport)(nil)
	_ caddy.CleanerUpper                               = (*Transport)(nil)
	_ http.RoundTripper                                = (*Transport)(nil)
	_ reverseproxy.TLSTransport                        = (*Transport)(nil)
	_ reverseproxy.H2CTransport                        = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
)
