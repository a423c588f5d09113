package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// Visitor is a person who calls the endpoints.
type Visitor struct {
	// Desk is the registry as the person may use it.
	Desk *registry.Desk
	// Actor is the person, for the audit trail.
	Actor registry.Actor
	// LooksOnly means that the person must not change anything.
	LooksOnly bool
	// NewID is the ID of a token that the person creates; empty for a random one. If there
	// is a token with this ID, none is created.
	NewID string
}

// right is what a person needs to call an endpoint.
type right int

const (
	// noRight means that people cannot call an endpoint at all.
	noRight right = iota
	// ownTokens means that everybody who has signed in can call it. The Desk decides
	// which tokens that is about.
	ownTokens
	// manage means that a rule of the policy with manage is needed.
	manage
)

// forPeople says what people need to call the endpoints. Those that are missing here are
// for the admin endpoint only: an export, for example, has all digests.
var forPeople = map[string]map[string]right{
	"tokens":              {http.MethodGet: ownTokens, http.MethodPost: ownTokens},
	"tokens/{id}":         {http.MethodGet: ownTokens, http.MethodPatch: ownTokens},
	"tokens/{id}/rotate":  {http.MethodPost: ownTokens},
	"tokens/{id}/disable": {http.MethodPost: ownTokens},
	"tokens/{id}/enable":  {http.MethodPost: ownTokens},
	"tokens/{id}/revoke":  {http.MethodPost: ownTokens},
	"tokens/{id}/approve": {http.MethodPost: manage},
	"tokens/{id}/reject":  {http.MethodPost: manage},
	"explain":             {http.MethodGet: ownTokens},
	"audit":               {http.MethodGet: ownTokens},
	"audit/{event}":       {http.MethodGet: manage},
	"audit/checkpoint":    {http.MethodGet: manage},
	"audit/proof/{event}": {http.MethodGet: manage},

	"tokens/{id}/activity": {http.MethodGet: ownTokens},
	"overview":             {http.MethodGet: manage},

	"approvals":              {http.MethodGet: manage},
	"approvals/{id}":         {http.MethodGet: manage},
	"approvals/{id}/approve": {http.MethodPost: manage},
	"approvals/{id}/reject":  {http.MethodPost: manage},

	"owners":                  {http.MethodGet: manage},
	"owners/{owner}":          {http.MethodGet: manage},
	"owners/{owner}/revoke":   {http.MethodPost: manage},
	"owners/{owner}/transfer": {http.MethodPost: manage},

	"accounts":                {http.MethodGet: manage, http.MethodPost: manage},
	"accounts/{name}":         {http.MethodGet: manage, http.MethodDelete: manage},
	"accounts/{name}/check":   {http.MethodPost: manage},
	"accounts/{name}/replace": {http.MethodPost: manage},

	"jira/projects": {http.MethodGet: ownTokens},
	"jira/fields":   {http.MethodGet: ownTokens},
	"jira/matches":  {http.MethodPost: ownTokens},

	"check":  {http.MethodGet: manage},
	"health": {http.MethodGet: manage},

	"openapi.json": {http.MethodGet: ownTokens},
}

// onlyLooks are the endpoints that change nothing, although they are not called with GET.
var onlyLooks = map[string]bool{"jira/matches": true, "accounts/{name}/check": true}

// ForPeople returns a handler of those endpoints that people can call, under a path that
// has been removed from the request's. visitor returns who calls, or nil if nobody has
// signed in. Its error can be a caddy.APIError.
func ForPeople(app App, visitor func(*http.Request) (*Visitor, error)) http.Handler {
	mux, asked := http.NewServeMux(), newAsked()
	for path, methods := range endpoints {
		rights := forPeople[path]
		if rights == nil { // audit/export would be audit/{event}
			mux.HandleFunc("/"+path, noEndpoint)
			continue
		}
		mux.HandleFunc("/"+path, func(w http.ResponseWriter, r *http.Request) {
			person, err := visitor(r)
			switch needed := rights[methodOf(r)]; {
			case err != nil:
				writeError(w, apiError(err))
			case person == nil:
				writeError(w, caddy.APIError{HTTPStatus: http.StatusUnauthorized, Err: errors.New("sign in first")})
			case needed == noRight:
				writeError(w, apiError(methodNotAllowed(w, r.Method, func(method string) bool { return rights[method] != noRight })))
			case person.LooksOnly && methodOf(r) != http.MethodGet && !onlyLooks[path]:
				writeError(w, caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errors.New("with this token you can only look: use one of scope admin, without a limit_writes, to change anything")})
			case needed == manage && !person.Desk.Manages():
				writeError(w, caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errors.New("a rule with manage is needed; no rule for " + person.Desk.Person() + " has it")})
			default:
				c := &call{Request: r, w: w, app: app, tokens: person.Desk, visitor: person, asked: asked}
				if err := c.answer(methods[methodOf(r)]); err != nil {
					writeError(w, apiError(err))
				}
			}
		})
	}
	mux.HandleFunc("/", noEndpoint)
	return mux
}

func noEndpoint(w http.ResponseWriter, _ *http.Request) {
	writeError(w, caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no such endpoint")})
}

// writeError writes an error as Caddy's admin endpoint does.
func writeError(w http.ResponseWriter, err caddy.APIError) {
	message := err.Message
	if message == "" {
		message = err.Err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(err.HTTPStatus)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone
		Error string `json:"error"`
	}{message})
}
