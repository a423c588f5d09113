package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Asker asks one Jira questions as an account.
type Asker struct {
	// Transport sends the questions. URL is Jira's base URL.
	Transport http.RoundTripper
	URL       string
	// Account is nil for questions that Jira answers to anybody.
	Account *Account
}

// askTimeout bounds the wait for Jira.
const askTimeout = 20 * time.Second

// maxAnswer is the maximum size, in bytes, of an answer to a question.
const maxAnswer = 4 << 20

// Ask sends a question and returns the status and body of Jira's answer. uri is
// relative to Jira's base URL, such as /rest/api/2/issue/ACME-1?fields=project.
// body is JSON, or nil. The error is a RefusedError if Jira refuses the account,
// and a NotJiraError if something else answers.
func (a Asker) Ask(ctx context.Context, method, uri string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := a.send(ctx, method, uri, body)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	path, _, _ := strings.Cut(uri, "?")
	if status := response.StatusCode; status >= 400 && status < 500 && IsPage(response, path) {
		// Only Jira knows what does not exist.
		return 0, nil, NotJiraError{fmt.Sprintf("got an HTML page instead of JSON (HTTP %d): a maintenance page, or a proxy's?", status)}
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("Jira's answer breaks off: %w", err)
	case len(answer) > maxAnswer:
		return 0, nil, fmt.Errorf("Jira's answer exceeds %d bytes", maxAnswer)
	}
	return response.StatusCode, answer, nil
}

// get decodes the JSON at a path relative to Jira's base URL. Any status but 200
// is an error.
func (a Asker) get(ctx context.Context, path string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := a.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden:
		// A firewall in front of Jira answers with a page of its own.
		return RefusedError{Why: "Jira forbids the account (HTTP 403): may it use the API?", Page: IsPage(response, path)}
	case http.StatusTooManyRequests:
		return busy(response)
	default:
		return fmt.Errorf("Jira returned HTTP %d: is the URL right?", response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return errors.New("the response is not Jira's: is the URL right?")
	}
	return nil
}

// send sends a question and returns the response if Jira itself gave it and
// accepts the account.
func (a Asker) send(ctx context.Context, method, uri string, body []byte) (*http.Response, error) {
	request, err := a.request(ctx, method, uri, body)
	if err != nil {
		return nil, err
	}
	response, err := a.Transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("Jira cannot be reached: %w", err)
	}
	path, _, _ := strings.Cut(uri, "?")
	if err = Refusal(response); err == nil {
		err = CheckAnswer(response, Question{Path: path, URL: request.URL, Home: nowhere})
	}
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return response, nil
}

func (a Asker) request(ctx context.Context, method, uri string, body []byte) (*http.Request, error) {
	base, authorization := a.URL, ""
	if a.Account != nil {
		var err error
		if base, err = a.Account.BaseURL(ctx, a.Transport, a.URL); err != nil {
			return nil, err
		}
		if authorization, err = a.Account.Authorization(ctx); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, base+uri, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "caddy-jira-tokens")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Atlassian-Token", "no-check") // Jira checks for XSRF by the method, even if it only reads
	}
	return request, nil
}

// nowhere is the Home of questions that must not be redirected.
func nowhere(*url.URL) (path string, isHome, reachable bool) { return "", false, false }

// Key identifies the Jira, the account and its credential: answers may differ between
// them, even if two accounts have the same name.
func (a Asker) Key() string { return a.URL + " " + a.Account.key }
