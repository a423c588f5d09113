// Package handler takes requests to Jira and responses back to clients. Every step
// (credentials, token, networks, limits, scope and so on, up to outbound; inbound on
// the way back) has a file of its own, adds to the request's Decision and can end it
// with a denial.
package handler

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler admits requests that an API token of the `jira_tokens` app allows. It
// denies others with an error body in Jira's format and the header
// `X-Jira-Token-Reason`.
//
// It removes the client's credentials from the requests it admits. The `jira`
// transport of reverse_proxy adds the credential of the Jira account; the
// directive `jira_gateway` sets up both.
//
// These placeholders are set for requests with a token:
//
// Placeholder | Description
// ------------|-------------
// `{http.auth.user.id}` | The owner of the token, if the request is allowed
// `{http.auth.candidate.id}` | The owner of the token, if the request is denied
// `{http.jira_token.id}` | The token's ID, its public name
// `{http.jira_token.owner}` | The owner of the token
// `{http.jira_token.scope}` | `read`, `read-all`, `write` or `admin`
// `{http.jira_token.account}` | The name of the Jira account used
// `{http.jira_token.reason}` | Why the request was denied; empty when allowed
type Handler struct {
	// What the gateway serves. `api`: only the API; requests without a valid
	// token are denied. `site`: the whole of Jira; browser sessions and other
	// requests without credentials pass untouched. Default: `api`
	Front string `json:"front,omitempty"`

	// What to do, with front `site`, about Basic and Bearer credentials other
	// than the gateway's tokens, logins through the REST API, and credentials
	// in the query or in form bodies. `deny`: deny the request. `pass`: forward
	// it to Jira unchanged. Default: `deny`
	Passwords string `json:"passwords,omitempty"`

	// How to determine the scope that a request needs. `operation`: by the
	// table of Jira's operations, in which a search by POST, for example, is a
	// read. `method`: GET, HEAD and OPTIONS read, everything else writes.
	// Default: `operation`
	ScopeBy string `json:"scope_by,omitempty"`

	// Operations that only read, in addition to those in the table. Default:
	// none
	Reads []Read `json:"reads,omitempty"`

	// The paths that tokens can reach: exact paths, or prefixes that end in /*.
	// Below /secure, tokens only reach downloads, whatever is listed here.
	// Default: /rest/*, /secure/attachment/*, /secure/attachmentzip/*,
	// /secure/thumbnail/*, /secure/projectavatar, /secure/viewavatar,
	// /secure/useravatar and /activity.
	Paths []string `json:"paths,omitempty"`

	// The client addresses or CIDR ranges that may use tokens; a token's own
	// ranges narrow them further. Default: all
	AllowIP []string `json:"allow_ip,omitempty"`

	// The client addresses or CIDR ranges that may not use tokens, even inside
	// an allowed range. Default: none
	DenyIP []string `json:"deny_ip,omitempty"`

	// The names of the configured accounts that may be used with this Jira; tokens
	// of other accounts are denied. With several Jiras in one configuration, this
	// keeps each account's credential from the other Jiras. Accounts that the store
	// keeps are only ever used with the Jira that they were added for, and cannot
	// be listed. Default: all
	Accounts []string `json:"accounts,omitempty"`

	// Jira's context path, such as /jira. Clients may include or omit it.
	// Default: none
	ContextPath string `json:"context_path,omitempty"`

	// The name of the cookie with which reverse_proxy's `lb_policy cookie`
	// picks a node of Jira. With a token, it is the only cookie that reaches
	// the proxy, and the `jira` transport removes it. jira_gateway sets this
	// option. Default: none
	AffinityCookie string `json:"affinity_cookie,omitempty"`

	// Headers that pass in both directions, for the APIs of other apps, in
	// addition to those that HTTP needs and Atlassian documents. Names that
	// suggest credentials, an identity or another method are rejected.
	// Default: none
	Headers []string `json:"headers,omitempty"`

	// The web applications on other origins that may use tokens here from a
	// browser. Default: none
	CORS *CORS `json:"cors,omitempty"`

	// Whether the gateway answers requests for Data Center's own API for personal
	// access tokens, `/rest/pat/latest/tokens`, that have one of its tokens: tools
	// that are written for that API then list, create and revoke the owner's tokens of
	// the gateway. Default: false: the path is open to no token
	PATAPI bool `json:"pat_api,omitempty"`

	// What all tokens here see at most, in addition to their own confinements.
	// Default: everything
	Confine *Confinement `json:"confine,omitempty"`

	app        App
	cors       corsHeaders
	headers    *headerLists
	operations *jira.Operations
	reachable  jira.Paths
	permitted  token.Networks
	// confinement applies to every token here; guard checks their requests.
	confinement token.Confinement
	guard       *confine.Guard
	now         func() time.Time
	logger      *zap.Logger
	denials     *denialSampler
}

// Read is an operation that does not change anything in Jira.
type Read struct {
	// The HTTP method, such as POST.
	Method string `json:"method"`
	// The path, such as /rest/tempo-timesheets/4/worklogs/search. A `*` matches
	// one segment, a final `**` all remaining ones.
	Path string `json:"path"`
}

// The values of Front, Passwords and ScopeBy.
const (
	frontAPI         = "api"
	frontSite        = "site"
	passwordsDeny    = "deny"
	passwordsPass    = "pass"
	scopeByOperation = "operation"
	scopeByMethod    = "method"
)

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jira_token_auth",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.now = time.Now
	h.denials = newDenialSampler()
	h.setDefaults()

	var err error
	if h.app, err = loadApp(ctx); err != nil {
		return err
	}
	for _, name := range h.Accounts {
		if !h.app.Configured(name) {
			return fmt.Errorf("accounts: account %q is not configured in jira_tokens", name)
		}
	}
	if h.permitted, err = parseRanges(h.AllowIP, h.DenyIP); err != nil {
		return err
	}
	if h.reachable, err = reachablePaths(h.Paths); err != nil {
		return err
	}
	if h.operations, err = h.readOperations(); err != nil {
		return err
	}
	if h.headers, err = newHeaderLists(h.Headers); err != nil {
		return err
	}
	h.cors = h.corsHeaders()
	h.confinement = h.Confine.confinement()
	h.guard = confine.NewGuard(h.Confine.ttl())
	h.app.AddGateway(h)
	return nil
}

func (h *Handler) setDefaults() {
	if h.Front == "" {
		h.Front = frontAPI
	}
	if h.Passwords == "" {
		h.Passwords = passwordsDeny
	}
	if h.ScopeBy == "" {
		h.ScopeBy = scopeByOperation
	}
	h.ContextPath = strings.TrimSuffix(h.ContextPath, "/")
}

// readOperations returns the table of operations with the configured reads.
func (h *Handler) readOperations() (*jira.Operations, error) {
	reads := make([]jira.Operation, len(h.Reads))
	for i, read := range h.Reads {
		var err error
		if reads[i], err = jira.ParseOperation(read.Method, read.Path); err != nil {
			return nil, fmt.Errorf("reads: %w", err)
		}
	}
	operations, err := jira.DefaultOperations()
	if err != nil {
		return nil, err
	}
	if operations, err = operations.With(reads); err != nil {
		return nil, fmt.Errorf("reads: %w", err)
	}
	return operations, nil
}

// Validate checks the configuration.
func (h *Handler) Validate() error {
	if err := option.OneOf("front", h.Front, frontAPI, frontSite); err != nil {
		return err
	}
	if err := option.OneOf("passwords", h.Passwords, passwordsDeny, passwordsPass); err != nil {
		return err
	}
	if err := option.OneOf("scope_by", h.ScopeBy, scopeByOperation, scopeByMethod); err != nil {
		return err
	}
	if h.Passwords == passwordsPass && h.Front != frontSite {
		return errors.New("passwords pass: requires front site; with front api only tokens pass")
	}
	if h.ContextPath != "" && jira.CheckPath(h.ContextPath) != nil {
		return fmt.Errorf("context_path %q: expected a path such as /jira", h.ContextPath)
	}
	return errors.Join(h.CORS.validate(), h.Confine.validate())
}

// ServeHTTP decides about a request, then forwards or denies it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	own := h.isForGateway(r)
	if own {
		hidePath(r, true) // until the endpoint is known
	}
	if r.TLS != nil && !r.TLS.HandshakeComplete {
		// Early data can be replayed (RFC 8470), and its source address is
		// unverified.
		forgetCredentials(r)
		if own { // Caddy would log an error with the URI
			w.WriteHeader(http.StatusTooEarly)
			return nil
		}
		return caddyhttp.Error(http.StatusTooEarly, errors.New("TLS handshake not complete"))
	}
	if isPreflight(r) && h.CORS.allows(r) {
		h.answerPreflight(w, r)
		return nil
	}
	d := &Decision{now: h.now(), writer: w, request: r}
	d.Address, d.unread = clientAddress(r)
	defer func() { d.slot.Release() }() // even after a panic
	if own {
		return h.serveEndpoint(w, r, d)
	}
	d.denied = h.decide(r, d)
	d.denied.refer(d.Record, h.app.TokenManager())
	d.allowed = d.denied == nil
	took := h.now().Sub(d.now)
	h.tell(r, d)
	if d.denied == nil && d.passThrough {
		defer func() {
			d.denied = d.parts.denied()
			h.record(r, d, took)
		}()
		return next.ServeHTTP(w, r)
	}
	h.letRead(w, r)
	h.tellExpiry(w, d)
	defer forgetCredentials(r)
	if d.denied != nil {
		h.record(r, d, took)
		// The client decides, within limits, how long reading the rest of the
		// body takes. That must not keep others from the account.
		d.slot.Release()
		d.slot = limits.Slot{}
		return d.denied.write(w, r)
	}
	// Afterwards, because forwarding can still fail, and deferred, because the
	// proxy panics if the client disconnects during the response.
	defer func() { h.record(r, d, took) }()
	h.app.Used(d.Record.ID, d.Address, r.UserAgent())
	out := h.outbound(r, d)
	if hasBody(r) {
		r.Body = &sharedBody{ReadCloser: r.Body}
		out.Body = &undrained{ReadCloser: r.Body}
	}
	err := next.ServeHTTP(w, out)
	if d.denied != nil { // the transport has answered with it
		if d.lingering {
			linger(w, r)
		}
		return err
	}
	if d.denied = notForwarded(err); d.denied != nil {
		d.recordDenial(h.app.Trail(), r)
		return d.denied.write(w, r)
	}
	return err
}

// forgetCredentials removes the client's credentials from a request that has been
// handled: error routes and outer handlers may send it to another backend.
func forgetCredentials(r *http.Request) {
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		delete(r.Header, name)
	}
}

// inContext returns a path without Jira's context path.
func (h *Handler) inContext(path string) string {
	if h.ContextPath == "" {
		return path
	}
	if rest, ok := strings.CutPrefix(path, h.ContextPath); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
