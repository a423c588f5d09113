// Package admin extends Caddy's admin API with endpoints that manage tokens, and
// defines the JSON that they accept and return.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/notice/post"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// Admin adds endpoints that manage tokens to Caddy's admin API. As with the rest
// of that API, anyone who can reach it can do everything.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.jira_tokens",
		New: func() caddy.Module { return new(Admin) },
	}
}

// App is what the endpoints need from the jira_tokens app.
type App interface {
	// Registry returns the registry of tokens.
	Registry() *registry.Registry
	// JiraAccounts returns the accounts.
	JiraAccounts() *accounts.Set
	// Held returns the requests that wait for approval.
	Held() *approvals.Keeper
	// Jiras returns the Jiras that the configured gateways forward to.
	Jiras() []handler.Jira
	// GroupsHealth says whether Jira tells the groups of owners; nil if it is not
	// asked.
	GroupsHealth() *facts.Health
	// PublicAddress returns the address under which users reach the gateway, without a
	// slash at the end; empty if it is not configured.
	PublicAddress() string
	// Gateways returns the configured handlers.
	Gateways() []*handler.Handler
	// MovableDocuments says how to import documents from another store, by kind.
	MovableDocuments() map[string]registry.ImportedKind
	// Notifications delivers notices.
	Notifications() *post.Office
	// PolicyOfOthers returns the policy that another gateway with this store has
	// loaded since, or nil if all have the same.
	PolicyOfOthers() *registry.LoadedPolicy
	// Trusted decides which JWTs can be exchanged for tokens; nil if no issuer is
	// trusted.
	Trusted() *trust.Trust
	// AuditTree returns the tree that proves the audit trail.
	AuditTree() *tree.Log
}

// Routes returns the endpoints under /jira_tokens/.
func (*Admin) Routes() []caddy.AdminRoute {
	mux := newMux()
	serve := func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set(VersionHeader, "1")
		result := &result{ResponseWriter: w}
		mux.ServeHTTP(result, r)
		return result.err
	}
	return []caddy.AdminRoute{{Pattern: Base, Handler: caddy.AdminHandlerFunc(serve)}}
}

// endpoint handles a call and returns the status of the response and the value to
// send as JSON. Status 0 means that it has already written the response.
type endpoint func(c *call) (status int, answer any, err error)

// endpoints maps paths under Base and methods to their endpoints.
var endpoints = map[string]map[string]endpoint{
	"tokens":              {http.MethodGet: (*call).list, http.MethodPost: plain((*call).create)},
	"tokens/{id}":         {http.MethodGet: bare((*call).show), http.MethodPatch: plain((*call).update), http.MethodDelete: bare((*call).delete)},
	"tokens/{id}/rotate":  {http.MethodPost: plain((*call).rotate)},
	"tokens/{id}/disable": {http.MethodPost: bare((*call).disable)},
	"tokens/{id}/enable":  {http.MethodPost: bare((*call).enable)},
	"tokens/{id}/revoke":  {http.MethodPost: bare((*call).revoke)},
	"tokens/{id}/approve": {http.MethodPost: plain((*call).approve)},
	"tokens/{id}/reject":  {http.MethodPost: plain((*call).reject)},

	"tokens/{id}/activity": {http.MethodGet: bare((*call).activity)},
	"overview":             {http.MethodGet: bare((*call).overview)},

	"approvals":              {http.MethodGet: (*call).listApprovals},
	"approvals/{id}":         {http.MethodGet: bare((*call).showApproval)},
	"approvals/{id}/approve": {http.MethodPost: plain((*call).approveRequest)},
	"approvals/{id}/reject":  {http.MethodPost: plain((*call).rejectRequest)},

	"owners": {http.MethodGet: (*call).owners},

	"owners/{owner}":          {http.MethodGet: bare((*call).showOwner)},
	"owners/{owner}/revoke":   {http.MethodPost: bare((*call).revokeOwner)},
	"owners/{owner}/transfer": {http.MethodPost: plain((*call).transferOwner)},

	"audit/{event}":       {http.MethodGet: bare((*call).event)},
	"audit/checkpoint":    {http.MethodGet: bare((*call).checkpoint)},
	"audit/export":        {http.MethodGet: bare((*call).exportTrail)},
	"audit/proof/{event}": {http.MethodGet: bare((*call).proof)},
	"audit/adopt":         {http.MethodPost: bare((*call).adoptTrail)},

	"accounts":                {http.MethodGet: bare((*call).listAccounts), http.MethodPost: (*call).addAccount},
	"accounts/reencrypt":      {http.MethodPost: bare((*call).reencryptAccounts)},
	"accounts/{name}":         {http.MethodGet: (*call).showAccount, http.MethodDelete: (*call).removeAccount},
	"accounts/{name}/check":   {http.MethodPost: (*call).checkAccount},
	"accounts/{name}/connect": {http.MethodPost: (*call).connectAccount},
	"accounts/{name}/replace": {http.MethodPost: (*call).replaceAccount},

	"jira/projects": {http.MethodGet: (*call).knownProjects},
	"jira/fields":   {http.MethodGet: (*call).knownFields},
	"jira/matches":  {http.MethodPost: plain((*call).matches)},

	"notices":      {http.MethodGet: bare((*call).listReceivers)},
	"notices/test": {http.MethodPost: plain((*call).testReceivers)},

	"openapi.json": {http.MethodGet: bare((*call).openAPI)},

	"audit":      {http.MethodGet: (*call).audit},
	"trust/test": {http.MethodPost: plain((*call).testTrust)},
	"check":      {http.MethodGet: (*call).check},
	"health":     {http.MethodGet: bare((*call).health)},
	"explain":    {http.MethodGet: (*call).explain},
	"export":     {http.MethodGet: (*call).export},
	"import":     {http.MethodPost: (*call).importRecords},
}

// plain returns an endpoint that takes no parameters.
func plain(serve endpoint) endpoint {
	return func(c *call) (int, any, error) {
		if _, err := c.parameters(); err != nil {
			return 0, nil, err
		}
		return serve(c)
	}
}

// bare returns an endpoint that takes neither parameters nor members of a body.
func bare(serve endpoint) endpoint {
	return plain(func(c *call) (int, any, error) {
		if err := c.decode(new(struct{})); err != nil {
			return 0, nil, err
		}
		return serve(c)
	})
}

// newMux returns a mux that routes to the endpoints. Its patterns have no methods,
// because ServeMux would answer wrong methods in plain text.
func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for path, methods := range endpoints {
		mux.HandleFunc(Base+path, func(w http.ResponseWriter, r *http.Request) {
			result := w.(*result)
			if serve, ok := methods[methodOf(r)]; ok {
				result.err = answer(result.ResponseWriter, r, serve)
				return
			}
			result.err = methodNotAllowed(w, r.Method, func(method string) bool { return methods[method] != nil })
		})
	}
	mux.HandleFunc(Base, func(w http.ResponseWriter, _ *http.Request) {
		w.(*result).err = caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no such endpoint under " + Base)}
	})
	return mux
}

// methodOf returns the method that an endpoint is called with. HEAD is answered as GET is;
// the server leaves out the body.
func methodOf(r *http.Request) string {
	if r.Method == http.MethodHead {
		return http.MethodGet
	}
	return r.Method
}

// methodNotAllowed returns the error for a method that an endpoint does not have, and names
// in Allow those that it has.
func methodNotAllowed(w http.ResponseWriter, method string, has func(method string) bool) error {
	var allowed []string
	for _, name := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if has(name) {
			allowed = append(allowed, name)
		}
	}
	names := allowed
	if has(http.MethodGet) {
		names = append([]string{http.MethodHead}, allowed...)
	}
	w.Header().Set("Allow", strings.Join(names, ", "))
	return caddy.APIError{
		HTTPStatus: http.StatusMethodNotAllowed,
		Err:        fmt.Errorf("method %s is not allowed here: use %s", method, strings.Join(allowed, " or ")),
	}
}

// result carries an error back through the mux to Caddy, which reports it.
type result struct {
	http.ResponseWriter
	err error
}

// call is one request to an endpoint.
type call struct {
	*http.Request
	w   http.ResponseWriter
	app App
	// tokens are the tokens that the caller may see and change.
	tokens tokens
	// visitor is the person who calls, or nil for clients of the admin endpoint.
	visitor *Visitor
	// asked remembers what Jira has said; nil if nothing is remembered.
	asked *asked
}

// tokens is the part of the registry that depends on who calls: the registry itself for
// the admin endpoint, and a Desk for a person.
type tokens interface {
	List(ctx context.Context, query registry.Query) (registry.Page, error)
	Show(ctx context.Context, id string) (*token.Record, error)
	Create(ctx context.Context, actor registry.Actor, edit token.Edit, vets ...registry.Vet) (registry.Issued, error)
	Update(ctx context.Context, actor registry.Actor, id string, edit token.Edit, vets ...registry.Vet) (*token.Record, error)
	Rotate(ctx context.Context, actor registry.Actor, id string, overlap time.Duration, vets ...registry.Vet) (registry.Issued, error)
	CreateHandedOver(ctx context.Context, actor registry.Actor, edit token.Edit, lasts time.Duration, vets ...registry.Vet) (registry.Issued, error)
	HandOver(ctx context.Context, actor registry.Actor, id string, overlap, lasts time.Duration, vets ...registry.Vet) (registry.Issued, error)
	Disable(ctx context.Context, actor registry.Actor, id string) (*token.Record, error)
	Enable(ctx context.Context, actor registry.Actor, id string) (*token.Record, error)
	Revoke(ctx context.Context, actor registry.Actor, id string) (*token.Record, error)
	Approve(ctx context.Context, actor registry.Actor, id string, verdict registry.Verdict) (*token.Record, error)
	Reject(ctx context.Context, actor registry.Actor, id string, verdict registry.Verdict) (*token.Record, error)
	Events(ctx context.Context, query registry.EventQuery) (registry.EventPage, error)
	NewestEvents(ctx context.Context, query registry.EventQuery) (registry.EventPage, error)
	RevokeOwner(ctx context.Context, actor registry.Actor, owner string) (registry.OwnerResult, error)
	Transfer(ctx context.Context, actor registry.Actor, from, to string) (registry.OwnerResult, error)
	PreviewTransfer(ctx context.Context, from, to string) (registry.OwnerResult, error)
}

func answer(w http.ResponseWriter, r *http.Request, serve endpoint) error {
	// Look up the running app on every request: Caddy provisions this module
	// before the apps, and keeps it when a reload fails.
	value, err := caddy.ActiveContext().AppIfConfigured("jira_tokens")
	if err != nil {
		return caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("the running configuration has no jira_tokens app: add the global option jira_tokens"),
		}
	}
	app := value.(App)
	return (&call{Request: r, w: w, app: app, tokens: app.Registry()}).answer(serve)
}

// answer calls the endpoint and writes what it returns.
func (c *call) answer(serve endpoint) error {
	status, answer, err := serve(c)
	if err != nil {
		if loading, ok := errors.AsType[registry.LoadingError](err); ok {
			c.w.Header().Set("Retry-After", "2")
			err = loading // without what it was needed for
		}
		if c.visitor != nil {
			return withoutTokens(errorFor(c.visitor, err))
		}
		return withoutTokens(apiError(err))
	}
	if status == 0 {
		return nil
	}
	if c.visitor != nil {
		answer = c.answerFor(c.visitor, answer)
	}
	w := c.w
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if answer == nil {
		return nil
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // what a held request has sent is shown as it is
	return encoder.Encode(answer)
}

// apiError adds an HTTP status to an error from the registry.
func apiError(err error) caddy.APIError {
	status := http.StatusInternalServerError
	var (
		api     caddy.APIError
		invalid registry.InvalidError
		state   registry.StateError
		policy  registry.PolicyError
		denied  registry.ForbiddenError
	)
	switch {
	case errors.As(err, &api):
		return api
	case errors.As(err, new(accounts.UnreachableError)):
		status = http.StatusBadGateway
	case errors.As(err, &invalid):
		return aboutField(http.StatusBadRequest, invalid.Field, err)
	case errors.As(err, &policy):
		return aboutField(http.StatusForbidden, policy.Field, err)
	case errors.As(err, &denied):
		status = http.StatusForbidden
	case errors.Is(err, registry.ErrBadCursor):
		status = http.StatusBadRequest
	case errors.As(err, &state), errors.Is(err, token.ErrConflict), errors.Is(err, token.ErrDamaged):
		status = http.StatusConflict
	case errors.Is(err, token.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, token.ErrUnavailable):
		status = http.StatusServiceUnavailable
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

// aboutField returns an error that begins with the field that it is about, so that
// the command can name its flag.
func aboutField(status int, field string, err error) caddy.APIError {
	return caddy.APIError{HTTPStatus: status, Err: err, Message: field + ": " + strings.TrimPrefix(err.Error(), field+": ")}
}

func limit(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > registry.MaxPageSize {
		return 0, registry.InvalidError{Field: "limit", Err: fmt.Errorf("invalid limit %q: expected a number from 1 to %d", text, registry.MaxPageSize)}
	}
	return n, nil
}

// parameters returns the query parameters. It rejects those that are unknown, given twice
// or cannot be read: if it ignored a misspelled filter, everything would match.
func (c *call) parameters(known ...string) (url.Values, error) {
	parameters, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, registry.InvalidError{Field: "query", Err: fmt.Errorf("it cannot be read: %w", err)}
	}
	for name, values := range parameters {
		for i := range values {
			values[i], _ = token.CutSecrets(values[i]) // keep tokens out of errors and logs
		}
		if !slices.Contains(known, name) {
			expected := "this takes none"
			if len(known) > 0 {
				expected = "expected " + strings.Join(known, ", ")
			}
			return nil, registry.InvalidError{Field: "query", Err: fmt.Errorf("unknown parameter %.20q: %s", name, expected)}
		}
		if len(values) > 1 {
			return nil, registry.InvalidError{Field: "query", Err: fmt.Errorf("the parameter %s is there twice: give it once", name)}
		}
	}
	return parameters, nil
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
