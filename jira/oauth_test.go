package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestOAuthTokensAreKeptUntilRefused(t *testing.T) {
	var fetched atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "token_type": "Bearer"})
	}))
	defer server.Close()
	account := NewAccount("a", OAuth("id", "secret", server.URL, http.DefaultTransport), AccountOptions{})
	for range 3 {
		if got, err := account.Authorization(t.Context()); err != nil || got != "Bearer at" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d tokens for three requests", n)
	}
	// A token that was just fetched cannot be what Jira refused.
	if account.Forget() {
		t.Error("a fresh token was forgotten")
	}
	account.credential.(*oauth).next = time.Time{} // as if time had passed
	if !account.Forget() {
		t.Error("the token was not forgotten")
	}
	if _, err := account.Authorization(t.Context()); err != nil || fetched.Load() != 2 {
		t.Errorf("after Jira refused the token: %v, %d fetched", err, fetched.Load())
	}
}

// TestOAuthFetchesBackOff: not every request asks an endpoint that fails.
func TestOAuthFetchesBackOff(t *testing.T) {
	var fetched atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	account := NewAccount("a", OAuth("id", "secret", server.URL, http.DefaultTransport), AccountOptions{})
	for range 5 {
		if _, err := account.Authorization(t.Context()); err == nil || !strings.Contains(err.Error(), "HTTP 500") {
			t.Errorf("error %v", err)
		}
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("the endpoint was asked %d times", n)
	}
}

// TestHealthIsPerJira: one Jira may accept what another refuses.
func TestHealthIsPerJira(t *testing.T) {
	var told []string
	account := NewAccount("a", Bearer("x"), AccountOptions{ProbeInterval: time.Hour, Changed: func(_ *Account, site string, refused error) {
		told = append(told, fmt.Sprint(site, refused != nil))
	}})
	account.Refused("one", RefusedError{Why: "no"}, time.Now())
	if _, refused := account.Usable("one", time.Now()); refused == nil {
		t.Error("usable where it was refused")
	}
	if _, refused := account.Usable("two", time.Now()); refused != nil {
		t.Error("not usable at another Jira")
	}
	account.Accepted("two")
	if account.Refusal() == nil {
		t.Error("the refusal is forgotten")
	}
	account.Accepted("one")
	if account.Refusal() != nil || fmt.Sprint(told) != "[onetrue onefalse]" {
		t.Errorf("%v, told %v", account.Refusal(), told)
	}
}

// TestOAuthSecretStaysWithTheTokenURL: neither a redirect nor an error leaks it.
func TestOAuthSecretStaysWithTheTokenURL(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, answer := range []func(w http.ResponseWriter, r *http.Request){
		func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": r.PostForm.Encode()})
		},
	} {
		server := httptest.NewServer(http.HandlerFunc(answer))
		_, err := OAuth("id", "top-secret", server.URL, http.DefaultTransport).Authorization(t.Context())
		server.Close()
		if err == nil || strings.Contains(err.Error(), "top-secret") {
			t.Errorf("error %v", err)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the secret was sent elsewhere")
	}
}
