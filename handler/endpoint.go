package handler

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// EndpointsPath is the path of the gateway's own endpoints, below Jira's context path.
// No request to this path or below it is ever forwarded to Jira.
const EndpointsPath = "/rest/jira-tokens/"

// Endpoints finds the gateway's own endpoints, which answer requests without Jira.
type Endpoints interface {
	// Find returns the endpoint for a method and a path below EndpointsPath, which has
	// passed jira.CheckPath. HEAD finds the endpoint of GET.
	Find(method, path string) EndpointMatch
}

// EndpointMatch is the result of finding an endpoint.
type EndpointMatch struct {
	// Endpoint is nil if there is none for this path and method.
	Endpoint *Endpoint
	// Parameter is the segment of the path for which the endpoint's Path has braces.
	Parameter string
	// Methods are the methods of the path's endpoints; empty if there is no such path.
	Methods []string
}

// Endpoint is one of the gateway's own endpoints.
type Endpoint struct {
	// Method is the HTTP method. GET also serves HEAD.
	Method string
	// Path is the path below EndpointsPath, such as 1/self. At most one segment may be
	// in braces, as in 1/handover/{link}: it stands for any segment.
	Path string
	// Does says for `explain` what the endpoint does, as a clause without a subject:
	// "shows the token to its holder".
	Does string
	// Needs is what a request must have before Serve is called.
	Needs Need
	// MaxBody is the maximum size of a request's body in bytes; 0 means 64 KiB. Reading
	// more than that returns an http.MaxBytesError.
	MaxBody int64
	// SecretPath is set if the path contains a secret. Requests then do not appear in
	// the access log, and the log of denials does not show the path.
	SecretPath bool
	// Errors returns the body of an error response, to be encoded as JSON. If it is nil,
	// errors have the form of Jira's. code is that of the EndpointError, if there is one.
	Errors func(reason Reason, code, message string) any
	// Serve answers the request. If it returns an error, it must not have written
	// anything but headers. An EndpointError says what the client gets;
	// token.ErrUnavailable in the chain is a 503, and any other error a 500 without
	// details.
	Serve func(w http.ResponseWriter, r *http.Request, call Call) error
}

// Need is what a request to an endpoint must have.
type Need int

// The needs.
const (
	// NeedsNothing is for endpoints that find out by themselves who is asking, such as
	// by a link. Credentials are ignored. Addresses that have failed too often are
	// refused; the endpoint reports failures with EndpointError.Guess.
	NeedsNothing Need = iota
	// NeedsSecret is for endpoints that need the right secret of a token, whatever the
	// token's state, from any address.
	NeedsSecret
	// NeedsToken is for endpoints that need a token that works now and from here, and
	// that is within its limits. The request counts as a use.
	NeedsToken
)

// Call is what is known about a request to an endpoint.
type Call struct {
	// Parameter is the segment of the path for which the endpoint's Path has braces.
	Parameter string
	// Record and Presented are the token; zero for endpoints that need nothing.
	Record    *token.Record
	Presented token.Token
	// Address is the client's; the zero Addr if it is unknown.
	Address netip.Addr
	// At is the time of the request.
	At time.Time
	// BaseURL is the gateway's base URL as the client used it; empty if the client sent
	// no Host. It ends without a slash.
	BaseURL string
	// Here are the bounds that this gateway sets for all tokens.
	Here Bounds
}

// Bounds are the networks and the confinement that a gateway sets for all tokens.
type Bounds struct {
	Networks token.Networks
	Confine  token.Confinement
}

// EndpointError is an error of an endpoint that the client gets to see.
type EndpointError struct {
	// Reason determines the status.
	Reason Reason
	// Message is for the user of the client. It must not contain secrets.
	Message string
	// Code is for endpoints with an error format of their own.
	Code string
	// Page, if set, is the HTML that the client gets instead of Jira's error JSON.
	Page []byte
	// RetryAfter is how long to wait before trying again; 0 says nothing.
	RetryAfter time.Duration
	// Guess is set if the request may have been a guess at a secret. Too many of them
	// block the client's address.
	Guess bool
	// Cause only goes to the log. It must not contain secrets.
	Cause error
}

// Error implements error.
func (e *EndpointError) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *EndpointError) Unwrap() error { return e.Cause }
