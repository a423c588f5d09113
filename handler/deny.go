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
)

// Reason is why a request was denied: a stable code for programs.
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
	ReasonPasswordRefused  Reason = "password_refused"

	ReasonNetworkDenied     Reason = "network_denied"
	ReasonScopeInsufficient Reason = "scope_insufficient"
	ReasonPathDenied        Reason = "path_denied"

	ReasonRateLimited     Reason = "rate_limited"
	ReasonTooManyFailures Reason = "too_many_failures"

	ReasonJiraRejectedAccount Reason = "jira_rejected_account"
	ReasonJiraUnreachable     Reason = "jira_unreachable"

	ReasonStoreUnavailable Reason = "store_unavailable"
)

// status returns the HTTP status that goes with a reason.
func (r Reason) status() int {
	switch r {
	case ReasonAmbiguousRequest:
		return http.StatusBadRequest
	case ReasonNetworkDenied, ReasonScopeInsufficient, ReasonPathDenied:
		return http.StatusForbidden
	case ReasonRateLimited, ReasonTooManyFailures:
		return http.StatusTooManyRequests
	case ReasonJiraRejectedAccount, ReasonJiraUnreachable:
		return http.StatusBadGateway
	case ReasonStoreUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

// headerReason tells programs why a request was denied.
const headerReason = "X-Jira-Token-Reason"

// denial ends a request.
type denial struct {
	reason Reason
	// message is for the person behind the client.
	message string
	// retryAfter, if not 0, tells when to try again.
	retryAfter time.Duration
	// exceeded is what a 429 tells of.
	exceeded *limits.Exceeded
	// cause is for the log only.
	cause error
	// innocent is for an invalid token that is no guess.
	innocent bool
}

// retrySeconds is retryAfter in whole seconds, as Retry-After has it.
func (d *denial) retrySeconds() int {
	return int((d.retryAfter + time.Second - 1) / time.Second)
}

func deny(reason Reason, message string) *denial {
	return &denial{reason: reason, message: message}
}

// record leaves a denied request's line in the log, and counts every outcome.
func (h *Handler) record(r *http.Request, d *Decision, took time.Duration) {
	outcome := Outcome{Decision: decisionAllowed, Took: took}
	if d.classified {
		outcome.Access = d.Access.String()
	}
	if d.denied != nil {
		outcome.Decision, outcome.Reason = decisionDenied, d.denied.reason
		h.logDenial(r, d, d.denied)
	}
	h.app.Decided(outcome)
}

// answer returns what a denied request gets: Jira's own error body, so that
// Jira's clients show the message.
func (d *denial) answer() (http.Header, []byte) {
	header := http.Header{
		headerReason:    {string(d.reason)},
		"Content-Type":  {"application/json;charset=UTF-8"},
		"Cache-Control": {"no-store"},
	}
	if d.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(d.retrySeconds()))
	}
	switch d.reason.status() {
	case http.StatusTooManyRequests:
		setRateHeaders(header, d.exceeded)
	case http.StatusUnauthorized:
		// curl --anyauth, Java's Authenticator, urllib and wget send
		// credentials only after this.
		// RFC 7617 section 2.1: the user name is in UTF-8.
		header.Set("Www-Authenticate", `Basic realm="Jira API tokens", charset="UTF-8"`)
	}
	body, err := json.Marshal(jiraError{ErrorMessages: []string{d.message}, Errors: map[string]string{}})
	if err != nil {
		body = []byte(`{}`) // cannot be: all are plain values
	}
	return header, body
}

// write answers a denied request, once its body has been read as far as that is
// bounded.
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
	_, err := w.Write(body) //nolint:gosec // G705: it is JSON, in which encoding/json escapes markup
	return err
}

// response is the answer as if Jira had given it, for the transport.
func (d *denial) response(r *http.Request) *http.Response {
	header, body := d.answer()
	status := d.reason.status()
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// jiraError is Jira's error body and nothing else: clients such as n8n show
// another field instead of the message.
type jiraError struct {
	ErrorMessages []string          `json:"errorMessages"`
	Errors        map[string]string `json:"errors"`
}
