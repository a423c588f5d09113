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

// Transport is a reverse_proxy transport for requests that jira_token_auth has
// admitted. It adds the Jira account's credential to requests and removes the
// account's identity and session from responses. It supports all options of the
// http transport. Requests without a token, such as browser sessions and health
// checks, pass untouched.
//
// It adds the credential to the last copy of the request, so that no other
// handler, error route or log sees it.
type Transport struct {
	// The options of the http transport, with two different defaults: idle
	// connections are closed after 15s, because Tomcat closes them after 20s,
	// and up to 256 of them are kept per host.
	reverseproxy.HTTPTransport

	// Jira's base URL, such as https://acme.atlassian.net. Links to Jira start
	// with it, and `caddy jira-token check` connects to it. Required.
	URL string `json:"url,omitempty"`

	// Other URLs that links to this Jira start with, such as the base URL
	// configured in Data Center if it differs from url. Default: none
	BaseURLs []string `json:"base_urls,omitempty"`

	// Whether to rewrite links to Jira in responses so that they lead to the
	// gateway: absolute URLs in JSON and XML, Location, Content-Location and Link.
	// Default: true
	RewriteLinks *bool `json:"rewrite_links,omitempty"`

	// The paths that tokens can reach, as in jira_token_auth. Only links to
	// these are rewritten; links for people (/browse/…) still lead to Jira.
	// Default: as in jira_token_auth.
	Paths []string `json:"paths,omitempty"`

	// How clients download attachments from Jira Cloud. `proxy`: through the
	// gateway. `redirect`: clients get Jira's redirect to a signed URL on its
	// media host. Default: `proxy`
	Attachments string `json:"attachments,omitempty"`

	// The names of the configured accounts that may be used with this Jira, as in
	// jira_token_auth. Default: all
	Accounts []string `json:"accounts,omitempty"`

	// ctx ends with the configuration.
	ctx context.Context
	app App
	// upstream is the http transport.
	upstream http.RoundTripper
	// homes are URL and BaseURLs, which redirects may lead to.
	homes     []*url.URL
	reachable jira.Paths
	served    []string
	own       *base
	// clouds maps API URLs with a cloud ID to their *base.
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
	var err error
	if t.app, err = loadApp(ctx); err != nil {
		return err
	}
	if err := t.provision(&t.HTTPTransport); err != nil {
		return err
	}
	return t.app.AddJira(Jira{URL: t.URL, Transport: t.upstream, Accounts: t.Accounts})
}

// provision sets up everything but the http transport.
func (t *Transport) provision(upstream http.RoundTripper) error {
	t.upstream = upstream
	if t.URL == "" {
		return errors.New("url: missing Jira's base URL, such as https://acme.atlassian.net")
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

// idleTimeout is how long to keep an idle connection to Jira. Tomcat closes it
// after 20 s, and a request sent just then is lost.
const idleTimeout = 15 * time.Second

// idleConnections is the maximum number of idle connections to Jira. With
// reverse_proxy's 32, a busy gateway keeps opening new ones.
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
		return t.pass(r)
	}
	d.denied = nil        // from an earlier attempt: the proxy may retry
	if d.Account == nil { // it is the owner's
		if d.denied = ownAccount(r.Context(), t.app, d, t.URL); d.denied != nil {
			return t.deny(r, d), nil
		}
	}
	if !(Jira{URL: t.URL, Accounts: t.Accounts}).Takes(d.Account) {
		// A separate jira_token_auth may list other accounts than this transport.
		d.denied = otherJira()
		return t.deny(r, d), nil
	}
	response, err := t.send(r, d)
	if err == nil {
		return d.counting(response), nil
	}
	if d.denied = deniedBy(d, err); d.denied != nil {
		// For an error, the proxy would consider Jira down, or retry.
		d.lingering = d.request != nil && !drainOrClose(d.writer, d.request)
		return t.deny(r, d), nil
	}
	if _, gone := errors.AsType[clientError](err); gone {
		return nil, context.Canceled // which the proxy blames on the client
	}
	return nil, forwardingError{err}
}

// deny records a denial in the audit trail and returns the response to the request.
func (t *Transport) deny(r *http.Request, d *Decision) *http.Response {
	d.recordDenial(t.app.Trail(), r)
	return d.denied.response(r)
}

// pass sends a request without a token to Jira. If the client fails to send its
// body, the answer says so: for an error, the proxy would consider Jira down.
func (t *Transport) pass(r *http.Request) (*http.Response, error) {
	out := *r // a RoundTripper must not modify the request
	body := watchBody(&out)
	response, err := t.upstream.RoundTrip(&out)
	failed, ok := errors.AsType[clientError](blame(body.err(), err))
	if !ok {
		return response, err
	}
	if denied := bodyDenial(failed); denied != nil {
		return denied.response(r), nil
	}
	return nil, context.Canceled // which the proxy blames on the client
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
