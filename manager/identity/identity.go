// Package identity finds out who uses the token manager. Each way to do so is a Caddy
// module, in the namespace jira_tokens.identities; a manager can have several.
package identity

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// Namespace is the namespace of the modules.
const Namespace = "jira_tokens.identities"

// Person is somebody who uses the manager.
type Person struct {
	// Name is the person's name as owners of tokens are named.
	Name string
	// TokenID is the ID of the token that the person has shown, if it was one. The
	// session ends with the token.
	TokenID string
	// LooksOnly means that the person may see what they may see, but change nothing.
	LooksOnly bool
	// Subject is the person's account at a provider, which stays the same if the name
	// changes; empty if it is not known.
	Subject string
	// Groups are the groups that the provider says the person is in, if the identity
	// tells groups.
	Groups []string
}

// Grouper is an Identity that can tell which groups people are in.
type Grouper interface {
	// TellsGroups reports whether it does, as it is configured.
	TellsGroups() bool
}

// Provider is an Identity of which there can be several, for different providers.
type Provider interface {
	// Provider identifies the provider.
	Provider() string
}

// Identity is a way to find out who somebody is. It also implements exactly one of
// Recognizer, Redirector and Checker.
type Identity interface {
	caddy.Module
	caddyfile.Unmarshaler
}

// Recognizer is an Identity that tells from every request who sends it. Nobody signs in or
// out.
type Recognizer interface {
	// Recognize returns who sends the request, or nil if that is not known.
	Recognize(r *http.Request) (*Person, error)
}

// Redirector is an Identity that sends people to another site to sign in.
type Redirector interface {
	// Title is the name of that site.
	Title() string
	// Begin returns where to send the browser, which comes back to callback, and what
	// to remember until then.
	Begin(ctx context.Context, callback string) (to string, flow Flow, err error)
	// Finish returns who has signed in. query is that of the request to callback.
	Finish(ctx context.Context, callback string, query url.Values, flow Flow) (*Person, error)
}

// Flow is what is remembered about somebody who signs in at another site.
type Flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Checker is an Identity that people show a credential.
type Checker interface {
	// Check returns whose credential it is. A DeniedError says why it is not accepted.
	Check(ctx context.Context, credential Credential) (*Person, error)
}

// Credential is what somebody shows.
type Credential struct {
	Owner, Secret string
	// Bearer means that only the secret was shown, which says whose it is. Owner is empty.
	Bearer bool
	// Address is the client's; the zero Addr if it is not known.
	Address netip.Addr
	// UserAgent is what the client calls itself.
	UserAgent string
}

// errOtherAttempt is the same for all providers.
var errOtherAttempt = DeniedError{Why: "You came back from another attempt to sign in. Try again."}

// DeniedError says why somebody cannot sign in, in words for that person.
type DeniedError struct {
	Why string
	// RetryAfter is how long to wait before another attempt. It is 0 if waiting does not
	// help.
	RetryAfter time.Duration
}

func (e DeniedError) Error() string { return e.Why }

// AskError means that an identity could not find out who somebody is: whom it asked has given no
// usable answer.
type AskError struct {
	// Whom is who was asked, such as Jira, and What what was wrong, in words for the person:
	// "it answered with HTTP 500".
	Whom, What string
	// Err says more, for the log.
	Err error
}

func (e AskError) Error() string { return e.Err.Error() }

func (e AskError) Unwrap() error { return e.Err }

// App is what identities need of the jira_tokens app.
type App interface {
	handler.App
	// Registry returns the registry of tokens.
	Registry() *registry.Registry
	// Jiras returns the Jiras that the configured gateways forward to.
	Jiras() []handler.Jira
}

// UsesApp is an Identity that needs the app.
type UsesApp interface {
	// Use is called once, before anybody signs in.
	Use(app App)
}
