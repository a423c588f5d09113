// Package handler is the way of a request: credentials, token, networks, limits,
// scope, account and outbound on the way to Jira, inbound on the way back. Every
// step is one file, works on the request's Decision and can end it with a denial.
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

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler lets requests pass that carry an API token of the `jira_tokens` app
// which allows them, and denies the others with Jira's own error body and the
// header `X-Jira-Token-Reason`.
//
// What passes carries nothing of the client's credentials any more. The
// credential of the Jira account is added by the `jira` transport of
// reverse_proxy; the directive `jira_gateway` sets up both.
//
// These placeholders are set for requests with a token:
//
// Placeholder | Description
// ------------|-------------
// `{http.auth.user.id}` | The owner of the token, when the request may pass
// `{http.auth.candidate.id}` | The owner of the token, when it may not
// `{http.jira_token.id}` | The token's id, its public name
// `{http.jira_token.owner}` | The owner of the token
// `{http.jira_token.scope}` | `read`, `read-all`, `write` or `admin`
// `{http.jira_token.account}` | The name of the Jira account used
// `{http.jira_token.reason}` | Why the request was denied; empty when allowed
type Handler struct {
	// What stands behind the gateway for clients. `api`: the API for tokens
	// and nothing else, so that everything without a valid token is refused.
	// `site`: the whole of Jira, so that browser sessions, and all else that
	// carries no credentials, pass untouched. Default: `api`
	Front string `json:"front,omitempty"`

	// What happens, with front `site`, to Basic and Bearer credentials that
	// are no tokens of the gateway, to log-ins through the REST API and to
	// credentials in the query. `deny`: they are refused. `pass`: they go to
	// Jira as they are. Default: `deny`
	Passwords string `json:"passwords,omitempty"`

	// How to tell what scope a request needs. `operation`: by the table of
	// Jira's operations, where for example a search by POST reads.
	// `method`: GET, HEAD and OPTIONS read, everything else writes.
	// Default: `operation`
	ScopeBy string `json:"scope_by,omitempty"`

	// More operations that only read, beside those that the table knows.
	Reads []Read `json:"reads,omitempty"`

	// What tokens can reach at all: exact paths, or prefixes that end in /*.
	// Below /secure only downloads are for tokens, whatever is listed here.
	// Default: /rest/*, /secure/attachment/*, /secure/attachmentzip/*,
	// /secure/thumbnail/*, /secure/projectavatar, /secure/viewavatar,
	// /secure/useravatar and /activity.
	Paths []string `json:"paths,omitempty"`

	// Client addresses or CIDR ranges from which tokens work here; a token's
	// own ranges narrow them further. Default: all
	AllowIP []string `json:"allow_ip,omitempty"`

	// Client addresses or CIDR ranges from which no token works here, also
	// inside an allowed one.
	DenyIP []string `json:"deny_ip,omitempty"`

	// The accounts that requests go to this Jira with: tokens of others do
	// not work here. With several Jiras in one configuration this keeps each
	// account's credential from the others. Default: all
	Accounts []string `json:"accounts,omitempty"`

	// The path that Jira is installed at, such as /jira. Clients may send it
	// or leave it out. Default: none
	ContextPath string `json:"context_path,omitempty"`

	// The name of the cookie by which reverse_proxy picks a node of Jira, with
	// `lb_policy cookie`. It is the gateway's own: of all cookies, only this
	// one reaches the proxy, and the `jira` transport takes it out.
	// jira_gateway sets it. Default: none
	AffinityCookie string `json:"affinity_cookie,omitempty"`

	// More headers that pass between clients and Jira, both ways, beside those
	// that HTTP needs and Atlassian documents: for other apps' APIs. Names that
	// can carry credentials, an identity or another method are refused.
	// Default: none
	Headers []string `json:"headers,omitempty"`

	// The web applications on other origins that may use tokens here from a
	// browser. Default: none
	CORS *CORS `json:"cors,omitempty"`

	app        App
	cors       corsHeaders
	headers    *headerLists
	operations *jira.Operations
	reachable  jira.Paths
	permitted  token.Networks
	now        func() time.Time
	logger     *zap.Logger
	denials    *denialSampler
}

// Read is an operation that changes nothing in Jira.
type Read struct {
	// The HTTP method, such as POST.
	Method string `json:"method"`
	// The path, such as /rest/tempo-timesheets/4/worklogs/search. A segment
	// `*` stands for any one segment, a last segment `**` for all that follow.
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
		if _, ok := h.app.Account(name); !ok {
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
		return errors.New("passwords pass: needs front site; with front api only tokens pass")
	}
	if h.ContextPath != "" && jira.CheckPath(h.ContextPath) != nil {
		return fmt.Errorf("context_path %q: want a path such as /jira", h.ContextPath)
	}
	return h.CORS.validate()
}

// ServeHTTP leads a request on its way.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.TLS != nil && !r.TLS.HandshakeComplete {
		// Early data can be replayed (RFC 8470), and its sender's address is
		// not proven.
		forgetCredentials(r)
		return caddyhttp.Error(http.StatusTooEarly, errors.New("TLS handshake not complete"))
	}
	if isPreflight(r) && h.CORS.allows(r) {
		h.answerPreflight(w, r)
		return nil
	}
	d := &Decision{now: h.now(), writer: w, request: r}
	d.Address, d.unread = clientAddress(r)
	defer func() { d.slot.Release() }() // also when something panics
	d.denied = h.decide(r, d)
	d.allowed = d.denied == nil
	took := h.now().Sub(d.now)
	h.tell(r, d)
	if d.denied == nil && d.passThrough {
		h.app.Decided(Outcome{Decision: decisionPassed, Took: took})
		return next.ServeHTTP(w, r)
	}
	h.letRead(w, r)
	defer forgetCredentials(r)
	if d.denied != nil {
		h.record(r, d, took)
		// Reading the rest of a body takes as long as its client wants, within
		// bounds, and must not keep others from the account meanwhile.
		d.slot.Release()
		d.slot = limits.Slot{}
		return d.denied.write(w, r)
	}
	// In the end, because forwarding can still fail; and deferred, because the
	// proxy panics when the client leaves before the end of the response.
	defer func() { h.record(r, d, took) }()
	h.app.Used(d.Record.ID, d.Address, r.UserAgent())
	out := h.outbound(r, d)
	if hasBody(r) {
		out.Body = &undrained{ReadCloser: r.Body}
	}
	err := next.ServeHTTP(w, out)
	if d.denied != nil { // the transport has answered so
		if d.lingering {
			linger(w, r)
		}
		return err
	}
	if d.denied = notForwarded(err); d.denied != nil {
		return d.denied.write(w, r)
	}
	return err
}

// forgetCredentials takes the client's out of a request that is done with here:
// error routes and handlers around this one may hand it to some other backend.
func forgetCredentials(r *http.Request) {
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		delete(r.Header, name)
	}
}

// inContext returns a path as Jira's own, without the path that it is
// installed at.
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
