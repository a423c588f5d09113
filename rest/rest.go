// Package rest serves the gateway's own endpoints, below /rest/jira-tokens/1/. They work
// while Jira is away, and need no Jira account. Package handler hands requests over once
// it has taken the steps that an endpoint needs.
//
// # Adding an endpoint
//
// Write a file named for what it serves, with a method of API that returns the
// handler.Endpoint, and add the method to the list in New. What an endpoint must know
// of other packages is a field of Options; handler knows nothing of it.
//
//   - Needs decides what has been checked before Serve is called. With NeedsSecret and
//     NeedsToken, the call has the token's record and the request is not another
//     site's; with NeedsNothing nothing has been checked but that the client's address
//     has not failed too often.
//   - Read the body with decode, or with an io.Reader up to Endpoint.MaxBody, and answer
//     with reply. Caching is already forbidden, and HEAD and CORS need no attention.
//   - For an error that the client gets to see, return a handler.EndpointError before
//     writing anything. Set Guess if whoever asks may be guessing at a secret. A new
//     reason belongs in handler/deny.go and docs/denials.md.
//   - Change tokens through the registry, with actorOf or holder as the actor, so that
//     every change has its event in the audit trail.
//   - The decision, its metrics, the access log's fields and `explain` follow from the
//     handler.Endpoint.
package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// version is the first segment of the paths of all endpoints.
const version = "1/"

// Options are what the endpoints need.
type Options struct {
	Registry *registry.Registry
	Limits   *limits.Limits
	Held     HeldRequests
	Accounts *accounts.Set
	// Jira returns the Jira with this base URL, as a gateway reaches it, or the only one
	// if url is empty.
	Jira func(url string) (accounts.Jira, error)
	// IsCloud reports whether the Jira with this base URL is Jira Cloud or, if url is empty,
	// whether all are.
	IsCloud func(ctx context.Context, url string) bool
	// PublicURL is the gateway's address as its users know it, without a slash at the
	// end; empty if it is not configured.
	PublicURL string
	// Trust decides which JWTs can be exchanged for tokens; nil if none can.
	Trust  *trust.Trust
	Logger *zap.Logger
}

// API is the set of the gateway's own endpoints. It is safe for concurrent use.
type API struct {
	Options
	endpoints []handler.Endpoint
}

// New returns the endpoints.
func New(options Options) *API {
	a := &API{Options: options}
	a.endpoints = []handler.Endpoint{
		a.showSelf(), a.endSelf(), a.rotateSelf(), a.showApproval(),
		a.lookAtHandover(), a.openHandover(),
		a.showAccount(), a.lodgeAccount(), a.removeAccount(),
		a.openLink(), a.finishLink(),
	}
	a.endpoints = append(a.endpoints, a.listPATs(), a.createPAT(), a.revokePAT())
	if a.Trust != nil {
		a.endpoints = append(a.endpoints, a.exchange())
	}
	return a
}

// Find implements handler.Endpoints.
func (a *API) Find(method, path string) (match handler.EndpointMatch) {
	for i := range a.endpoints {
		endpoint := &a.endpoints[i]
		parameter, ok := matches(endpoint.Path, path)
		if !ok {
			continue
		}
		match.Methods = append(match.Methods, methodsOf(endpoint)...)
		if slices.Contains(methodsOf(endpoint), method) {
			return handler.EndpointMatch{Endpoint: endpoint, Parameter: parameter}
		}
	}
	return match
}

func methodsOf(endpoint *handler.Endpoint) []string {
	if endpoint.Method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{endpoint.Method}
}

// matches reports whether a path matches a pattern, and returns the segment for which
// the pattern has braces.
func matches(pattern, path string) (parameter string, ok bool) {
	before, rest, hasParameter := strings.Cut(pattern, "{")
	if !hasParameter {
		return "", path == pattern
	}
	_, after, _ := strings.Cut(rest, "}")
	if parameter, ok = strings.CutPrefix(path, before); !ok {
		return "", false
	}
	if parameter, ok = strings.CutSuffix(parameter, after); !ok {
		return "", false
	}
	return parameter, parameter != "" && !strings.Contains(parameter, "/")
}

// urlOf returns the URL of an endpoint: below the configured address, or else below the
// one that the client used, if it is known.
func (a *API) urlOf(call handler.Call, path string) string {
	return a.baseURL(call) + handler.EndpointsPath + path
}

func (a *API) baseURL(call handler.Call) string {
	if a.PublicURL != "" {
		return a.PublicURL
	}
	return call.BaseURL
}

// timestamp returns a time as the endpoints show it, or nil for the zero time.
func timestamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

var _ handler.Endpoints = (*API)(nil)
