package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// The identifiers of RFC 8693, sections 2.1 and 3.
const (
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeJWT            = "urn:ietf:params:oauth:token-type:jwt"
	typeIDToken        = "urn:ietf:params:oauth:token-type:id_token"
	typeAccessToken    = "urn:ietf:params:oauth:token-type:access_token"
)

// The error codes of RFC 6749, section 5.2, and RFC 8693, section 2.2.2. By the latter,
// a JWT that is not accepted is an invalid request.
const (
	codeInvalidRequest   = "invalid_request"
	codeInvalidScope     = "invalid_scope"
	codeInvalidTarget    = "invalid_target"
	codeUnsupportedGrant = "unsupported_grant_type"
	codeUnavailable      = "temporarily_unavailable"
)

// maxExchange is the maximum size of the request for a token: a JWT and some room.
const maxExchange = trust.MaxJWT + 4<<10

func (a *API) exchange() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodPost, Path: version + "token", Needs: handler.NeedsNothing, MaxBody: maxExchange,
		Does:   "exchanges a JWT of a trusted issuer for a short-lived token",
		Errors: oauthError,
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			request, err := readExchange(r)
			if err != nil {
				return err
			}
			grant, err := a.Trust.Exchange(r.Context(), request.jwt, request.idToken)
			if err != nil {
				return refusedJWT(err)
			}
			edit, err := request.narrow(grant)
			if err != nil {
				return err
			}
			actor := actorOf(r, call)
			issued, err := a.Registry.Exchange(r.Context(), registry.Origin{
				Issuer: grant.Issuer, Subject: grant.Subject, Address: actor.Address, Claim: actor.Claim,
				ID: grant.ID, Until: grant.Until, Lifetime: grant.Lifetime,
			}, edit, a.usableFrom(call))
			if err != nil {
				return refusedToken(grant, err)
			}
			w.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1
			return reply(w, http.StatusOK, newExchanged(issued, call.At))
		},
	}
}

// exchanged is a token that was exchanged for a JWT (RFC 8693, section 2.2.1), and its
// public names.
type exchanged struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int    `json:"expires_in"`
	Scope           string `json:"scope"`
	ID              string `json:"id"`
	Owner           string `json:"owner"`
}

func newExchanged(issued registry.Issued, now time.Time) exchanged {
	return exchanged{
		AccessToken: issued.Token.Reveal(), IssuedTokenType: typeAccessToken, TokenType: "Bearer",
		ExpiresIn: int(issued.Record.ExpiresAt.Sub(now) / time.Second), Scope: issued.Record.Scope.String(),
		ID: issued.Record.ID, Owner: issued.Record.Owner,
	}
}

// exchangeRequest is a request to exchange a JWT.
type exchangeRequest struct {
	jwt     string
	idToken bool
	scope   string
	targets []string
}

// readExchange reads a request to exchange a JWT (RFC 8693, section 2.1).
func readExchange(r *http.Request) (*exchangeRequest, error) {
	if r.URL.RawQuery != "" {
		return nil, oauthRefusal(codeInvalidRequest, "The request has parameters in its URL, where they are logged. Send them as a form in the body.")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, oauthRefusal(codeInvalidRequest, "The request's Content-Type must be application/x-www-form-urlencoded.")
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, oauthRefusal(codeInvalidRequest, "The request's body is not a form.")
	}
	for name, values := range form {
		// RFC 6749, section 3.2; RFC 8693 lets only these two be repeated.
		if len(values) > 1 && name != "resource" && name != "audience" {
			return nil, oauthRefusal(codeInvalidRequest, "A parameter is given more than once.")
		}
	}
	request := &exchangeRequest{jwt: form.Get("subject_token"), scope: form.Get("scope"), targets: slices.Concat(form["audience"], form["resource"])}
	subjectType := form.Get("subject_token_type")
	request.idToken = subjectType == typeIDToken
	switch requested := form.Get("requested_token_type"); {
	case form.Get("grant_type") != grantTokenExchange:
		return nil, oauthRefusal(codeUnsupportedGrant, "The grant_type must be "+grantTokenExchange+".")
	case form.Has("actor_token") || form.Has("actor_token_type"):
		return nil, oauthRefusal(codeInvalidRequest, "An actor_token is not supported.")
	case request.jwt == "":
		return nil, oauthRefusal(codeInvalidRequest, "The subject_token is missing: send the JWT there.")
	case subjectType != typeJWT && subjectType != typeIDToken:
		return nil, oauthRefusal(codeInvalidRequest, "The subject_token_type must be "+typeJWT+" or "+typeIDToken+".")
	case requested != "" && requested != typeAccessToken:
		return nil, oauthRefusal(codeInvalidRequest, "The requested_token_type must be "+typeAccessToken+".")
	}
	return request, nil
}

// narrow returns the fields of the token that the request asks for: with the scope of
// the rule, or one that this includes.
func (request *exchangeRequest) narrow(grant *trust.Grant) (token.Edit, error) {
	for _, target := range request.targets {
		if !slices.Contains(grant.Audiences, target) {
			return nil, oauthRefusal(codeInvalidTarget, "The audience or resource is not this gateway.")
		}
	}
	if request.scope == "" {
		return grant.Token, nil
	}
	scope, err := token.ParseScope(request.scope)
	if err != nil || !grant.Scope.Includes(scope) {
		return nil, oauthRefusal(codeInvalidScope, "The scope is not allowed for this JWT. Leave it out for the one that is.")
	}
	edit := maps.Clone(grant.Token)
	if edit["scope"], err = json.Marshal(scope); err != nil {
		return nil, err
	}
	return edit, nil
}

// usableFrom returns a Vet that refuses a token which would not work from the client's
// address, so that a stolen JWT is useless elsewhere.
func (a *API) usableFrom(call handler.Call) registry.Vet {
	return func(_ context.Context, record *token.Record) error {
		if call.Here.Networks.Permits(call.Address) && record.Networks.Permits(call.Address) && a.Registry.Standing(record).Rights.Permits(call.Address) {
			return nil
		}
		return &handler.EndpointError{
			Reason: handler.ReasonNetworkDenied, Code: codeInvalidRequest,
			Message: fmt.Sprintf("The token would not work from the address %s.", call.Address),
		}
	}
}

func oauthRefusal(code, message string) error {
	return &handler.EndpointError{Reason: handler.ReasonInvalidRequest, Code: code, Message: message}
}

// refusedJWT returns why a JWT is not accepted as the client gets to see it.
func refusedJWT(err error) error {
	if refused, ok := errors.AsType[*trust.RefusedError](err); ok {
		return &handler.EndpointError{Reason: handler.ReasonExchangeRefused, Code: codeInvalidRequest, Message: refused.Message, Guess: true, Cause: err}
	}
	if unavailable, ok := errors.AsType[*trust.UnavailableError](err); ok {
		return &handler.EndpointError{
			Reason: handler.ReasonIssuerUnavailable, Code: codeUnavailable, RetryAfter: unavailable.RetryAfter, Guess: unavailable.UnknownKey, Cause: err,
			Message: "The JWT cannot be verified at the moment, since its issuer's keys are not available. Try again in a few seconds.",
		}
	}
	return err
}

// refusedToken returns why there is no token for a JWT that is accepted.
func refusedToken(grant *trust.Grant, err error) error {
	cause := fmt.Errorf("%s of %s for the subject %q: %w", grant.Rule, grant.Issuer, grant.Subject, err)
	refused := &handler.EndpointError{Reason: handler.ReasonExchangeRefused, Code: codeInvalidRequest, Cause: cause}
	_, isPolicy := errors.AsType[registry.PolicyError](err)
	_, isInvalid := errors.AsType[registry.InvalidError](err)
	switch failed, ok := errors.AsType[*handler.EndpointError](err); {
	case ok:
		failed.Cause = cause
		return failed
	case errors.Is(err, registry.ErrExchanged):
		refused.Message, refused.Guess = "The JWT has been exchanged before. Ask its issuer for another one.", true
	case errors.Is(err, token.ErrUnavailable):
		return cause
	case isPolicy, isInvalid:
		refused.Message = "The JWT is genuine, but the gateway's policy gives no token for it."
	default:
		return cause
	}
	return refused
}

// oauthError returns the body of an error response (RFC 6749, section 5.2).
func oauthError(reason handler.Reason, code, message string) any {
	switch {
	case code != "":
	case reason == handler.ReasonStoreUnavailable, reason == handler.ReasonTooManyFailures, reason == handler.ReasonInternalError:
		code = codeUnavailable
	default:
		code = codeInvalidRequest
	}
	return struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, message}
}
