package post

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
)

const (
	// sendTimeout bounds one attempt.
	sendTimeout = 15 * time.Second
	// maxAnswer is how much of a response is read, and thrown away.
	maxAnswer = 64 << 10
	// maxRetryAfter bounds how long a receiver can ask to wait.
	maxRetryAfter = time.Hour
)

// Receiver is a webhook.
type Receiver struct {
	// Name identifies the receiver, in logs too.
	Name string

	url     string
	secrets [][]byte
	events  []string
	header  http.Header
	client  *http.Client
	poked   chan struct{}
	// patience is that of PublishPatiently.
	patience patience
}

// ReceiverOptions configure a Receiver.
type ReceiverOptions struct {
	// Name is the receiver's name. Default: the host of the URL
	Name string
	URL  string
	// Secrets sign the notices, as in Standard Webhooks: whsec_ and base64.
	Secrets []string
	// Events are the types of notices to send, or prefixes that end in *. Default: all
	Events []string
	Header http.Header
	// Transport sends requests. Default: Go's, with its own connections
	Transport http.RoundTripper
}

// NewReceiver returns a receiver. Its errors contain no secret.
func NewReceiver(options ReceiverOptions) (*Receiver, error) {
	target, err := url.Parse(options.URL)
	if err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http" || target.Fragment != "" {
		return nil, errors.New("invalid URL: expected one such as https://hooks.example.com/jira-tokens")
	}
	r := &Receiver{Name: options.Name, url: options.URL, header: options.Header}
	if r.Name == "" {
		r.Name = target.Host
	}
	if strings.ContainsAny(r.Name, "/ ") || len(r.Name) > 100 {
		return nil, fmt.Errorf("invalid name %q: expected at most 100 characters without spaces and slashes", printable(r.Name))
	}
	for _, text := range options.Secrets {
		secret, err := parseSecret(text)
		if err != nil {
			return nil, err
		}
		r.secrets = append(r.secrets, secret)
	}
	for _, text := range options.Events {
		event, err := parseEvents(text)
		if err != nil {
			return nil, err
		}
		r.events = append(r.events, event)
	}
	transport := options.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost, own.ResponseHeaderTimeout = 1, sendTimeout
		transport = own
	}
	r.client = &http.Client{
		Transport: transport, Timeout: sendTimeout,
		// A redirect would take the notice, and the headers, somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// parseSecret parses whsec_ and base64. Its errors do not contain the secret.
func parseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, errors.New(`invalid secret: expected whsec_ and 24 to 64 bytes in base64, as printed by: echo "whsec_$(openssl rand -base64 32)"`)
	}
	return secret, nil
}

const typePrefix = "jira_tokens."

// parseEvents parses the type of a notice, with or without jira_tokens, or a prefix with *.
func parseEvents(text string) (string, error) {
	full := text
	if !strings.HasPrefix(full, typePrefix) {
		full = typePrefix + full
	}
	for _, known := range notice.Types() {
		if matches(full, known) {
			return full, nil
		}
	}
	return "", fmt.Errorf("unknown event %q: expected %s, or the beginning of some with *", printable(text), strings.Join(notice.Types(), ", "))
}

func matches(pattern, kind string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return pattern == kind || open && strings.HasPrefix(kind, prefix)
}

// wants reports whether the receiver gets notices of this type. Everyone gets tests.
func (r *Receiver) wants(kind string) bool {
	return len(r.events) == 0 || kind == notice.Test || slices.ContainsFunc(r.events, func(pattern string) bool { return matches(pattern, kind) })
}

// address returns a digest of the URL, which may contain a secret.
func (r *Receiver) address() string {
	sum := sha256.Sum256([]byte(r.url))
	return hex.EncodeToString(sum[:8])
}

// cloudEvent returns a notice as a CloudEvent in JSON format, version 1.0.
func cloudEvent(n notice.Notice, source string) (json.RawMessage, error) {
	data := make(map[string]any, len(n.Data)+1)
	maps.Copy(data, n.Data)
	data["sentence"] = n.Sentence
	return json.Marshal(struct {
		SpecVersion string         `json:"specversion"`
		ID          string         `json:"id"`
		Source      string         `json:"source"`
		Type        string         `json:"type"`
		Subject     string         `json:"subject,omitempty"`
		Time        string         `json:"time"`
		ContentType string         `json:"datacontenttype"`
		Data        map[string]any `json:"data"`
	}{"1.0", n.ID, source, n.Type, n.Subject, n.At.UTC().Format(time.RFC3339), "application/json", data})
}

// answer is what came of an attempt.
type answer struct {
	status     int // 0 if there was no response
	err        error
	retryAfter time.Duration
}

func (a answer) ok() bool   { return a.status >= 200 && a.status < 300 }
func (a answer) gone() bool { return a.status == http.StatusGone }

// String describes the answer. It contains neither the URL nor the body.
func (a answer) String() string {
	switch {
	case a.err != nil:
		return printable(a.err.Error())
	case a.status >= 300 && a.status < 400:
		return fmt.Sprintf("%d %s: redirects are not followed", a.status, http.StatusText(a.status))
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
}

// send sends a CloudEvent once.
func (r *Receiver) send(ctx context.Context, id string, event []byte, now time.Time) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(event))
	if err != nil {
		return answer{err: errors.New("invalid URL")}
	}
	for name, values := range r.header {
		request.Header[name] = values
		if name == "Host" {
			request.Host = values[0]
		}
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set("User-Agent", "caddy-jira-tokens")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", timestamp)
	if len(r.secrets) > 0 {
		request.Header.Set("Webhook-Signature", r.signature(id, timestamp, event))
	}
	response, err := r.client.Do(request)
	if err != nil {
		if inURL, ok := errors.AsType[*url.Error](err); ok {
			err = inURL.Err // without the URL
			if inURL.Timeout() {
				err = fmt.Errorf("no response within %s", sendTimeout)
			}
		}
		return answer{err: err}
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection can be used again
	return answer{status: response.StatusCode, retryAfter: retryAfterIn(response.Header, now)}
}

// retryAfterIn returns how long a receiver asks to wait: a number of seconds, or until a
// date. See RFC 9110, section 10.2.3.
func retryAfterIn(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(seconds, 1<<20)) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// signature returns the signatures with all secrets, as Standard Webhooks defines them.
func (r *Receiver) signature(id, timestamp string, body []byte) string {
	signatures := make([]string, len(r.secrets))
	for i, secret := range r.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
