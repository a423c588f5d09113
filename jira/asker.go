package jira

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// Asker asks one Jira questions as an account.
type Asker struct {
	// Transport sends the questions. URL is Jira's base URL.
	Transport http.RoundTripper
	URL       string
	Account   *Account
}

// maxAnswer is the maximum size, in bytes, of an answer to a question.
const maxAnswer = 4 << 20

// Ask sends a question and returns the status and body of Jira's answer. uri is
// relative to Jira's base URL, such as /rest/api/2/issue/ACME-1?fields=project.
// body is JSON, or nil. The error is a RefusedError if Jira refuses the account,
// and a NotJiraError if something else answers.
func (a Asker) Ask(ctx context.Context, method, uri string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	base, err := a.Account.BaseURL(ctx, a.Transport, a.URL)
	if err != nil {
		return 0, nil, err
	}
	authorization, err := a.Account.Authorization(ctx)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, base+uri, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "caddy-jira-tokens")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Atlassian-Token", "no-check") // Jira goes by the method, even if it only reads
	}
	response, err := a.Transport.RoundTrip(request)
	if err != nil {
		return 0, nil, fmt.Errorf("Jira cannot be reached: %w", err)
	}
	defer response.Body.Close()
	if err := Refusal(response); err != nil {
		return 0, nil, err
	}
	if err := CheckAnswer(response, Question{Path: request.URL.Path, URL: request.URL, Home: nowhere}); err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("Jira's answer breaks off: %w", err)
	case len(answer) > maxAnswer:
		return 0, nil, fmt.Errorf("Jira's answer has more than %d bytes", maxAnswer)
	}
	return response.StatusCode, answer, nil
}

// Key identifies the Jira and the account, for what is remembered of answers.
func (a Asker) Key() string { return a.URL + " " + a.Account.Name() }
