package post

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/jiratokens/caddy-jira-tokens/notice"
)

// TestGone checks that a receiver that answers 410 is left alone until a test succeeds.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Int32
		status.Store(410)
		h := &hook{answer: func(int, *http.Request) (int, http.Header) { return int(status.Load()), nil }}
		o := open(t, newStore(t), receiver(t, "a", h))
		defer o.end()
		for i := range 5 {
			o.Notify(expiring(i))
		}
		time.Sleep(time.Hour)
		o.Notify(expiring(9))
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := o.status("a"); h.attempts() != 1 || s.State != StateGone || s.Waiting != 0 || s.Dropped != 6 {
			t.Errorf("%d attempts, status %+v", h.attempts(), s)
		}
		if tested, err := o.Test(t.Context(), "a"); err != nil || len(tested) != 1 || tested[0].OK || tested[0].Answer != "410 Gone" {
			t.Errorf("test: %+v, %v", tested, err)
		}
		status.Store(200)
		if tested, err := o.Test(t.Context(), ""); err != nil || !tested[0].OK {
			t.Errorf("test: %+v, %v", tested, err)
		}
		o.Notify(expiring(10))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := o.status("a"); s.State != StateOK || s.Delivered != 1 {
			t.Errorf("status %+v", s)
		}
		if _, err := o.Test(t.Context(), "b"); !errors.Is(err, ErrNoReceiver) {
			t.Error(err)
		}
	})
}

// TestEventsAreChosen checks that a receiver gets the types that it asks for.
func TestEventsAreChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, one, all := &hook{}, &hook{}, &hook{}
		o := open(t, newStore(t), receiver(t, "tokens", tokens, "jira_tokens.token.*"), receiver(t, "one", one, "account.failing"), receiver(t, "all", all))
		defer o.end()
		for _, kind := range []string{notice.TokenExpiring, notice.TokenUnused, notice.AccountFailing} {
			o.Notify(notice.Notice{Type: kind, Subject: kind})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if tokens.accepted() != 2 || one.accepted() != 1 || all.accepted() != 3 {
			t.Error(tokens.got, one.got, all.got)
		}
	})
}

// TestSignature checks a request with an independent implementation of Standard Webhooks,
// and the CloudEvent in it.
func TestSignature(t *testing.T) {
	secrets := []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + strings.Repeat("QUJD", 10)}
	var body []byte
	var header http.Header
	r, err := NewReceiver(ReceiverOptions{
		URL: "https://hooks.example.com:8443/x", Secrets: secrets, Header: http.Header{"Authorization": {"Bearer abc"}},
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ = io.ReadAll(r.Body)
			header = r.Header
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}),
	})
	if err != nil || r.Name != "hooks.example.com:8443" {
		t.Fatal(r, err)
	}
	n := expiring(1)
	n.ID, n.At = "msg_1", time.Unix(1_700_000_000, 0)
	event, err := cloudEvent(n, "https://jira.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if answer := r.send(t.Context(), n.ID, event, time.Now()); !answer.ok() {
		t.Fatal(answer)
	}
	for _, secret := range secrets {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(body, header); err != nil {
			t.Errorf("with %.10s…: %v", secret, err)
		}
		if verifier.Verify(append(body, ' '), header) == nil {
			t.Error("a changed body is accepted")
		}
	}
	if header.Get("Content-Type") != "application/cloudevents+json" || header.Get("Authorization") != "Bearer abc" || header.Get("Webhook-Id") != "msg_1" {
		t.Errorf("headers: %v", header)
	}
	want := `{"specversion":"1.0","id":"msg_1","source":"https://jira.example.com","type":"jira_tokens.token.expiring","subject":"tokens/1","time":"2023-11-14T22:13:20Z","datacontenttype":"application/json","data":{"n":1,"sentence":"It ends."}}`
	if string(body) != want {
		t.Errorf("body:\n got %s\nwant %s", body, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestMistakes checks errors about receivers: none shows a secret.
func TestMistakes(t *testing.T) {
	for name, options := range map[string]ReceiverOptions{
		"invalid URL":    {URL: "hooks.example.com/hunter2"},
		"invalid name":   {URL: "https://a.example", Name: "a b"},
		"invalid secret": {URL: "https://a.example", Secrets: []string{"hunter2"}},
		"whsec_ and 24":  {URL: "https://a.example", Secrets: []string{"whsec_aHVudGVyMg=="}},
		"unknown event":  {URL: "https://a.example", Events: []string{"token.expired"}},
	} {
		_, err := NewReceiver(options)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := receiver(t, "a", nil)
	r.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
	if answer := r.send(t.Context(), "1", nil, time.Now()); answer.ok() || answer.String() != "connection refused" {
		t.Error(answer)
	}
}

// TestRetryAfter: a receiver can say how long to wait, in both forms of RFC 9110, 10.2.3.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "999999999999": time.Hour, "86400": time.Hour, "-5": 0, "0": 0, "soon": 0, "": 0,
		now.Add(5 * time.Minute).Format(http.TimeFormat):  5 * time.Minute,
		now.Add(-5 * time.Minute).Format(http.TimeFormat): 0,
		now.Add(1000 * time.Hour).Format(http.TimeFormat): time.Hour,
		"Friday, 27-Nov-26 12:10:00 GMT":                  10 * time.Minute,
		"Fri, 31 Dec 9999 23:59:59 GMT":                   time.Hour,
	} {
		r := receiver(t, "a", &hook{answer: func(int, *http.Request) (int, http.Header) {
			return http.StatusServiceUnavailable, http.Header{"Retry-After": {text}}
		}})
		if got := r.send(t.Context(), "1", []byte("{}"), now).retryAfter; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
