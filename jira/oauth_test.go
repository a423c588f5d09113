package jira

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
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
		t.Errorf("%d tokens were fetched for three requests", n)
	}
	account.Forget()
	if _, err := account.Authorization(t.Context()); err != nil || fetched.Load() != 2 {
		t.Errorf("after Jira refused the token: %v, %d fetched", err, fetched.Load())
	}
}

// TestOAuthSecretStaysWithTheTokenURL: neither a redirect nor an error takes it
// anywhere.
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
