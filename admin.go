package jiratokens

import (
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

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Admin{})
}

// adminBase begins the paths of all endpoints.
const adminBase = "/jira_tokens/"

// maxAdminBody bounds the JSON of one request; imports are streamed.
const maxAdminBody = 1 << 20

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

// Routes returns the endpoints under /jira_tokens/.
func (a *Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminBase, Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// adminCall is one request to an endpoint.
type adminCall struct {
	*http.Request
	w        http.ResponseWriter
	app      *App
	registry *registry.Registry
	id       string
}

// adminEndpoint answers a call with a status and what to encode as JSON; with
// status 0 it has answered by itself.
type adminEndpoint func(c *adminCall) (status int, answer any, err error)

// endpoints are the admin API: method, path under adminBase, what answers it.
var endpoints = []struct {
	method, path string
	serve        adminEndpoint
}{
	{http.MethodGet, "tokens", (*adminCall).list},
	{http.MethodPost, "tokens", (*adminCall).create},
	{http.MethodGet, "tokens/{id}", (*adminCall).show},
	{http.MethodPatch, "tokens/{id}", (*adminCall).update},
	{http.MethodDelete, "tokens/{id}", (*adminCall).delete},
	{http.MethodPost, "tokens/{id}/rotate", (*adminCall).rotate},
	{http.MethodPost, "tokens/{id}/disable", (*adminCall).disable},
	{http.MethodPost, "tokens/{id}/enable", (*adminCall).enable},
	{http.MethodPost, "tokens/{id}/revoke", (*adminCall).revoke},
	{http.MethodGet, "audit", (*adminCall).audit},
	{http.MethodGet, "check", (*adminCall).check},
	{http.MethodGet, "health", (*adminCall).health},
	{http.MethodGet, "explain", (*adminCall).explain},
	{http.MethodGet, "export", (*adminCall).export},
	{http.MethodPost, "import", (*adminCall).importRecords},
}

func (a *Admin) serve(w http.ResponseWriter, r *http.Request) error {
	serve, id, err := findEndpoint(r.Method, strings.TrimPrefix(r.URL.Path, adminBase))
	if err != nil {
		return err
	}
	// The app in service is looked up every time: this module is provisioned
	// before the apps, and stays when a reload fails.
	value, err := caddy.ActiveContext().AppIfConfigured("jira_tokens")
	if err != nil {
		return caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("the running configuration has no jira_tokens: add the global option jira_tokens"),
		}
	}
	app := value.(*App)
	status, answer, err := serve(&adminCall{Request: r, w: w, app: app, registry: app.registry, id: id})
	if err != nil {
		return apiError(err)
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

// findEndpoint returns what serves a path below adminBase, and the id in it.
func findEndpoint(method, path string) (serve adminEndpoint, id string, err error) {
	var allowed []string
	for _, e := range endpoints {
		got, ok := matchPath(e.path, path)
		if !ok {
			continue
		}
		if e.method == method {
			return e.serve, got, nil
		}
		allowed = append(allowed, e.method)
	}
	if allowed != nil {
		return nil, "", caddy.APIError{
			HTTPStatus: http.StatusMethodNotAllowed,
			Err:        fmt.Errorf("method %s is not allowed here: want %s", method, strings.Join(allowed, " or ")),
		}
	}
	return nil, "", caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no such endpoint under " + adminBase)}
}

// matchPath compares a path with a template in which one segment is {id}.
func matchPath(template, path string) (id string, ok bool) {
	before, after, hasID := strings.Cut(template, "{id}")
	if !hasID {
		return "", template == path
	}
	rest, ok := strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(rest, after)
	return id, ok && id != "" && !strings.Contains(id, "/")
}

// apiError gives an error of the registry its HTTP status.
func apiError(err error) error {
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
	case errors.Is(err, storage.ErrBadCursor):
		status = http.StatusBadRequest
	case errors.As(err, &state), errors.As(err, &exists), errors.Is(err, storage.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, storage.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, storage.ErrUnavailable):
		status = http.StatusServiceUnavailable
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

func (c *adminCall) audit() (int, any, error) {
	parameters, err := c.parameters("since", "token", "cursor", "limit")
	if err != nil {
		return 0, nil, err
	}
	query := storage.EventQuery{TokenID: parameters.Get("token"), Cursor: parameters.Get("cursor")}
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
	return http.StatusOK, struct {
		Events []storage.Event `json:"events"`
		// Next is where to go on, also when there is no more yet.
		Next string `json:"next"`
		More bool   `json:"more"`
	}{append([]storage.Event{}, page.Events...), page.Next, page.More}, nil
}

// parseSince reads a length of time before now, a date or a time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if ago, err := registry.ParseSpan(text); err == nil {
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
	if err != nil || n < 1 || n > storage.MaxPageSize {
		return 0, registry.InvalidError{Field: "limit", Err: fmt.Errorf("%q: want a number from 1 to %d", text, storage.MaxPageSize)}
	}
	return n, nil
}

// parameters returns the query's parameters. An unknown one is refused: left
// out, a filter with a slip in its name would match everything.
func (c *adminCall) parameters(known ...string) (url.Values, error) {
	parameters := c.URL.Query()
	for name := range parameters {
		if !slices.Contains(known, name) {
			return nil, registry.InvalidError{Field: "query", Err: fmt.Errorf("unknown parameter %q: want %s", name, strings.Join(known, ", "))}
		}
	}
	return parameters, nil
}

// decode reads the request's JSON. No body is an empty object.
func (c *adminCall) decode(into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(c.w, c.Body, maxAdminBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
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
func (c *adminCall) actor() storage.Actor {
	address := c.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return storage.Actor{Kind: storage.ActorAdmin, Name: storage.Printable(c.UserAgent(), 100), Address: address}
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
