// Package admin manages tokens on Caddy's admin endpoint: the endpoints, and the
// JSON that they read and send.
package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// maxBody bounds the JSON of one request; imports are streamed.
const maxBody = 1 << 20

// drained is how much of a body that is too large is still read.
const drained = 16 << 20

// Admin manages tokens on Caddy's admin endpoint. Who can reach that endpoint
// can do everything, here as everywhere in Caddy.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.jira_tokens",
		New: func() caddy.Module { return new(Admin) },
	}
}

// App is what the endpoints need of the jira_tokens app.
type App interface {
	// Registry issues, changes and ends tokens.
	Registry() *registry.Registry
	// JiraAccounts are the accounts that are configured, by name.
	JiraAccounts() map[string]*jira.Account
	// Jiras are the Jiras that the configuration's gateways forward to.
	Jiras() []handler.Jira
	// Gateways are the handlers of the configuration.
	Gateways() []*handler.Handler
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

// endpoint answers a call with a status and what to encode as JSON; with status
// 0 it has answered by itself.
type endpoint func(c *call) (status int, answer any, err error)

// endpoints are the admin API: path under Base, method, what answers it.
var endpoints = map[string]map[string]endpoint{
	"tokens":              {http.MethodGet: (*call).list, http.MethodPost: (*call).create},
	"tokens/{id}":         {http.MethodGet: (*call).show, http.MethodPatch: (*call).update, http.MethodDelete: (*call).delete},
	"tokens/{id}/rotate":  {http.MethodPost: (*call).rotate},
	"tokens/{id}/disable": {http.MethodPost: (*call).disable},
	"tokens/{id}/enable":  {http.MethodPost: (*call).enable},
	"tokens/{id}/revoke":  {http.MethodPost: (*call).revoke},
	"audit":               {http.MethodGet: (*call).audit},
	"check":               {http.MethodGet: (*call).check},
	"health":              {http.MethodGet: (*call).health},
	"explain":             {http.MethodGet: (*call).explain},
	"export":              {http.MethodGet: (*call).export},
	"import":              {http.MethodPost: (*call).importRecords},
}

// newMux returns what finds the endpoint of a call. The mux is given paths
// without methods: its own answers to the wrong ones are plain text, and it
// takes HEAD for GET.
func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for path, methods := range endpoints {
		mux.HandleFunc(Base+path, func(w http.ResponseWriter, r *http.Request) {
			result := w.(*result)
			if serve, ok := methods[r.Method]; ok {
				result.err = answer(result.ResponseWriter, r, serve)
				return
			}
			result.err = methodNotAllowed(r.Method, methods)
		})
	}
	mux.HandleFunc(Base, func(w http.ResponseWriter, _ *http.Request) {
		w.(*result).err = caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no such endpoint under " + Base)}
	})
	return mux
}

func methodNotAllowed(method string, methods map[string]endpoint) error {
	var allowed []string
	for _, name := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if methods[name] != nil {
			allowed = append(allowed, name)
		}
	}
	return caddy.APIError{
		HTTPStatus: http.StatusMethodNotAllowed,
		Err:        fmt.Errorf("method %s is not allowed here: want %s", method, strings.Join(allowed, " or ")),
	}
}

// result brings an error back through the mux, for Caddy to answer with.
type result struct {
	http.ResponseWriter
	err error
}

// call is one request to an endpoint.
type call struct {
	*http.Request
	w        http.ResponseWriter
	app      App
	registry *registry.Registry
}

func answer(w http.ResponseWriter, r *http.Request, serve endpoint) error {
	// The app in service is looked up every time: this module is provisioned
	// before the apps, and stays when a reload fails.
	value, err := caddy.ActiveContext().AppIfConfigured("jira_tokens")
	if err != nil {
		return caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("the running configuration has no jira_tokens: add the global option jira_tokens"),
		}
	}
	app := value.(App)
	status, answer, err := serve(&call{Request: r, w: w, app: app, registry: app.Registry()})
	if err != nil {
		return withoutTokens(apiError(err))
	}
	if status == 0 {
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if answer == nil {
		return nil
	}
	return json.NewEncoder(w).Encode(answer)
}

// apiError gives an error of the registry its HTTP status.
func apiError(err error) caddy.APIError {
	status := http.StatusInternalServerError
	var (
		api     caddy.APIError
		invalid registry.InvalidError
		state   registry.StateError
		exists  registry.ExistsError
	)
	switch {
	case errors.As(err, &api):
		return api
	case errors.As(err, &invalid):
		// The field comes first, so that the command can name its flag.
		message := strings.TrimPrefix(err.Error(), invalid.Field+": ")
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err, Message: invalid.Field + ": " + message}
	case errors.Is(err, registry.ErrBadCursor):
		status = http.StatusBadRequest
	case errors.As(err, &state), errors.As(err, &exists), errors.Is(err, token.ErrConflict), errors.Is(err, token.ErrDamaged):
		status = http.StatusConflict
	case errors.Is(err, token.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, token.ErrUnavailable):
		status = http.StatusServiceUnavailable
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

func (c *call) audit() (int, any, error) {
	parameters, err := c.parameters("since", "token", "cursor", "limit")
	if err != nil {
		return 0, nil, err
	}
	query := registry.EventQuery{TokenID: parameters.Get("token"), Cursor: parameters.Get("cursor")}
	if query.TokenID != "" && !token.ValidID(query.TokenID) {
		return 0, nil, registry.InvalidError{Field: "token", Err: errors.New("want a token's id, 10 characters")}
	}
	if since := parameters.Get("since"); since != "" {
		if query.Since, err = parseSince(since, time.Now()); err != nil {
			return 0, nil, registry.InvalidError{Field: "since", Err: err}
		}
	}
	if query.Limit, err = limit(parameters.Get("limit")); err != nil {
		return 0, nil, err
	}
	page, err := c.registry.Events(c.Context(), query)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, EventPage{append([]Event{}, page.Events...), page.Next, page.More}, nil
}

// parseSince reads a length of time before now, a date or a time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if ago, err := token.ParseSpan(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: want a time ago such as 24h or 7d, a date such as 2027-01-31 or a time such as 2027-01-31T18:00:00Z", text)
}

func limit(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > registry.MaxPageSize {
		return 0, registry.InvalidError{Field: "limit", Err: fmt.Errorf("%q: want a number from 1 to %d", text, registry.MaxPageSize)}
	}
	return n, nil
}

// parameters returns the query's parameters. An unknown one is refused: left
// out, a filter with a slip in its name would match everything.
func (c *call) parameters(known ...string) (url.Values, error) {
	parameters := c.URL.Query()
	for name, values := range parameters {
		for i := range values {
			values[i], _ = token.CutSecrets(values[i]) // a token goes no further
		}
		if !slices.Contains(known, name) {
			return nil, registry.InvalidError{Field: "query", Err: fmt.Errorf("unknown parameter %.20q: want %s", name, strings.Join(known, ", "))}
		}
	}
	return parameters, nil
}

// decode reads the request's JSON. No body is an empty object.
func (c *call) decode(into any) error {
	body, err := io.ReadAll(io.LimitReader(c.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		// Read on: a client that is still sending would see a reset connection
		// instead of the answer.
		_, _ = io.Copy(io.Discard, io.LimitReader(c.Body, drained))
		err = fmt.Errorf("too large: want at most %d bytes", maxBody)
	}
	if err != nil {
		return registry.InvalidError{Field: "body", Err: fmt.Errorf("reading it: %w", err)}
	}
	if err := refuseLeaked(body); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && !errors.Is(decoder.Decode(new(json.RawMessage)), io.EOF) {
		err = errors.New("more than one value")
	}
	if err != nil {
		return registry.InvalidError{Field: "body", Err: fmt.Errorf("reading JSON: %w", err)}
	}
	return nil
}

// actor is who makes the change: a client of the admin endpoint. What it calls
// itself is its own word; the address is not.
func (c *call) actor() registry.Actor {
	address := c.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	agent, _ := token.CutSecrets(c.UserAgent())
	return registry.Actor{Kind: registry.ActorAdmin, Name: token.Printable(agent, 100), Address: address}
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
