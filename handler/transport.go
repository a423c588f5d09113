package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
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
	reverseproxy.HTTPTransport

	// Where Jira is installed, such as https://acme.atlassian.net: what its
	// links start with, and what `caddy jira-token check` asks.
	URL string `json:"url,omitempty"`

	// More URLs that links to this Jira start with, such as Data Center's
	// configured base URL, when that differs.
	BaseURLs []string `json:"base_urls,omitempty"`

	// Whether links to Jira in responses are made to lead to the gateway:
	// absolute URLs in JSON, Location, Content-Location and Link.
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

	served []string
	mapper *links.Mapper
	// cloudMappers are for accounts that call the API by cloud id, by its URL.
	cloudMappers *sync.Map
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
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	if t.URL == "" {
		return errors.New("url: wants the URL that Jira is installed at, such as https://acme.atlassian.net")
	}
	if t.Attachments == "" {
		t.Attachments = attachmentsProxy
	}
	app, err := loadApp(ctx)
	if err != nil {
		return err
	}
	app.AddJira(Jira{URL: t.URL, Transport: &t.HTTPTransport, Accounts: t.Accounts})
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
	t.cloudMappers = new(sync.Map)
	for _, pattern := range paths.Strings() {
		// What follows a free segment is left open: a link too many to the
		// gateway is refused there, one too few takes the token to Jira.
		beginning, _, free := strings.Cut(pattern, "*")
		if free {
			beginning += "*"
		}
		t.served = append(t.served, beginning)
	}
	t.mapper, err = links.New(append([]string{t.URL}, t.BaseURLs...), t.served)
	return err
}

// Validate checks the configuration.
func (t *Transport) Validate() error {
	return oneOf("attachments", t.Attachments, attachmentsProxy, attachmentsRedirect)
}

// RoundTrip sends a request to Jira.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	d := decisionOn(r)
	if d == nil {
		return t.HTTPTransport.RoundTrip(r)
	}
	response, err := t.send(r, d)
	if err == nil {
		return response, nil
	}
	if refused, ok := errors.AsType[jira.RefusedError](err); ok {
		// No error: the proxy would take Jira for down, or try again.
		d.why = accountRefused(d, refused)
		return d.why.response(r), nil
	}
	return nil, forwardingError{err}
}

// forwardingError tells the handler that Jira was not reached, as opposed to
// an error that another handler made.
type forwardingError struct{ error }

func (e forwardingError) Unwrap() error { return e.error }

// send sends a request with a token.
func (t *Transport) send(r *http.Request, d *Decision) (*http.Response, error) {
	ctx := ownContext{r.Context()}
	if err := t.usable(ctx, d.Account); err != nil {
		return nil, err
	}
	base, err := d.Account.BaseURL(ctx, &t.HTTPTransport, t.URL)
	if err != nil {
		return nil, err
	}
	mapper, err := t.mapperFor(base)
	if err != nil {
		return nil, err
	}
	if d.publicURL == "" {
		mapper = nil
	}
	out, err := t.authorized(r, d, base, mapper != nil)
	if err != nil {
		return nil, t.refusedBy(d.Account, err)
	}
	response, err := t.HTTPTransport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusOK {
		// No upgrade is forwarded that Jira could agree to.
		_ = response.Body.Close()
		return nil, fmt.Errorf("jira answers HTTP %d without being asked", response.StatusCode)
	}
	if err := jira.Refusal(response); err != nil {
		_ = response.Body.Close() // such an answer is not for the caller
		return nil, t.refused(ctx, d.Account, err)
	}
	return inbound(response, r, d, mapper), nil
}

// usable returns nil when the account does not rest after Jira refused it.
func (t *Transport) usable(ctx context.Context, account *jira.Account) error {
	probe, refused := account.Usable(time.Now())
	if !probe {
		return refused
	}
	// Jira is asked for all, not for the client that happened to come: one that
	// leaves at once must not keep the account resting.
	if _, err := jira.Myself(context.WithoutCancel(ctx), &t.HTTPTransport, t.URL, account); err != nil {
		return t.refusedBy(account, err)
	}
	account.Accepted()
	return nil
}

// refused finds out whether it is the account that Jira does not take.
func (t *Transport) refused(ctx context.Context, account *jira.Account, err error) error {
	account.Forget()
	var refused jira.RefusedError
	if !errors.As(err, &refused) || !refused.Doubtful {
		return t.refusedBy(account, err)
	}
	account.Confirm(func() {
		if _, err := jira.Myself(context.WithoutCancel(ctx), &t.HTTPTransport, t.URL, account); err != nil {
			_ = t.refusedBy(account, err) // the caller gets the first answer
		}
	})
	return err
}

// refusedBy lets an account rest when err says that Jira does not take it.
func (t *Transport) refusedBy(account *jira.Account, err error) error {
	if refused, ok := errors.AsType[jira.RefusedError](err); ok {
		account.Refused(refused, time.Now())
	}
	return err
}

// authorized returns the request with the account's credential. The proxy uses
// its copy again for a retry, and a RoundTripper must not change what it is
// given.
func (t *Transport) authorized(r *http.Request, d *Decision, base string, mapped bool) (*http.Request, error) {
	authorization, err := d.Account.Authorization(r.Context())
	if err != nil {
		return nil, err
	}
	out := r.WithContext(withoutTrace{r.Context()})
	// Links cannot be found in compressed text. Without this header Go's
	// transport asks for gzip and unpacks it.
	plain := mapped && mayHoldLinks(r.URL.Path)
	out.Header = make(http.Header, len(r.Header)+2)
	for name, values := range r.Header {
		if !plain || name != "Accept-Encoding" {
			out.Header[name] = values
		}
	}
	// Here rather than before the proxy: a client's Connection header makes
	// the proxy drop what it names.
	out.Header["Authorization"] = []string{authorization}
	out.Header["User-Agent"] = []string{userAgent}
	if jira.AccessByMethod(r.Method) != jira.AccessRead {
		// Reads by POST included: Jira checks the method.
		out.Header["X-Atlassian-Token"] = []string{"no-check"}
	}
	if t.Attachments == attachmentsProxy && isAttachment(r.URL.Path) {
		u := *out.URL
		u.RawQuery = withoutRedirect(u.RawQuery)
		out.URL = &u
	}
	if base == t.URL {
		return out, nil
	}
	return byCloudID(out, t.URL, base)
}

// byCloudID sends a request to the API's address for a cloud id instead of the
// site's own.
func byCloudID(r *http.Request, site, base string) (*http.Request, error) {
	from, err := url.Parse(site)
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	u := *r.URL
	u.Scheme, u.Host = to.Scheme, to.Host
	u.RawPath = to.EscapedPath() + strings.TrimPrefix(r.URL.EscapedPath(), from.EscapedPath())
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, fmt.Errorf("path for %s: %w", base, err)
	}
	r = r.WithContext(ownContext{r.Context()})
	r.URL, r.Host = &u, to.Host
	return r, nil
}

// mapperFor returns what maps links to base, and to Jira's other URLs; nil when
// links are not rewritten.
func (t *Transport) mapperFor(base string) (*links.Mapper, error) {
	if t.mapper == nil || base == t.URL {
		return t.mapper, nil
	}
	if mapper, ok := t.cloudMappers.Load(base); ok {
		return mapper.(*links.Mapper), nil
	}
	mapper, err := links.New(append([]string{t.URL, base}, t.BaseURLs...), t.served)
	if err == nil {
		t.cloudMappers.Store(base, mapper)
	}
	return mapper, err
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

// ownContext is for requests that go elsewhere than the proxy meant: without
// its dial info the transport dials the host of the URL.
type ownContext struct{ context.Context }

func (c ownContext) Value(key any) any {
	value := withoutTrace(c).Value(key)
	if _, ok := value.(reverseproxy.DialInfo); ok {
		return nil
	}
	return value
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
