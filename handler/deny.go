package handler

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Reason is a stable code for programs that says why a request was denied.
type Reason string

// The reasons.
const (
	ReasonAmbiguousRequest Reason = "ambiguous_request"

	ReasonNoCredentials    Reason = "no_credentials"
	ReasonInvalidToken     Reason = "invalid_token"
	ReasonTokenExpired     Reason = "token_expired"
	ReasonTokenRevoked     Reason = "token_revoked"
	ReasonTokenDisabled    Reason = "token_disabled"
	ReasonTokenNotYetValid Reason = "token_not_yet_valid"
	ReasonTokenRotated     Reason = "token_rotated"
	ReasonTokenPending     Reason = "token_pending"
	ReasonPasswordRefused  Reason = "password_refused"

	ReasonOwnerSuspended  Reason = "owner_suspended"
	ReasonPolicySuspended Reason = "policy_suspended"

	ReasonNetworkDenied     Reason = "network_denied"
	ReasonScopeInsufficient Reason = "scope_insufficient"
	ReasonPathDenied        Reason = "path_denied"
	ReasonApprovalRequired  Reason = "approval_required"

	ReasonOutsideConfinement Reason = "outside_confinement"
	ReasonNotConfinable      Reason = "not_confinable"
	ReasonJQLNotConfinable   Reason = "jql_not_confinable"

	ReasonRateLimited     Reason = "rate_limited"
	ReasonTooManyFailures Reason = "too_many_failures"

	ReasonJiraRejectedAccount Reason = "jira_rejected_account"
	ReasonJiraUnreachable     Reason = "jira_unreachable"

	ReasonStoreUnavailable Reason = "store_unavailable"

	// The reasons of the gateway's own endpoints.
	ReasonInvalidRequest   Reason = "invalid_request"
	ReasonUnknownEndpoint  Reason = "unknown_endpoint"
	ReasonMethodNotAllowed Reason = "method_not_allowed"
	ReasonConflict         Reason = "conflict"
	ReasonBodyTooLarge     Reason = "body_too_large"
	ReasonInternalError    Reason = "internal_error"
	ReasonUnknownHandover  Reason = "unknown_handover"
	ReasonHandoverEnded    Reason = "handover_ended"

	ReasonExchangeRefused   Reason = "exchange_refused"
	ReasonIssuerUnavailable Reason = "issuer_unavailable"
)

// status returns the HTTP status of a denial for this reason.
func (r Reason) status() int {
	switch r {
	case ReasonAmbiguousRequest, ReasonJQLNotConfinable, ReasonInvalidRequest, ReasonExchangeRefused:
		return http.StatusBadRequest
	case ReasonNetworkDenied, ReasonScopeInsufficient, ReasonPathDenied, ReasonApprovalRequired, ReasonNotConfinable:
		return http.StatusForbidden
	case ReasonOutsideConfinement, ReasonUnknownEndpoint, ReasonUnknownHandover:
		return http.StatusNotFound
	case ReasonMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case ReasonConflict:
		return http.StatusConflict
	case ReasonHandoverEnded:
		return http.StatusGone
	case ReasonBodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case ReasonInternalError:
		return http.StatusInternalServerError
	case ReasonRateLimited, ReasonTooManyFailures:
		return http.StatusTooManyRequests
	case ReasonJiraRejectedAccount, ReasonJiraUnreachable:
		return http.StatusBadGateway
	case ReasonStoreUnavailable, ReasonIssuerUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

// headerReason is the response header with the reason of a denial.
const headerReason = "X-Jira-Token-Reason"

// denial ends a request.
type denial struct {
	reason Reason
	// message is for the user of the client.
	message string
	// retryAfter is how long to wait before trying again; 0 says nothing.
	retryAfter time.Duration
	// exceeded is the limit that a 429 reports.
	exceeded *limits.Exceeded
	// approval is the ID of the held request.
	approval string
	// cause only goes to the log.
	cause error
	// hint tells the administrator, never the client, what would let the request
	// pass.
	hint string
	// project is the key of the project outside a token's confinement that the
	// request is about, if known. It is for the administrator too.
	project string
	// allow is the Allow header of a 405.
	allow string
	// page is the HTML to answer with instead of Jira's error JSON; nil: none.
	page []byte
	// code and format are those of the endpoint.
	code   string
	format func(reason Reason, code, message string) any
	// innocent marks an invalid token that does not count as a guess.
	innocent bool
	// recorded is set once the audit trail has been told of the denial.
	recorded bool
}

// retrySeconds returns retryAfter in seconds, rounded up, for Retry-After.
func (d *denial) retrySeconds() int {
	return int((d.retryAfter + time.Second - 1) / time.Second)
}

func deny(reason Reason, message string) *denial {
	return &denial{reason: reason, message: message}
}

// refer adds the address of the token manager to the message, if the token's owner can do
// something about the denial there. Somebody outside has no account to sign in with.
func (d *denial) refer(record *token.Record, manager string) {
	if d == nil || record == nil || manager == "" || record.Kind == token.KindExternal {
		return
	}
	switch d.reason {
	case ReasonTokenExpired, ReasonTokenDisabled, ReasonTokenRevoked, ReasonNetworkDenied, ReasonScopeInsufficient, ReasonPolicySuspended:
		d.message += " The token's owner can see to it at " + manager + "."
	}
}

// record logs a denial, records it in the audit trail and counts the outcome. What it
// replaces the denial with, if the trail is strict, is what the client must get.
func (h *Handler) record(r *http.Request, d *Decision, took time.Duration) {
	outcome := Outcome{Decision: decisionAllowed, Took: took, Bytes: d.received.n}
	if d.Record != nil {
		outcome.TokenID = d.Record.ID
	}
	if d.passThrough {
		outcome.Decision = decisionPassed
	}
	if d.classified {
		outcome.Access = d.Access.String()
	}
	if d.denied != nil {
		d.recordDenial(h.app.Trail(), r)
		outcome.Decision, outcome.Reason = decisionDenied, d.denied.reason
		h.logDenial(r, d, d.denied)
	}
	h.app.Decided(outcome)
}

// answer returns the header and body of the response. The body has the form of
// Jira's own errors, so that Jira's clients show the message.
func (d *denial) answer() (http.Header, []byte) {
	header := http.Header{
		headerReason:    {string(d.reason)},
		"Content-Type":  {"application/json;charset=UTF-8"},
		"Cache-Control": {"no-store"},
	}
	if d.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(d.retrySeconds()))
	}
	if d.approval != "" {
		header.Set(headerApproval, d.approval)
	}
	switch d.reason.status() {
	case http.StatusMethodNotAllowed:
		header.Set("Allow", d.allow)
	case http.StatusTooManyRequests:
		if d.exceeded != nil {
			setRateHeaders(header, d.exceeded)
		}
	case http.StatusUnauthorized:
		// curl --anyauth, Java's Authenticator, urllib and wget only send
		// credentials after this challenge. The charset makes clients encode user
		// names in UTF-8 (RFC 7617, section 2.1).
		header.Set("Www-Authenticate", `Basic realm="Jira API tokens", charset="UTF-8"`)
	}
	if d.page != nil {
		header.Set("Content-Type", "text/html; charset=utf-8")
		return header, d.page
	}
	var content any = jiraError{ErrorMessages: []string{d.message}, Errors: map[string]string{}}
	if d.format != nil {
		content = d.format(d.reason, d.code, d.message)
	}
	body, err := json.Marshal(content)
	if err != nil {
		body = []byte(`{}`) // cannot happen: all are plain values
	}
	return header, body
}

// write answers a denied request after reading its body, within limits.
func (d *denial) write(w http.ResponseWriter, r *http.Request) error {
	header, body := d.answer()
	maps.Copy(w.Header(), header)
	if !drainOrClose(w, r) {
		defer linger(w, r)
	}
	w.WriteHeader(d.reason.status())
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body) //nolint:gosec // G705: encoding/json escapes markup
	return err
}

// response returns the denial as a response that the transport can return.
func (d *denial) response(r *http.Request) *http.Response {
	header, body := d.answer()
	status := d.reason.status()
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// jiraError is Jira's error body. It has no other fields: clients such as n8n would
// show them instead of the message.
type jiraError struct {
	ErrorMessages []string          `json:"errorMessages"`
	Errors        map[string]string `json:"errors"`
}
